"""Events of the lake that are another user's from now on: of a session whose user came to be known.

Files that hold such events are written anew without them; the events go the way of new ones, with
the user that they have now. So each stands in the lake once, whatever comes later.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def former_names(
    connection: duckdb.DuckDBPyConnection,
    tail: pa.Table,
    erased: Mapping[str, int],
    sequence: int,
) -> tuple[Erasure, ...]:
    """For each session that events of the erased users have, in the lake or in ``tail``, the
    erasure of the name that they stood under before they had a user: an earlier version of the
    lake may show them so. Asked before anything of them is gone."""
    if not erased:
        return ()
    connection.register("tail", tail)
    found = connection.execute(
        "SELECT session_id, min(user_id) FROM (SELECT user_id, session_id FROM events "
        "UNION ALL SELECT user_id, session_id FROM tail) "
        "WHERE session_id IS NOT NULL AND user_id IN (SELECT unnest($users)) GROUP BY 1 ORDER BY 1",
        {"users": sorted(erased)},
    ).fetchall()
    connection.unregister("tail")
    return tuple(Erasure(session_user(name), sequence, erased[user]) for name, user in found)


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
