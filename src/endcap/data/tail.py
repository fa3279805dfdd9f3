"""Events of the log's tail as a table, to go into the lake."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pyarrow as pa

from endcap.domain.records import content_id
from endcap.domain.values import Event

_STAGED = pa.schema(
    [
        ("user_id", pa.string()), ("item_id", pa.string()), ("event_type", pa.string()),
        ("ts", pa.int64()), ("value", pa.float64()), ("event_id", pa.string()),
        ("session_id", pa.string()), ("attributes", pa.string()), ("arrival", pa.int64()),
    ]
)  # fmt: skip


def staged(events: Iterable[Event]) -> pa.Table:
    """Events as a table with their place of arrival. An id that only repeats the content is left
    out, so that files and the log agree on what a repeat is."""
    encode = msgspec.json.Encoder(order="sorted").encode
    rows = []
    for arrival, e in enumerate(events):
        derived = e.event_id == content_id(e.user_id, e.item_id, e.event_type, e.ts, e.value)
        extra = encode(e.attributes).decode() if e.attributes else None
        value = None if e.value is None else e.value + 0.0
        event_id = None if derived else e.event_id
        said = (e.user_id, e.item_id, e.event_type, e.ts, value)
        rows.append((*said, event_id, e.session_id, extra, arrival))
    columns = [*zip(*rows, strict=True)] if rows else [()] * len(_STAGED)
    arrays = [pa.array(c, kind) for c, kind in zip(columns, _STAGED.types, strict=True)]
    return pa.Table.from_arrays(arrays, schema=_STAGED)
