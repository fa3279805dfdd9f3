"""What a request asks the engine, read from its query string: one function a surface."""

from __future__ import annotations

from endcap.domain.values import (
    EVENT_TYPES,
    PERSONAL,
    RELATED,
    RELATIONS,
    SEEN_POLICIES,
    Query,
)
from endcap.serving.parameters import Parameters, read_choice, read_context, read_id, read_k


def personal_query(asked: Parameters, at: int) -> Query:
    """Raises InvalidInput as the readers of ``parameters`` do. ``at``: µs."""
    return Query(
        PERSONAL,
        at=at,
        user_id=read_id(asked, "userId"),
        k=read_k(asked),
        seen=read_choice(asked, "seen", SEEN_POLICIES),
        context=read_context(asked),
    )


def related_query(asked: Parameters, at: int) -> Query:
    """Raises InvalidInput as the readers of ``parameters`` do. ``at``: µs."""
    return Query(
        RELATED,
        at=at,
        item_id=read_id(asked, "itemId"),
        k=read_k(asked),
        by=read_choice(asked, "by", RELATIONS),
    )


def listed_query(asked: Parameters, at: int, surface: str) -> Query:
    """Popular or trending. Raises InvalidInput as the readers of ``parameters`` do."""
    return Query(
        surface,
        at=at,
        k=read_k(asked),
        event_type=read_choice(asked, "eventType", EVENT_TYPES),
        context=read_context(asked),
    )
