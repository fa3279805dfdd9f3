"""Reading the lake as training data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
from scipy import sparse

from endcap.data.interactions import Interactions
from endcap.data.lake import Lake
from endcap.data.sql import first_row
from endcap.domain.arrays import Int32s, Int64s
from endcap.domain.columns import ATTRIBUTES, TS, USER_ID
from endcap.domain.errors import InvalidInput
from endcap.domain.values import EVENT_TYPES, OF_VISITOR, Attributes

MOST_TYPES = 255  # event types fit into a byte
_ROWS = 500_000
_MOST = 3e38  # of a value: more does not fit 32 bits
_SESSION = (
    ", CASE WHEN coalesce(session_id, '') = '' THEN -1 "
    "ELSE (hash(session_id) >> 1)::BIGINT END AS session"
)


def load_interactions(
    lake: Lake, since_ts: int | None = None, sessions: bool = False
) -> Interactions:
    """All events (from ``since_ts`` µs on) by user, time, arrival; ids in their own order.
    ``sessions``: also which belong to one session.

    Memory: 40 bytes for each event while it runs, and the ids. InvalidInput
    (too_many_event_types) beyond 255 types.
    """
    with lake.connect() as connection:
        since = 0 if since_ts is None else since_ts
        connection.execute(f"CREATE VIEW chosen AS SELECT * FROM events WHERE ts >= {since}")
        users = _ids(connection, "user_id")
        items = _ids(connection, "item_id")
        types = _event_types(connection)
        columns = _columns(connection, len(users), len(items), types, sessions)
    order = _by_user_and_time(columns["user"], columns["ts"], len(users))
    value = columns["value"][order]
    return Interactions(
        user=columns["user"][order],
        item=columns["item"][order],
        type=columns["type"][order],
        ts=columns["ts"][order],
        user_ids=users,
        item_ids=items,
        event_types=types,
        value=None if np.isnan(value).all() else value,
        session=columns["session"][order] if sessions else None,
    )


def _ids(connection: duckdb.DuckDBPyConnection, column: str) -> list[str]:
    """The distinct ids in order; also a type that maps an id to its place in the list."""
    connection.execute(f"CREATE TEMP TABLE ids AS SELECT DISTINCT {column} FROM chosen ORDER BY 1")
    ids: list[str] = (
        connection.sql(f"SELECT {column} FROM ids ORDER BY 1")
        .to_arrow_table()
        .column(0)
        .to_pylist()
    )
    if ids:
        connection.execute(
            f"CREATE TYPE {column}_row AS ENUM (SELECT {column} FROM ids ORDER BY 1)"
        )
    connection.execute("DROP TABLE ids")
    return ids


def _event_types(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The three that every shop has, then others in order."""
    found = connection.execute("SELECT DISTINCT event_type FROM chosen ORDER BY 1").fetchall()
    types = EVENT_TYPES + tuple(name for (name,) in found if name not in EVENT_TYPES)
    if len(types) > MOST_TYPES:
        raise InvalidInput(
            "too_many_event_types", field="event_type", count=len(types), most=MOST_TYPES
        )
    return types


def _columns(
    connection: duckdb.DuckDBPyConnection,
    n_users: int,
    n_items: int,
    types: Sequence[str],
    sessions: bool,
) -> dict[str, Any]:
    """Events in the lake's order: user, item, type, ts, value, session where asked, each (n,)."""
    (n,) = first_row(connection, "SELECT count(*) FROM chosen")
    columns = {
        "user": np.empty(n, np.int32),
        "item": np.empty(n, np.int32),
        "type": np.empty(n, np.uint8),
        "ts": np.empty(n, np.int64),
        "value": np.empty(n, np.float32),
    }
    if sessions:
        columns["session"] = np.empty(n, np.int64)
    if not (n and n_users and n_items):
        return columns
    connection.register("codes", pa.table({"name": list(types)}))
    connection.execute("CREATE TYPE type_row AS ENUM (SELECT name FROM codes)")
    reader = connection.sql(
        "SELECT enum_code(user_id::user_id_row)::INTEGER AS user, "
        "enum_code(item_id::item_id_row)::INTEGER AS item, "
        "enum_code(event_type::type_row)::UTINYINT AS type, ts, "
        "CASE WHEN value IS NULL THEN 'nan'::FLOAT "
        f"ELSE greatest(least(value, {_MOST}), -{_MOST})::FLOAT END AS value"
        f"{_SESSION if sessions else ''} FROM chosen"
    ).to_arrow_reader(_ROWS)
    start = 0
    for batch in reader:
        end = start + batch.num_rows
        for name, array in columns.items():
            array[start:end] = batch.column(batch.schema.get_field_index(name)).to_numpy()
        start = end
    return columns


def _by_user_and_time(user: Int32s, ts: Int64s, n_users: int) -> Int64s:
    """(n,) positions by user, then time, then place: two stable sorts, the second a count."""
    n = len(user)
    by_time = np.arange(n) if (ts[1:] >= ts[:-1]).all() else np.argsort(ts, kind="stable")
    cells = (np.ones(n, np.bool_), (user[by_time], np.arange(n)))
    order: Int64s = by_time[sparse.coo_array(cells, shape=(n_users, n)).tocsr().indices]
    return order


def load_catalogue(lake: Lake, item_ids: Sequence[str]) -> list[Attributes]:
    """The attributes of each item, in the order asked for; empty for an unknown item."""
    return _in_order(((item.item_id, item.attributes) for item in lake.items()), item_ids)


def load_people(lake: Lake, user_ids: Sequence[str]) -> list[Attributes]:
    """The attributes of each user, in the order asked for; empty for an unknown user. What the
    first events that say so told of the visitor (``OF_VISITOR``) wins, as in a query."""
    found = _in_order(((user.user_id, user.attributes) for user in lake.users()), user_ids)
    for known, told in zip(found, _in_order(_visits(lake), user_ids), strict=True):
        known.update(told)
    return found


def _visits(lake: Lake) -> Iterator[tuple[str, Attributes]]:
    """(user, what their first event that has attributes says of the visitor)."""
    with lake.connect() as connection:
        reader = connection.sql(
            f"SELECT {USER_ID}, arg_min({ATTRIBUTES}, {TS}) AS said FROM events "
            f"WHERE {ATTRIBUTES} IS NOT NULL GROUP BY 1"
        ).to_arrow_reader(_ROWS)
        for batch in reader:
            for row in batch.to_pylist():
                said = msgspec.json.decode(row["said"])
                told = {name: said.get(name) for name in OF_VISITOR}
                yield row[USER_ID], {n: v for n, v in told.items() if isinstance(v, str)}


def _in_order(told: Iterable[tuple[str, Attributes]], ids: Sequence[str]) -> list[Attributes]:
    place = {known: index for index, known in enumerate(ids)}
    found: list[Attributes] = [{} for _ in ids]
    for known, attributes in told:
        index = place.get(known)
        if index is not None:
            found[index] = attributes
    return found
