"""The steps that each user of a run goes through: pass on or mock, fetch, store.

An *event* is a dict with ``userId``. Each step gets one and gives the next one's: see
docs/pipeline.md for its members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from endcap.domain.errors import EndcapError, InvalidInput
from endcap.domain.values import PERSONAL, POPULAR, Query

if TYPE_CHECKING:
    from endcap.domain.values import Answer
    from endcap.engine.fallback import Failed
    from endcap.engine.guarding import Deadline
    from endcap.engine.moment import Live

Event = dict[str, Any]
STORED, DRY_RUN, SUPERSEDED = "stored", "dry_run", "superseded"  # what became of an answer
MOST_K, K = 100, 20


class Fetched(NamedTuple):
    """What a back end recommends, best first. ``fallback``: why another one was asked."""

    ids: Sequence[str]
    scores: Sequence[float]
    strategy: str
    version: str
    fallback: str = ""


Backend = Callable[[str, int, int], Fetched]  # user id, k, at (µs)
# (user id, item) → False where an answer of a later time stands already
Put = Callable[[str, Mapping[str, Any]], bool]


def unheard(stage: str, reason: str, error: Exception) -> None:
    """Where nobody asks why an answer is less than it might be."""


def mock(given: Mapping[str, Any], ready: bool, popular: Backend, at: int) -> Event:
    """With a model or campaign (``ready``) the event as it came. Without one, or in a dry run: what
    is popular, marked ``mock``."""
    event = checked(given)
    if ready and not event.get("dryRun"):
        return event
    return {**answered(event, popular(event["userId"], _k(event), at), at), "mock": True}


def fetch(given: Mapping[str, Any], backend: Backend, at: int) -> Event:
    """The event with the user's recommendations; one that has them already as it came."""
    event = checked(given)
    if "recommendations" in event:
        return event
    return answered(event, backend(event["userId"], _k(event), at), at)


def store(given: Mapping[str, Any], put: Put, at: int) -> Event:
    """Keep what was fetched, as row and item of ``storeRecommendations``. The same event again
    changes nothing; one that comes late does not replace what was fetched after it.

    Raises InvalidInput (recommendations_missing)."""
    event = checked(given)
    if event.get("dryRun"):
        return {"outcome": DRY_RUN}
    written = put(event["userId"], item_of(event, at))
    return {"outcome": ("mock" if event.get("mock") else STORED) if written else SUPERSEDED}


def item_of(event: Mapping[str, Any], at: int) -> dict[str, Any]:
    """The stored item. Raises InvalidInput (recommendations_missing)."""
    ids = event.get("recommendations")
    if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
        raise InvalidInput("recommendations_missing", field="recommendations")
    item = {
        "user_id": event["userId"],
        "recommendations": ids,
        "scores": [float(score) for score in event.get("scores", ())],
        "model_version": str(event.get("modelVersion", "")),
        "strategy": str(event.get("strategy", "")),
        "stored_at": int(event.get("at", at)),
    }
    return {**item, "mock": True} if event.get("mock") else item


def answered(event: Mapping[str, Any], found: Fetched, at: int) -> Event:
    told = {
        "recommendations": list(found.ids),
        "scores": [float(score) for score in found.scores],
        "strategy": found.strategy,
        "modelVersion": found.version,
        "at": at,
    }
    return {**event, **told, **({"fallback": found.fallback} if found.fallback else {})}


def checked(given: Mapping[str, Any]) -> Event:
    """Raises InvalidInput (event_without_user)."""
    user_id = given.get("userId")
    if not isinstance(user_id, str) or not user_id:
        raise InvalidInput("event_without_user", field="userId")
    return dict(given)


def _k(event: Mapping[str, Any]) -> int:
    return max(1, min(MOST_K, int(event.get("k") or K)))


def engine_of(
    now: Live, surface: str, deadline: Deadline | None = None, failed: Failed = unheard
) -> Backend:
    """Endcap's own engine over what is published; never raises, and tells ``failed`` of what it
    had to do without."""
    from endcap.engine.fallback import guarded
    from endcap.engine.guarding import Watch

    def ask(user_id: str, k: int, at: int) -> Fetched:
        query = Query(surface, at=at, k=k, user_id=user_id if surface == PERSONAL else None)
        answer = guarded(now, query, Watch(deadline), failed)
        return fetched(answer, now.serving.version)

    return ask


def popular_of(now: Live, failed: Failed = unheard) -> Backend:
    return engine_of(now, POPULAR, None, failed)


def fetched(answer: Answer, version: str) -> Fetched:
    ids = [item.id for item in answer.items]
    scores = [item.score for item in answer.items]
    return Fetched(ids, scores, answer.strategy, version, answer.fallback)


def compared(
    own: Backend, other: Backend, told: Callable[[Fetched, Fetched | str], None]
) -> Backend:
    """``own``; ``told`` is shown what ``other`` says of the same, or the code of why not."""

    def ask(user_id: str, k: int, at: int) -> Fetched:
        found = own(user_id, k, at)
        try:
            theirs: Fetched | str = other(user_id, k, at)
        except EndcapError as error:
            theirs = error.code
        told(found, theirs)
        return found

    return ask


def falling_back(
    first: Backend, then: Callable[[], Backend], failed: Callable[[str], None]
) -> Backend:
    """``first``, and what ``then`` opens where it fails; ``failed`` is told the code of why."""

    def ask(user_id: str, k: int, at: int) -> Fetched:
        try:
            return first(user_id, k, at)
        except EndcapError as error:
            failed(error.code)
            return then()(user_id, k, at)._replace(fallback=error.code)

    return ask
