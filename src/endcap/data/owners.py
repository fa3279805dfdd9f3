"""Events of the lake that are another user's from now on: of a session whose user came to be known.

Files that hold such events are written anew without them; the events go the way of new ones, with
the user that they have now. So each stands in the lake once, whatever comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from endcap.data.compact import write_events
from endcap.data.manifest import Erasure, Manifest, Part
from endcap.data.sql import listed, text
from endcap.data.views import Where, events_sql
from endcap.domain.columns import EVENTS, USER_ID
from endcap.domain.sessions import session_user


def taken_over(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    base: Manifest,
    linked: Mapping[str, str],
    fresh: pa.Table,
    name: str,
    where: Where,
) -> tuple[Manifest, pa.Table]:
    """``base`` without the events of the users in ``linked``, and these before ``fresh``, under
    the users they are linked to. ``connection``: views of ``base``; ``name``: stem of new files."""
    if not linked or not base.events:
        return base, fresh
    connection.register("links", _links(linked))
    held = _holding(connection, base, where)
    if not held:
        return base, fresh
    found = _theirs(connection, msgspec.structs.replace(base, events=tuple(held)), where)
    events: list[Part] = []
    for part in base.events:
        if part not in held:
            events.append(part)
            continue
        sql = events_sql(where, msgspec.structs.replace(base, events=(part,)))
        events += write_events(
            connection, root, f"SELECT * FROM ({sql}) ANTI JOIN links USING (user_id)",
            part.path.split("/")[1], name=f"linked-{name}", source=part.source,
            sequence=part.sequence,
        )  # fmt: skip
    return msgspec.structs.replace(base, events=tuple(events)), _before(found, fresh)


def sessions_of(connection: duckdb.DuckDBPyConnection, users: Collection[str]) -> list[str]:
    """Under whom events of these users stood, or would have stood, before they had a user."""
    found = connection.execute(
        "SELECT DISTINCT session_id FROM events "
        "WHERE session_id IS NOT NULL AND user_id IN (SELECT unnest($users))",
        {"users": sorted(users)},
    ).fetchall()
    return sorted(session_user(session_id) for (session_id,) in found)


def erased_before(
    newest: Manifest, connect: Callable[[Manifest], duckdb.DuckDBPyConnection]
) -> tuple[Erasure, ...]:
    """What an earlier version must leave out: in it, events of an erased user may still stand
    under their session."""
    if not newest.erasures:
        return ()
    users = {erasure.user_id for erasure in newest.erasures}
    with connect(msgspec.structs.replace(newest, erasures=())) as connection:
        names = sessions_of(connection, users)
    after = newest.sequence + 1
    return (*newest.erasures, *(Erasure(name, after) for name in names if name not in users))


def _links(linked: Mapping[str, str]) -> pa.Table:
    columns = {USER_ID: [*linked], "owner": [*linked.values()]}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _holding(connection: duckdb.DuckDBPyConnection, base: Manifest, where: Where) -> set[Part]:
    """The parts with events of whoever is linked."""
    files = {where(part.path): part for part in base.events}
    listing = ", ".join(map(text, files))
    rows = connection.execute(
        f"SELECT DISTINCT filename FROM read_parquet([{listing}], hive_partitioning = false, "
        "filename = true) SEMI JOIN links USING (user_id)"
    ).fetchall()
    return {files[name] for (name,) in rows}


def _theirs(connection: duckdb.DuckDBPyConnection, held: Manifest, where: Where) -> pa.Table:
    """Their events, with the users that they have now, as they arrived."""
    columns = listed([name for name in EVENTS if name != USER_ID])
    return connection.sql(
        f"SELECT l.owner AS user_id, {columns}, row_number() OVER () - 1 AS arrival "
        f"FROM ({events_sql(where, held)}) e JOIN links l USING (user_id)"
    ).to_arrow_table()


def _before(found: pa.Table, fresh: pa.Table) -> pa.Table:
    """One table; ``arrival`` goes on."""
    place = fresh.schema.get_field_index("arrival")
    later = pc.add(fresh.column(place), found.num_rows)
    fresh = fresh.set_column(place, fresh.schema.field(place), later)
    return pa.concat_tables([found.select(fresh.column_names).cast(fresh.schema), fresh])
