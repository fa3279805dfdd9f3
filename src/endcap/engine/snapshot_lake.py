"""Build a snapshot from the lake: after an import, or when no usable snapshot is left.

DuckDB does what is large (map ids to rows, sort, sum) out of core and streams the result; in
memory stand the vocabulary and one batch. Files of the lake are read under one manifest.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from endcap.data.lake import Lake, Manifest
from endcap.domain.arrays import Int64s
from endcap.domain.errors import Conflict, InvalidInput
from endcap.domain.records import AnyRecord
from endcap.domain.sessions import is_session
from endcap.domain.values import Attributes
from endcap.engine.attributes import pack
from endcap.engine.ids import IdTable
from endcap.engine.limits import StateLimits, half_life_of
from endcap.engine.ragged import Blobs, create_array, starts_of, write_array
from endcap.engine.snapshot_folder import EMPTY_SNAPSHOT, FORMAT, FadeMeta, Snapshot, SnapshotMeta
from endcap.engine.snapshot_merge import write_meta
from endcap.engine.snapshot_repeats import arrow_batches, gather_repeats
from endcap.engine.state import MOST_EVENT_TYPES

_ROW_TABLES = ("item_rows", "user_rows", "type_codes")
_BATCH = 122_880  # rows of a streamed batch: DuckDB's row group


def build_snapshot(
    lake: Lake,
    previous: Snapshot | None,
    folder: Path,
    limits: StateLimits,
    *,
    tail: Iterable[AnyRecord] = (),
    at: int | None = None,
    renumber: bool = False,
) -> SnapshotMeta:
    """Write a snapshot of the whole lake, as of its ``log_offset``, into the empty folder.

    Rows of ``previous`` stay, new ids follow in their order; ``renumber``: all rows are given anew,
    and ids that the lake no longer holds are known no more. ``tail``: the log's records from
    ``previous.log_offset`` up to the lake's, of which the repeats are taken. ``at`` (µs): events
    dated later count in popular and trending as if they happened then. Events of one user and
    one time stand in the order of their rows, since the lake knows no finer order.

    Raises Conflict (lake_behind_snapshot): append the log to the lake first; InvalidInput
    (too_many_event_types). Nobody may write to the lake meanwhile.
    """
    manifest = lake.manifest()
    _check_not_behind(manifest, previous)
    with lake.connect(manifest) as sql:
        ids = _write_vocabulary(sql, manifest, None if renumber else previous, folder)
        newest = _map_events(sql, ids, at)
        events = _write_histories(sql, folder, len(ids.users), limits.history_events)
        slow, fast = _write_counts(sql, folder, ids, limits, newest)
        repeats, newest_arrival = gather_repeats(sql, previous, tail, limits, newest)
        repeats.write(folder)
    _write_attributes(folder, "items", ((i.item_id, i.attributes) for i in lake.items()))
    _write_attributes(folder, "users", ((u.user_id, u.attributes) for u in lake.users()))
    return write_meta(
        folder,
        SnapshotMeta(
            format=FORMAT,
            log_offset=manifest.log_offset,
            lake_version=manifest.version,
            items=len(ids.items),
            users=len(ids.users),
            events=events,
            event_types=tuple(ids.event_types),
            newest_ts=newest,
            newest_arrival=newest_arrival,
            slow=slow,
            fast=fast,
        ),
    )


def _check_not_behind(manifest: Manifest, previous: Snapshot | None) -> None:
    if previous is not None and manifest.log_offset < previous.log_offset:
        raise Conflict("lake_behind_snapshot", value=manifest.log_offset, least=previous.log_offset)


class _Ids(NamedTuple):
    """Everything by row or code; ``""`` is a tombstone."""

    items: list[str]
    users: list[str]
    event_types: list[str]


def _write_vocabulary(
    sql: duckdb.DuckDBPyConnection, manifest: Manifest, previous: Snapshot | None, folder: Path
) -> _Ids:
    old = EMPTY_SNAPSHOT if previous is None else previous
    gone = frozenset(erasure.user_id for erasure in manifest.erasures)
    return _Ids(
        _write_ids(sql, old.items, folder, "item", frozenset()),
        _write_ids(sql, old.users, folder, "user", gone),
        _event_types(sql, old),
    )


def _write_ids(
    sql: duckdb.DuckDBPyConnection,
    old: IdTable,
    folder: Path,
    kind: str,
    gone: frozenset[str],
) -> list[str]:
    """Ids by row: the previous ones, then new ones ascending. Those in ``gone`` that the lake no
    longer holds become tombstones. ``kind`` is ``item`` or ``user``."""
    found: list[str] = (
        sql.sql(
            f"SELECT {kind}_id FROM events UNION SELECT {kind}_id FROM {kind}s ORDER BY 1"  # noqa: S608
        )
        .to_arrow_table()[0]
        .to_pylist()
    )
    ids = old.ids(range(len(old)))
    # A session that has a user by now has no events of its own, and no name.
    linked = {text for text in ids if is_session(text)} if kind == "user" else set()
    for text in (gone | linked).difference(found):
        if (row := old.row(text)) >= 0:
            ids[row] = ""
    rows = old.locate(found)
    ids += [found[place] for place in np.flatnonzero(rows < 0).tolist()]
    IdTable.write(folder, f"{kind}s", ids)
    return ids


def _event_types(sql: duckdb.DuckDBPyConnection, old: Snapshot) -> list[str]:
    names = list(old.meta.event_types)
    found = sql.sql("SELECT DISTINCT event_type FROM events ORDER BY 1").fetchall()
    names += [name for (name,) in found if name not in names]
    if len(names) > MOST_EVENT_TYPES:
        raise InvalidInput(
            "too_many_event_types", field="event_type", count=len(names), most=MOST_EVENT_TYPES
        )
    return names


def _map_events(sql: duckdb.DuckDBPyConnection, ids: _Ids, at: int | None) -> int:
    """Make the table ``mapped`` (u, i, t, ts, counted_ts), all integers. Returns the newest
    counted time."""
    for name, column in zip(_ROW_TABLES, ids, strict=True):
        rows = np.arange(len(column), dtype=np.int32)
        sql.register(name, pa.table({"id": pa.array(column, pa.string()), "row": rows}))
    sql.execute(
        "CREATE TEMP TABLE mapped AS SELECT u.row AS u, i.row AS i, t.row::UTINYINT AS t, e.ts, "
        "greatest(0, least(e.ts, $at)) AS counted_ts FROM events e "
        "JOIN user_rows u ON u.id = e.user_id JOIN item_rows i ON i.id = e.item_id "
        "JOIN type_codes t ON t.id = e.event_type",
        {"at": 2**63 - 1 if at is None else at},
    )
    for name in _ROW_TABLES:
        sql.unregister(name)
    newest = sql.execute("SELECT coalesce(max(counted_ts), 0) FROM mapped").fetchone()
    return int(newest[0]) if newest else 0


def _write_histories(sql: duckdb.DuckDBPyConnection, folder: Path, users: int, limit: int) -> int:
    """Each user's newest ``limit`` events. Returns how many there are in all."""
    counted = sql.execute("SELECT u, count(*) AS n FROM mapped GROUP BY u").fetchnumpy()
    lengths = np.zeros(users, np.int64)
    lengths[np.asarray(counted["u"])] = np.asarray(counted["n"])
    starts = starts_of(np.minimum(lengths, limit))
    total = int(starts[-1])
    # Where a user's first event would stand if nothing were cut: (users,)
    shift = starts[1:] - np.cumsum(lengths)
    columns = {
        "i": create_array(folder, "history.items", total, np.int32),
        "t": create_array(folder, "history.types", total, np.uint8),
        "ts": create_array(folder, "history.ts", total, np.int64),
    }
    done = 0
    sorted_events = sql.sql("SELECT u, i, t, ts FROM mapped ORDER BY u, ts, i, t")
    for batch in arrow_batches(sorted_events, _BATCH):
        user = batch.column("u").to_numpy()
        place: Int64s = np.arange(done, done + len(user)) + shift[user]  # (batch,)
        kept = place >= starts[user]
        for name, target in columns.items():
            target[place[kept]] = batch.column(name).to_numpy()[kept]
        done += len(user)
    write_array(folder, "history.starts", starts)
    return total


def _write_counts(
    sql: duckdb.DuckDBPyConnection, folder: Path, ids: _Ids, limits: StateLimits, newest: int
) -> tuple[FadeMeta, FadeMeta]:
    """The slow and the fast forward-decayed counts, as counts.DecayedCounts would hold them."""
    fades = []
    for name, half_life_days in (
        ("counts.slow", limits.popular_half_life_days),
        ("counts.fast", limits.trending_half_life_days),
    ):
        half_life = half_life_of(half_life_days)
        fade = FadeMeta(half_life, newest // half_life)
        summed = sql.execute(
            "SELECT i, t, sum(pow(2, greatest(-1074, counted_ts / $half_life - $landmark))) AS n "
            "FROM mapped GROUP BY i, t",
            {"half_life": float(half_life), "landmark": float(fade.landmark)},
        ).fetchnumpy()
        values = np.zeros((len(ids.event_types), len(ids.items)))  # (event types, items)
        values[np.asarray(summed["t"]), np.asarray(summed["i"])] = np.asarray(summed["n"])
        write_array(folder, name, values)
        fades.append(fade)
    return fades[0], fades[1]


def _write_attributes(folder: Path, name: str, rows: Iterable[tuple[str, Attributes]]) -> None:
    table = IdTable.open(folder, name)
    blobs = [b""] * len(table)
    for text, attributes in rows:
        row = table.row(text)
        if row >= 0:
            blobs[row] = pack(attributes)
    Blobs.of(blobs).write(folder, f"{name}.attributes")
