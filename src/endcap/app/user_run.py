"""The pipeline over a file of users: import them, answer each one, store the answers, say so.

``USERS_RUN`` is the one list: `endcap pipeline run users` runs it here over the shop's own
documents, and `endcap pipeline export` makes the state machine of the functions of these names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from endcap.app import batch, user_answers
from endcap.app.notices import notice_of
from endcap.app.shop import Shop
from endcap.app.user_records import USERS, import_users, users_in
from endcap.domain.values import PERSONAL
from endcap.pipeline.steps import WHOLE, Facts, Over, Pipeline, Retry, Step
from endcap.ports import Message

EACH = Over("users", "userId", "outcomes")
EACH_S = 120  # for one step of one user, the wait for a free environment among it


@dataclass(frozen=True)
class UserRun:
    """One opened shop. ``read`` gives the pieces of a file; ``clock`` gives µs; ``send`` tells
    people."""

    shop: Shop
    clock: Callable[[], int]
    read: Callable[[str], Iterable[bytes]]
    send: Callable[[Message], None]

    def members(self, facts: Facts, _: Over) -> Iterator[str]:
        """The users of the file, read again: nothing of them stands in the record of the run."""
        return users_in(self.read(str(facts["source"])))

    def import_users(self, facts: Facts) -> Facts:
        write = self.shop.documents.put_many
        done = import_users(self.read(str(facts["source"])), lambda rows: write(USERS, rows))
        told: dict[str, Any] = msgspec.to_builtins(done)
        return told

    def mock(self, event: Facts) -> Facts:
        self.shop.refresh()
        now = self.shop.now
        popular = user_answers.popular_of(now)
        return user_answers.mock(event, bool(now.serving.version), popular, self.clock())

    def fetch(self, event: Facts) -> Facts:
        backend = user_answers.engine_of(self.shop.now, PERSONAL)
        return user_answers.fetch(event, backend, self.clock())

    def store(self, event: Facts) -> Facts:
        return user_answers.store(event, self.put, self.clock())

    def put(self, user_id: str, item: Mapping[str, Any]) -> bool:
        standing = batch.stored(self.shop, user_id)
        if standing is not None and int(standing["stored_at"]) > int(item["stored_at"]):
            return False
        return bool(batch.keep(self.shop, {user_id: item}))

    def notify(self, facts: Facts) -> Facts:
        self.send(notice_of(USERS_RUN, facts))
        return {}


def _step(
    name: str,
    run: Callable[..., Facts],
    inputs: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    **more: Any,
) -> Step:
    return Step(name, run, inputs, outputs, Retry(3), function=name, **more)


USERS_RUN = Pipeline(
    "users",
    "Import a file of users, fetch each one's recommendations, store them, and say so.",
    {"source": "", "k": user_answers.K, "dryRun": False},
    (
        _step(
            "ImportUsersFromS3", UserRun.import_users, ("source",),
            ("read", "written", "bad", "codes", "told", "users", "users_file"),
        ),
        _step(
            "MockRecommendations", UserRun.mock, ("userId", "k", "dryRun"),
            over=EACH, catch=True, timeout_s=EACH_S,
        ),
        _step("FetchRecommendations", UserRun.fetch, over=EACH, catch=True, timeout_s=EACH_S),
        _step("StoreToDynamoDB", UserRun.store, over=EACH, catch=True, timeout_s=EACH_S),
        _step("NotifyCompletion", UserRun.notify, (WHOLE,), timeout_s=60, always=True),
    ),
    on_file="source",
)  # fmt: skip
