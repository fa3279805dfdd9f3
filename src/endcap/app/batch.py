"""Batch recommendations: for all users or a list, streamed to a file, and stored for row A8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from endcap.app.shop import Shop
from endcap.domain.values import PERSONAL, Answer, Query
from endcap.engine import answer as engine

STORED = "storeRecommendations"
STORE_AT_ONCE = 500


def answers(
    shop: Shop, users: Iterable[str] | None, k: int, at: int
) -> Iterator[tuple[str, Answer]]:
    """(user id, answer) of each listed user; of every known user when ``users`` is None."""
    shop.refresh()
    for user_id in all_users(shop) if users is None else users:
        shop.recall(user_id)
        query = Query(surface=PERSONAL, at=at, k=k, user_id=user_id)
        yield user_id, engine.answer(shop.now, query)


def all_users(shop: Shop) -> Iterator[str]:
    users = shop.now.state.users
    return (user_id for row in range(len(users)) if (user_id := users.id(row)))


def row(user_id: str, answer: Answer) -> dict[str, Any]:
    """One line of a batch file."""
    return {
        "userId": user_id,
        "items": [{"id": item.id, "score": item.score} for item in answer.items],
        "strategy": answer.strategy,
        "modelVersion": answer.model_version,
    }


def store(shop: Shop, rows: Iterable[tuple[str, Answer]], at: int) -> int:
    """Keep the answers for ``GET /v1/users/{userId}/recommendations``. Idempotent. Returns how
    many are kept: not those of users who were erased meanwhile."""
    total = 0
    waiting: dict[str, dict[str, Any]] = {}
    for user_id, answer in rows:
        waiting[user_id] = {
            "user_id": user_id,
            "recommendations": [item.id for item in answer.items],
            "scores": [item.score for item in answer.items],
            "model_version": answer.model_version,
            "stored_at": at,
        }
        if len(waiting) == STORE_AT_ONCE:
            total += keep(shop, waiting)
            waiting = {}
    return total + keep(shop, waiting)


def keep(shop: Shop, waiting: Mapping[str, Mapping[str, Any]], kind: str = STORED) -> int:
    """Write rows by user, then look at the log again: an erasure that came before the writing has
    deleted nothing yet, so what it would have deleted is taken back here. Returns how many stay."""
    before = shop.now.state.users
    known = {user_id for user_id in waiting if before.row(user_id) >= 0}
    shop.documents.put_many(kind, waiting)
    shop.refresh()
    users = shop.now.state.users
    gone = [user_id for user_id in known if users.row(user_id) < 0]
    for user_id in gone:
        shop.documents.delete(kind, user_id)
    return len(waiting) - len(gone)


def stored(shop: Shop, user_id: str) -> dict[str, Any] | None:
    """The stored item of a user, as row A4 words it; None when there is none."""
    document = shop.documents.get(STORED, user_id)
    return None if document is None else document.body
