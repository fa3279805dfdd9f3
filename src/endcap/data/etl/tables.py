"""The tables that the ETL makes, in the order in which one may read another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from endcap.domain.errors import InvalidInput

RAW_EVENTS, RAW_ITEMS, RAW_USERS, ERASURES = "raw_events", "raw_items", "raw_users", "erasures"
RAW = (RAW_EVENTS, RAW_ITEMS, RAW_USERS, ERASURES)  # what the runner makes of the lake's parts


class Table(NamedTuple):
    """``reads``: tables made before it, or of ``RAW``. ``dated``: one partition a UTC date, made
    from the events of that date alone; else made anew as a whole. ``order``: how the rows of a
    file are sorted. ``timed``: it depends on the time ``as_of``. ``by_user``: a user's rows come
    from the user's own events (and the items) alone."""

    name: str
    reads: tuple[str, ...]
    about: str
    dated: bool = False
    order: tuple[str, ...] = ()
    timed: bool = False
    by_user: bool = False


TABLES: tuple[Table, ...] = (
    Table("items", (RAW_ITEMS,), "one row for each product"),
    Table("users", (RAW_USERS, ERASURES), "one row for each user that has attributes"),
    Table("events", (RAW_EVENTS, ERASURES), "one row for each event", True, ("ts", "arrival")),
    Table(
        "training", ("events", "items", "users"),
        "events joined with what is known of item and user", True, ("ts", "arrival"),
    ),
    Table(
        "sessions", ("events",), "runs of a user's events of one UTC date", True,
        ("begin_ts", "user_id", "session_number"),
    ),
    Table(
        "history", ("events", "items"), "the newest events of each user", timed=True, by_user=True,
    ),
    Table(
        "user_features", ("history",), "what features say of each user", timed=True, by_user=True,
    ),
    Table(
        "user_product_features", ("history", "items"), "… of each user × product", timed=True,
        by_user=True,
    ),
    Table("product_features", ("events", "items"), "… of each product", timed=True),
    Table("cooccurrence", ("events",), "users who had both of two items"),
    Table("neighbours", ("cooccurrence",), "the items that go best with each"),
    Table("quality", ("events", "items", "users"), "data-quality checks", timed=True),
)  # fmt: skip
BY_NAME = {table.name: table for table in TABLES}
# What Spark alone makes, by ``pyspark.ml`` (``spark_factors.py``), and only where it is asked to.
STRENGTHS = "strengths"  # the statement of what they are fitted to
FACTORS: tuple[Table, ...] = (
    Table("item_factors", ("events",), "a vector of each item"),
    Table("user_factors", ("events",), "a vector of each user, of the same space"),
)


def with_inputs(names: Iterable[str], factors: bool = False) -> list[Table]:
    """These tables and all that they read, in order; all tables for no name. ``factors``: also
    ``FACTORS``.

    Raises InvalidInput (unknown_table).
    """
    wanted = set(names) or set(BY_NAME)
    for name in sorted(wanted - set(BY_NAME)):
        raise InvalidInput(
            "unknown_table", field="--tables", value=name, permitted=", ".join(BY_NAME)
        )
    more = FACTORS if factors else ()
    wanted |= {table.name for table in more}
    for table in (*more, *reversed(TABLES)):
        if table.name in wanted:
            wanted |= set(table.reads)
    return [table for table in (*TABLES, *more) if table.name in wanted]
