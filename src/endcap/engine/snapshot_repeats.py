"""What a snapshot remembers of arrivals, so that a repeat is still a repeat after a restart."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, cast

import duckdb
import numpy as np
import pyarrow as pa

from endcap.domain.arrays import Int64s, UInt64s
from endcap.domain.hashing import hash_all, stable_hash
from endcap.domain.records import AnyRecord, EventsPosted, content_id
from endcap.engine.limits import StateLimits
from endcap.engine.ragged import Blobs, write_array
from endcap.engine.repeats import Remembered, RequestKeys
from endcap.engine.snapshot_folder import EMPTY_SNAPSHOT, Snapshot

MOST_LAKE_IDS = 1_000_000  # imported events whose ids are remembered, the newest by their time
_BATCH = 65_536


class RepeatArrays(NamedTuple):
    """Event ids (n,) and request keys (m,) within the repeat horizon."""

    id_hashes: UInt64s  # (n,) ascending
    id_times: Int64s  # (n,) µs
    key_hashes: UInt64s  # (m,) ascending
    key_times: Int64s  # (m,)
    key_bodies: Blobs  # (m,)

    def write(self, folder: Path) -> None:
        write_array(folder, "repeats.ids", self.id_hashes)
        write_array(folder, "repeats.id_times", self.id_times)
        write_array(folder, "repeats.keys", self.key_hashes)
        write_array(folder, "repeats.key_times", self.key_times)
        self.key_bodies.write(folder, "repeats.bodies")


def gather_repeats(
    sql: duckdb.DuckDBPyConnection,
    previous: Snapshot | None,
    tail: Iterable[AnyRecord],
    limits: StateLimits,
    newest_ts: int,
) -> tuple[RepeatArrays, int]:
    """Those of the previous snapshot and of the log since, and the newest events of the lake,
    which count as having arrived at their own time. Also the newest time of arrival: 0 if no
    record ever arrived, whatever the times in imported files are."""
    base = EMPTY_SNAPSHOT if previous is None else previous
    horizon, newest = limits.repeat_horizon, base.meta.newest_arrival
    ids = Remembered(base.id_hashes, base.id_times, horizon, newest)
    seen = Remembered(base.key_hashes, base.key_times, horizon, newest)
    keys = RequestKeys(seen, base.key_bodies)
    for record in tail:
        ids.advance(record.at)
        seen.advance(record.at)
        if record.key:
            keys.add(record.key, record.body, record.at)
        if isinstance(record, EventsPosted):
            for event in record.events:
                ids.add(stable_hash(event.event_id.encode()), record.at)
    hashes, times = _with_lake(ids.merged(), _lake_ids(sql, newest_ts - horizon))
    return RepeatArrays(hashes, times, *keys.merged()), ids.newest


def _with_lake(
    arrived: tuple[UInt64s, Int64s], imported: tuple[UInt64s, Int64s]
) -> tuple[UInt64s, Int64s]:
    """Where both know an id, its time of arrival stands."""
    hashes = np.concatenate((arrived[0], imported[0]))
    times = np.concatenate((arrived[1], imported[1]))
    unique, first = np.unique(hashes, return_index=True)
    return unique, times[first]


def _lake_ids(sql: duckdb.DuckDBPyConnection, after: int) -> tuple[UInt64s, Int64s]:
    """(n,) hashes and times of the events after that time, at most MOST_LAKE_IDS."""
    beyond = sql.execute(
        f"SELECT ts FROM mapped WHERE ts > $after ORDER BY ts DESC LIMIT 1 OFFSET {MOST_LAKE_IDS}",  # noqa: S608
        {"after": after},
    ).fetchone()
    found = sql.sql(
        "SELECT user_id, item_id, event_type, ts, value, event_id FROM events WHERE ts > $after",
        params={"after": beyond[0] if beyond else after},
    )
    hashes, times = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for batch in arrow_batches(found, _BATCH):
        *content, ids = (batch.column(place).to_pylist() for place in range(6))
        rows = zip(*content, ids, strict=True)
        hashes.append(hash_all([event_id or content_id(*of) for *of, event_id in rows]))
        times.append(batch.column("ts").to_numpy())
    return np.concatenate(hashes), np.concatenate(times)


def arrow_batches(found: duckdb.DuckDBPyRelation, rows: int) -> Iterable[pa.RecordBatch]:
    """The rows of a relation, streamed."""
    return cast("Iterable[pa.RecordBatch]", found.to_arrow_reader(rows))
