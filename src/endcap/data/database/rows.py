"""From rows of a database, all text, to the chunks that an import checks and stages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.data.chunks import LINE, Chunk, Position
from endcap.data.database.binding import Read
from endcap.data.database.dialects import TIMES, declared
from endcap.data.database.mapping import Stepped
from endcap.data.database.select import Query, names_of, outputs_of, select_rows
from endcap.data.entities import TEXT, TEXTS, WHOLE
from endcap.domain.columns import EVENT_ID, EVENT_TYPE, ITEM_ID, SESSION_ID, TS, USER_ID
from endcap.domain.errors import InvalidInput
from endcap.ports import Database

ROWS = 100_000  # of a chunk
_TIMES = (TS, "created")
_IDS = (USER_ID, ITEM_ID, SESSION_ID, EVENT_TYPE)


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
    """``table``: text columns in the order of ``query.names``, rows in order of the key. Raises
    InvalidInput (database_key_null)."""
    n, outputs = table.num_rows, outputs_of(read)
    ours = {name: our for our, name in names_of(read).items()}
    keys = [table.column(i) for i in range(query.keys)]
    if any(key.null_count for key in keys):
        name = next(iter(read.relations.values())).name
        raise InvalidInput("database_key_null", field=f"[{read.entry.path}]", value=name)
    columns: dict[str, pa.ChunkedArray] = {}
    for place, (name, bound) in enumerate(outputs.items(), query.keys):
        given = read.entry.section.columns[ours[name]]
        values = table.column(place)
        if isinstance(given, Stepped):
            values = stepped(values, given.steps)
        else:
            values = typed(values, bound.column.kind, ours[name])
        columns[name] = values
    if read.entry.table == "events":
        columns[EVENT_ID] = event_ids(read.entry.name, keys)
    columns[LINE] = pa.array(np.arange(at.offset + 1, at.offset + n + 1))
    last = tuple(str(key[-1].as_py()) for key in keys)
    position = Position(at.offset + n, at.offset + n + 1, last)
    rows = pa.table(columns)
    return Chunk(rows, [], position, 0, kinds_of(read, rows.schema))


def kinds_of(read: Read, schema: pa.Schema) -> dict[str, str]:
    """Name in the result → the type of an attribute made of it. A column of numbers that had to
    stay text has none: it is taken for what it looks like."""
    kinds = {}
    for ours, name in names_of(read).items():
        whole = isinstance(read.entry.section.columns[ours], Stepped)
        kind = WHOLE if whole else declared(read.columns[ours].column.kind)
        if kind in (TEXT, TEXTS) or schema.field(name).type != pa.string():
            kinds[name] = kind
    return kinds


def typed(values: pa.ChunkedArray, kind: str, ours: str) -> pa.ChunkedArray:
    """Numbers and times as such, which is quicker to check; ids of decimals stay text. Text also
    where one of them is not (a date 0000-00-00): then that row is rejected, and not the table."""
    wanted = {"whole": pa.int64(), "bits": pa.int64(), "boolean": pa.bool_()}.get(kind)
    if kind in ("number", "big") and ours not in _IDS:
        wanted = pa.float64()
    if kind in TIMES and ours in _TIMES:
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
