"""The data-quality report: what the lake holds after an import, and what looks odd about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import duckdb
from msgspec import Struct

from endcap.data.merge import DAY_US, date_of
from endcap.data.sql import first_row

_SHOWN = 20


class Gap(Struct, frozen=True):
    """Days without any event, both inclusive, as ISO dates."""

    first: str
    last: str
    days: int


class Quality(Struct, frozen=True):
    """Of the whole lake. Times ISO 8601; empty when there are no events."""

    events: int
    users: int  # with events
    items: int  # with events
    first_event: str
    last_event: str
    event_types: dict[str, int]
    known_items: int  # in the catalogue
    known_users: int
    unknown_items: int  # distinct items of events that the catalogue does not hold
    unknown_item_events: int
    cold_items: int  # catalogue items without an event
    cold_share: float  # of the catalogue
    days_with_events: int
    days_without_events: int  # between the first and the last
    gaps: list[Gap]  # runs of such days, the longest first, at most 20
    events_per_user: dict[str, float]  # quantiles: "0.5", "0.9", …


def measure(connection: duckdb.DuckDBPyConnection) -> Quality:
    """Measure the views of a connection to the lake."""
    events, least, most = first_row(connection, "SELECT count(*), min(ts), max(ts) FROM events")
    types = connection.execute(
        "SELECT event_type, count(*) FROM events GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE by_item AS "
        "SELECT item_id, count(*) AS n FROM events GROUP BY 1"
    )
    items, unknown, unknown_events = first_row(
        connection,
        "SELECT (SELECT count(*) FROM by_item), count(*), coalesce(sum(n), 0)::BIGINT "
        "FROM by_item ANTI JOIN items USING (item_id)",
    )
    (known,) = first_row(connection, "SELECT count(*) FROM items")
    cold = known - (items - unknown)
    users, quantiles = _users(connection)
    days = _days(connection)
    return Quality(
        events=events,
        users=users,
        items=items,
        first_event=iso(least),
        last_event=iso(most),
        event_types=dict(types),
        known_items=known,
        known_users=first_row(connection, "SELECT count(*) FROM users")[0],
        unknown_items=unknown,
        unknown_item_events=unknown_events,
        cold_items=cold,
        cold_share=cold / known if known else 0.0,
        days_with_events=len(days),
        days_without_events=days[-1] - days[0] + 1 - len(days) if days else 0,
        gaps=_gaps(days),
        events_per_user=quantiles,
    )


def _users(connection: duckdb.DuckDBPyConnection) -> tuple[int, dict[str, float]]:
    """(users, quantiles of their numbers of events)."""
    at = (0.1, 0.5, 0.9, 0.99, 1.0)
    users, quantiles = first_row(
        connection,
        f"SELECT count(*), quantile_cont(n, {[*at]}) FROM "
        "(SELECT count(*) AS n FROM events GROUP BY user_id)",
    )
    values = quantiles or [0.0] * len(at)
    return users, {f"{q:g}": float(v) for q, v in zip(at, values, strict=True)}


def _days(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """Days since 1970 with events, in order."""
    found = connection.execute(f"SELECT DISTINCT ts // {DAY_US} AS day FROM events ORDER BY day")
    return [day for (day,) in found.fetchall()]


def _gaps(days: list[int]) -> list[Gap]:
    """Runs of missing days between the first and the last."""
    gaps = [
        Gap(date_of(before + 1), date_of(after - 1), after - before - 1)
        for before, after in pairwise(days)
        if after - before > 1
    ]
    return sorted(gaps, key=lambda gap: -gap.days)[:_SHOWN]


def iso(ts: int | None) -> str:
    """µs UTC as ISO 8601 with seconds; empty for None."""
    if ts is None:
        return ""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ts)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
