"""What a request asks the engine, read from its query string: one function a surface."""

from __future__ import annotations

from msgspec.structs import replace

from endcap.domain.filters import Filtering
from endcap.domain.values import (
    EVENT_TYPES,
    EXCLUDE_NONE,
    PERSONAL,
    RELATED,
    RELATIONS,
    SEEN_POLICIES,
    Query,
)
from endcap.serving.parameters import (
    Parameters,
    about_no_item,
    read_choice,
    read_context,
    read_filter,
    read_id,
    read_k,
)


def personal_query(asked: Parameters, at: int) -> Query:
    """Raises InvalidInput as the readers of ``parameters`` do. ``at``: µs."""
    return Query(
        PERSONAL,
        at=at,
        user_id=read_id(asked, "userId"),
        k=read_k(asked),
        seen=read_choice(asked, "seen", SEEN_POLICIES),
        context=read_context(asked),
        filter=about_no_item(read_filter(asked)),
    )


def related_query(asked: Parameters, at: int) -> Query:
    """Raises InvalidInput as the readers of ``parameters`` do. ``at``: µs."""
    query = Query(
        RELATED,
        at=at,
        item_id=read_id(asked, "itemId"),
        k=read_k(asked),
        by=read_choice(asked, "by", RELATIONS),
    )
    return filtered(query, asked, read_filter(asked))


def listed_query(asked: Parameters, at: int, surface: str) -> Query:
    """Popular or trending. Raises InvalidInput as the readers of ``parameters`` do."""
    query = Query(
        surface,
        at=at,
        k=read_k(asked),
        event_type=read_choice(asked, "eventType", EVENT_TYPES),
        context=read_context(asked),
    )
    return filtered(query, asked, about_no_item(read_filter(asked)))


def filtered(query: Query, asked: Parameters, given: Filtering | None) -> Query:
    """The query with a filter, for which ``userId`` may name the shopper it speaks of: nothing else
    of the answer depends on who that is."""
    user_id = read_id(asked, "userId") if "userId" in asked else None
    if given is None:
        return query
    return replace(query, filter=given, user_id=user_id, seen=EXCLUDE_NONE)
