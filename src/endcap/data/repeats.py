"""Finding repeats: events that came before, in the same import or in the lake.

An event with an id repeats an event with that id; one without repeats an equal one (user, item,
type, time, value) without. Hashes pick the candidates, equality of the columns decides.
"""

from __future__ import annotations

import duckdb
import numpy as np

from endcap.data.sql import first_row
from endcap.domain.arrays import Bools, UInt64s

CONTENT = ("user_id", "item_id", "event_type", "ts", "value")


def drop_event_id_repeats(connection: duckdb.DuckDBPyConnection) -> None:
    """Put the ``arrival`` of ``staged`` events whose id came before into ``dropped``.

    Holds 8 bytes for each event with an id, in ``staged`` and in the lake.
    """
    staged = _hashes(connection, "staged")
    if not len(staged):
        return
    staged.sort()
    suspects = np.unique(staged[1:][staged[1:] == staged[:-1]])
    known = _hashes(connection, "events")
    if len(known):
        suspects = np.union1d(suspects, known[_among(known, staged)])
    if not len(suspects):
        return
    connection.register("suspects", {"hash": suspects})
    connection.execute("""
        INSERT INTO dropped
        WITH suspected AS (
            SELECT event_id, arrival FROM staged
            WHERE event_id IS NOT NULL AND hash(event_id) IN (SELECT hash FROM suspects)
        ), known AS (
            SELECT event_id FROM events
            WHERE event_id IS NOT NULL AND hash(event_id) IN (SELECT hash FROM suspects)
        ), placed AS (
            SELECT event_id, arrival,
                   row_number() OVER (PARTITION BY event_id ORDER BY arrival) AS place
            FROM suspected
        )
        SELECT arrival FROM placed
        WHERE place > 1 OR event_id IN (SELECT event_id FROM known)
    """)
    connection.unregister("suspects")


def _among(values: UInt64s, ordered: UInt64s) -> Bools:
    """(n,) whether each value is in ``ordered``."""
    places = np.searchsorted(ordered, values)
    return np.equal(ordered[np.minimum(places, len(ordered) - 1)], values)


def _hashes(connection: duckdb.DuckDBPyConnection, table: str) -> UInt64s:
    columns = connection.execute(
        f"SELECT hash(event_id) AS hash FROM {table} WHERE event_id IS NOT NULL"
    ).fetchnumpy()
    return np.asarray(columns["hash"], np.uint64)


def drop_content_repeats(connection: duckdb.DuckDBPyConnection, least: int, end: int) -> None:
    """Take repeats without an id out of ``bucket`` (times from ``least`` to before ``end``) and
    put their ``arrival`` into ``dropped``."""
    content = ", ".join(CONTENT)
    equal = " AND ".join(f"b.{name} = known.{name}" for name in CONTENT[:-1])
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE again AS
        WITH plain AS (
            SELECT {content}, arrival, hash({content}) AS key FROM bucket WHERE event_id IS NULL
        ), twice AS (
            SELECT key FROM plain GROUP BY key HAVING count(*) > 1
        ), placed AS (
            SELECT arrival,
                   row_number() OVER (PARTITION BY {content} ORDER BY arrival) AS place
            FROM plain SEMI JOIN twice USING (key)
        ), known AS (
            SELECT {content} FROM events
            WHERE event_id IS NULL AND ts >= {least} AND ts < {end}
        )
        SELECT arrival FROM placed WHERE place > 1
        UNION
        SELECT b.arrival FROM bucket b JOIN known ON {equal}
        WHERE b.event_id IS NULL AND b.value IS NOT DISTINCT FROM known.value
    """)
    if first_row(connection, "SELECT count(*) FROM again")[0]:
        connection.execute("DELETE FROM bucket WHERE arrival IN (SELECT arrival FROM again)")
        connection.execute("INSERT INTO dropped SELECT arrival FROM again")
    connection.execute("DROP TABLE again")
