"""From rows of a database, all text, to the chunks that an import checks and stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.data.chunks import LINE, Chunk, Position
from endcap.data.database.binding import Bound, Read
from endcap.data.database.dialects import TIMES, declared
from endcap.data.database.mapping import Stepped
from endcap.data.database.select import Query, names_of, outputs_of, select_rows
from endcap.domain.columns import EVENT_ID, TS
from endcap.ports import Database

ROWS = 100_000  # of a chunk
_TIMES = (TS, "created")


def read_chunks(
    database: Database, read: Read, zone: str, since: str | None, start: Position
) -> Iterator[Chunk]:
    """All rows of an entry behind ``start``. ``since``: the watermark, None: from the first."""
    query = select_rows(read, database.dialect, zone, since, start.key)
    at = start
    for table in database.read(query.sql, query.parameters, ROWS):
        if table.num_rows:
            chunk = make_chunk(table, read, query, at)
            yield chunk
            at = chunk.position


def make_chunk(table: pa.Table, read: Read, query: Query, at: Position) -> Chunk:
    """``table``: text columns in the order of ``query.names``, rows in order of the key."""
    n, outputs = table.num_rows, outputs_of(read)
    ours = {name: our for our, name in names_of(read).items()}
    keys = [table.column(i) for i in range(query.keys)]
    columns: dict[str, pa.ChunkedArray] = {}
    for place, (name, bound) in enumerate(outputs.items(), query.keys):
        given = read.entry.section.columns[ours[name]]
        values = table.column(place)
        if isinstance(given, Stepped):
            values = stepped(values, given.steps)
        else:
            values = typed(values, bound, ours[name] in _TIMES)
        columns[name] = values
    if read.entry.table == "events":
        columns[EVENT_ID] = event_ids(read.entry.name, keys)
    columns[LINE] = pa.array(np.arange(at.offset + 1, at.offset + n + 1))
    last = tuple(str(key[-1].as_py()) for key in keys)
    position = Position(at.offset + n, at.offset + n + 1, last)
    return Chunk(pa.table(columns), [], position, 0, kinds_of(read))


def kinds_of(read: Read) -> dict[str, str]:
    """Name in the result → the type of an attribute made of it."""
    kinds = {name: declared(bound.column.kind) for name, bound in outputs_of(read).items()}
    names = names_of(read)
    for ours, given in read.entry.section.columns.items():
        if isinstance(given, Stepped):
            kinds[names[ours]] = "BIGINT"
    return kinds


def typed(values: pa.ChunkedArray, bound: Bound, is_time: bool) -> pa.ChunkedArray:
    """Whole numbers and times as such, which is quicker to check; text where one of them is not
    (a date 0000-00-00): then the row is rejected for it, and not the table."""
    kind = bound.column.kind
    wanted = pa.int64() if kind == "whole" else pa.bool_() if kind == "boolean" else None
    if is_time and kind in TIMES:
        wanted = pa.timestamp("us")
    if wanted is None:
        return values
    try:
        return pc.cast(values, wanted)
    except pa.ArrowInvalid:
        return values


def stepped(values: pa.ChunkedArray, steps: Sequence[float]) -> pa.ChunkedArray:
    """(n,) 1 and one more for each step that the value reaches; null where there is none."""
    numbers = pc.cast(values, pa.float64())
    reached = [pc.cast(pc.greater_equal(numbers, step), pa.int64()) for step in steps]
    total = reached[0]
    for one in reached[1:]:
        total = pc.add(total, one)
    return pc.add(total, 1)


def event_ids(name: str, keys: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """The same id each time a row is read: the event's name and the table's key."""
    parts = keys
    if len(keys) > 1:  # no two keys give one text
        escaped = [pc.replace_substring(key, "~", "~0") for key in keys]
        parts = [pc.replace_substring(key, "/", "~1") for key in escaped]
    return pc.binary_join_element_wise(pa.scalar(name), *parts, "/")
