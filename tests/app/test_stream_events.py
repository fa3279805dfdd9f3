"""What becomes of a batch of records, over a history and receipts that answer as they are told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from endcap.app.stream_events import AGAIN, ASIDE, KEPT, Batch, keep_events
from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable
from endcap.domain.streams import StreamRecord
from endcap.domain.values import Event


@dataclass
class History:
    """``errors``: by item, why its event cannot be kept."""

    errors: Mapping[str, EndcapError] = field(default_factory=dict)
    kept: list[Event] = field(default_factory=list)

    def put(self, event: Event) -> bool:
        raise NotImplementedError

    def put_many(self, events: Sequence[Event]) -> Mapping[int, EndcapError]:
        self.kept += [event for event in events if event.item_id not in self.errors]
        return {
            n: self.errors[event.item_id]
            for n, event in enumerate(events)
            if event.item_id in self.errors
        }

    def newest(self, user_id: str, most: int, after_ts: int | None = None) -> list[Event]:
        raise NotImplementedError

    def erase(self, user_id: str) -> int:
        raise NotImplementedError


class Nobody:
    """Nobody was ever erased."""

    def any(self) -> bool:
        return False

    def at(self, user_id: str) -> int:
        raise AssertionError(user_id)


class Unreachable(Nobody):
    def any(self) -> bool:
        raise Unavailable("dynamodb_throttled", field="documents", reason="x")


def records(*items: str) -> list[StreamRecord]:
    return [
        StreamRecord(
            str(n),
            "u",
            json.dumps({"userId": "u", "itemId": i, "event_type": "view"}).encode(),
            1 + n,
        )
        for n, i in enumerate(items)
    ]


def done(history: History, given: list[StreamRecord]) -> tuple[Batch, list[str]]:
    aside: list[str] = []
    batch = keep_events(given, history, Nobody(), lambda r, _: aside.append(r.position))
    return batch, aside


def test_what_can_never_be_kept_is_set_aside_and_what_can_later_comes_again() -> None:
    history = History({
        "large": InvalidInput("document_too_large", field="events", value=1, most=0),
        "throttled": Unavailable("dynamodb_throttled", field="events", reason="x"),
        "denied": Forbidden("dynamodb_denied", field="events", reason="x"),
        "missing": NotFound("no_table", field="DynamoDB", value="events"),
        "unset": InvalidInput("aws_not_configured", field="dynamodb", reason="x"),
    })  # fmt: skip
    given = records("a", "large", "throttled", "denied", "missing", "unset", "b")
    batch, aside = done(history, given)
    assert aside == ["1"]
    assert list(batch.again) == ["2", "3", "4", "5"]
    assert (batch.results[KEPT], batch.results[ASIDE], batch.results[AGAIN]) == (2, 1, 4)
    assert [event.item_id for event in history.kept] == ["a", "b"]


def test_where_it_cannot_be_known_who_was_erased_nothing_is_written() -> None:
    history = History()
    batch = keep_events(records("a", "b"), history, Unreachable(), lambda *_: None)
    assert list(batch.again) == ["0", "1"]
    assert history.kept == []


def test_poison_that_cannot_be_set_aside_comes_again() -> None:
    def refuse(*_: object) -> None:
        raise Forbidden("s3_denied", field="s3://lake", reason="AccessDenied")

    poison = StreamRecord("7", "u", b"{", 0)
    batch = keep_events([poison, *records("a")], History(), Nobody(), refuse)
    assert list(batch.again) == ["7"]
    assert batch.reasons == {"s3_denied": 1}
