"""Vectors of all shoppers, folded from the lake's histories in one ordered pass.

Memory does not grow with shoppers: DuckDB sorts within its limit, histories come in batches, and
vectors and ids go to files that are then mapped.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from endcap.data.lake import Lake
from endcap.domain.arrays import Float32s, Int64s
from endcap.models.embeddings import SHORTEST, Embeddings
from endcap.models.item_ids import ItemIds
from endcap.models.queries import Queries

BATCH = 100_000  # events
Progress = Callable[[str, float], None]


class Folded(NamedTuple):
    ids: Sequence[str]  # in order
    vectors: Float32s  # (n, d), mapped


class Batch(NamedTuple):
    """Events of whole shoppers, by shopper and time. ``starts`` (users + 1,)."""

    users: list[str]
    starts: Int64s
    rows: Any  # (events,) model rows
    ts: Any  # (events,) µs


@contextmanager
def fold_users(
    lake: Lake, embeddings: Embeddings, most_events: int, folder: Path, progress: Progress
) -> Iterator[Folded]:
    """The newest ``most_events`` of each shopper, folded; shoppers of whom the embeddings know
    nothing are left out. ``folder`` is written to, and removed at the end."""
    try:
        yield _written(lake, embeddings, most_events, folder, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _written(
    lake: Lake, embeddings: Embeddings, most_events: int, folder: Path, progress: Progress
) -> Folded:
    lengths: list[Any] = [np.zeros(1, np.int64)]
    with (folder / "vectors").open("wb") as vectors, (folder / "letters").open("wb") as letters:
        for batch, share in histories(lake, embeddings.item_ids, most_events):
            folded = embeddings.user_vectors(queries_of(batch))
            known = np.flatnonzero(np.abs(folded).max(axis=1, initial=0) > SHORTEST)
            vectors.write(np.ascontiguousarray(folded[known]).data)
            encoded = [batch.users[at].encode() for at in known.tolist()]
            letters.write(b"".join(encoded))
            lengths.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))
            progress("folding histories", 0.5 * share)
    starts = np.concatenate(lengths).cumsum()
    unread = np.zeros(0, np.uint64), np.zeros(0, np.int32)  # nobody asks for the row of an id
    ids = ItemIds(starts, mapped(folder / "letters", np.uint8), *unread)
    numbers = mapped(folder / "vectors", np.float32)
    return Folded(ids, numbers.reshape(len(ids), embeddings.index.dimensions))


def mapped(path: Path, kind: Any) -> Any:
    """A file's numbers without reading them; an empty file cannot be mapped."""
    return np.memmap(path, kind, "r") if path.stat().st_size else np.zeros(0, kind)


def queries_of(batch: Batch) -> Queries:
    """Ages count back from each shopper's newest event: a vector does not change with the day
    on which it is made."""
    sizes = np.diff(batch.starts)
    newest = batch.ts[batch.starts[1:] - 1]  # (users,)
    ages = (np.repeat(newest, sizes) - batch.ts) / 1e6
    types = np.zeros(len(batch.rows), np.uint8)  # embeddings weigh all types alike
    return Queries(batch.starts, batch.rows, types, ages.astype(np.float32))


def histories(
    lake: Lake, item_ids: Sequence[str], most_events: int
) -> Iterator[tuple[Batch, float]]:
    """Batches of whole shoppers in order of their ids (by code point), and the share of all events
    that was read. Items that the model does not know are left out."""
    with lake.connect() as connection:
        rows = pa.table({"item_id": list(item_ids), "row": np.arange(len(item_ids), dtype="i4")})
        connection.register("model_items", rows)
        total = connection.sql("SELECT count(*) FROM events").fetchall()[0][0]
        reader = connection.sql(
            "SELECT user_id, row, ts FROM events JOIN model_items USING (item_id) "
            "ORDER BY user_id, ts, event_id"
        ).to_arrow_reader(BATCH)
        held, seen = None, 0
        for read in reader:
            seen += read.num_rows
            table = pa.Table.from_batches([read])
            held = table if held is None else pa.concat_tables([held, table])
            whole, held = divided(held, most_events)
            if len(whole):
                yield batch_of(whole, most_events), seen / max(total, 1)
        if held is not None and len(held):
            yield batch_of(held, most_events), 1.0


def divided(table: pa.Table, most_events: int) -> tuple[pa.Table, pa.Table]:
    """All but the last shopper, whose events may go on, and the last one's newest."""
    first = int(starts_of(table)[-2])
    return table.slice(0, first), table.slice(max(first, len(table) - most_events))


def starts_of(table: pa.Table) -> Int64s:
    """Where each shopper's events begin, and the end: (users + 1,)."""
    codes = table.column("user_id").combine_chunks().dictionary_encode().indices.to_numpy()
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    return np.concatenate((begins, [len(codes)])).astype(np.int64)


def batch_of(table: pa.Table, most_events: int) -> Batch:
    """With the newest ``most_events`` of each."""
    starts = starts_of(table)
    users = table.column("user_id").take(pa.array(starts[:-1])).to_pylist()
    sizes = np.diff(starts)
    after = np.repeat(starts[1:], sizes) - np.arange(len(table))  # 1: the newest
    kept = after <= most_events
    new_sizes = np.minimum(sizes, most_events)
    return Batch(
        users,
        np.concatenate(([0], new_sizes.cumsum())).astype(np.int64),
        table.column("row").to_numpy()[kept],
        table.column("ts").to_numpy()[kept],
    )
