"""The raw columns of a file as a schema says they are: types checked row by row, several values in
one cell split, event types in the engine's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.data.chunks import LINE, Chunk, Reject
from endcap.data.entities import BOOLEAN, NUMBER, TEXT, TEXTS, WHOLE
from endcap.domain.arrays import Bools, Int32s
from endcap.domain.avro import Column
from endcap.domain.columns import EVENT_TYPE, VALUE
from endcap.domain.event_types import event_type_of

BETWEEN = "|"
KINDS = {"int": WHOLE, "long": WHOLE, "float": NUMBER, "double": NUMBER, "boolean": BOOLEAN}
_ARROW = {WHOLE: pa.int64(), NUMBER: pa.float64(), BOOLEAN: pa.bool_()}
_FORMS = {
    WHOLE: r"^[-+]?[0-9]{1,18}([.]0*)?$",
    NUMBER: r"^[-+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]{1,3})?$",
    BOOLEAN: r"^(?i:true|false|0|1)$",
}
_CODES = {WHOLE: "not_a_whole_number", NUMBER: "not_a_number", BOOLEAN: "not_a_boolean"}
_SHOWN = 200  # characters of a rejected value


class Bound(NamedTuple):
    """A column of a file. ``ours``: a canonical column of the lake, else "": an attribute."""

    theirs: str
    column: Column
    ours: str


def conform(chunk: Chunk, file: str, columns: Sequence[Bound]) -> Chunk:
    """The chunk with the columns that the schema names and no others; rows that do not fit are
    rejected."""
    table = chunk.table
    arrays: dict[str, pa.Array] = {}
    faults = np.full(table.num_rows, -1, np.int32)  # (rows,) into ``codes``
    codes: list[tuple[str, str]] = []
    for name, column, ours in columns:
        arrays[name], broken = _read(table.column(name), column, ours)
        for code, rows in broken.items():
            faults[rows & (faults < 0)] = len(codes)
            codes.append((name, code))
    arrays[LINE] = table.column(LINE).combine_chunks()
    rejects = _rejects(table, file, faults, codes)
    fitting = pa.table(arrays).filter(pa.array(faults < 0))
    kinds = {bound.theirs: _kind(arrays[bound.theirs].type) for bound in columns}
    return Chunk(fitting, [*chunk.rejects, *rejects], chunk.position, chunk.bytes_done, kinds)


def _read(raw: pa.ChunkedArray, column: Column, ours: str) -> tuple[pa.Array, dict[str, Bools]]:
    """(values, by code which rows (rows,) do not fit)."""
    if ours == EVENT_TYPE:
        return _event_types(raw), {}
    kind = KINDS.get(column.kind, TEXT)
    if ours == VALUE or (kind == TEXT and ours):
        return _texts(raw), {}  # the checks of every import look at these
    if kind == TEXT:
        values = _several(raw) if column.listed else _texts(raw)
    else:
        values = _typed(raw, kind)
    missing = _mask(pc.is_null(_texts(raw)))
    broken = {} if column.nullable else {"missing_value": missing}
    if kind != TEXT:
        broken[_CODES[kind]] = _mask(pc.is_null(values)) & ~missing
    return values, broken


def _typed(raw: pa.ChunkedArray, kind: str) -> pa.Array:
    """Null where it is no such value."""
    texts = _texts(raw)
    fits = pc.match_substring_regex(texts, _FORMS[kind])
    texts = pc.if_else(fits, texts, pa.scalar(None, pa.string()))
    if kind == WHOLE:
        texts = pc.replace_substring_regex(texts, r"^[+]|[.]0*$", "")
    elif kind == NUMBER:
        texts = pc.replace_substring_regex(texts, r"^[+]", "")
    else:
        texts = pc.utf8_lower(texts)
    values = texts.cast(_ARROW[kind])
    if kind == NUMBER:  # 1e999
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))
    return values


def _texts(raw: pa.ChunkedArray) -> pa.Array:
    """Trimmed text; null where there is nothing, or no number."""
    if pa.types.is_floating(raw.type):
        raw = pc.if_else(pc.is_nan(raw), pa.scalar(None, raw.type), raw)
    if pa.types.is_list(raw.type) or pa.types.is_large_list(raw.type):
        raw = pc.binary_join(raw.cast(pa.list_(pa.string())), BETWEEN)
    trimmed = pc.utf8_trim_whitespace(raw.cast(pa.string()))
    texts = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    return pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], pa.string())


def _several(raw: pa.ChunkedArray) -> pa.Array:
    """Lists where any cell holds more than one value, else texts."""
    texts = _texts(raw)
    if not pc.any(pc.match_substring(texts, BETWEEN)).as_py():
        return texts
    return pc.split_pattern(texts, BETWEEN)


def _event_types(raw: pa.ChunkedArray) -> pa.Array:
    """In the engine's words; a missing one too."""
    coded = pc.fill_null(_texts(raw), "").dictionary_encode()
    words = [event_type_of(word) for word in coded.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(coded.indices)


def _mask(flags: pa.Array) -> Bools:
    return np.asarray(pc.fill_null(flags, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return TEXTS
    return next((ours for ours, arrow in _ARROW.items() if arrow == kind), TEXT)


def _rejects(
    table: pa.Table, file: str, faults: Int32s, codes: Sequence[tuple[str, str]]
) -> list[Reject]:
    rejects = []
    for row in np.flatnonzero(faults >= 0).tolist():
        name, code = codes[faults[row]]
        value = table.column(name)[row].as_py()
        line = table.column(LINE)[row].as_py()
        shown = "" if value is None else str(value)[:_SHOWN]
        rejects.append(Reject(file, line, name, code, shown))
    return rejects
