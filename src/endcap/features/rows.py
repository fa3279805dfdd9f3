"""Feature rows of candidates at a moment, from the shopper's history and the product table.

The one function that training and serving share: what differs is only where the history comes
from.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s, UInt8s
from endcap.domain.values import Attributes
from endcap.features import kernel, reference
from endcap.features.compiled import COMPILED
from endcap.features.definitions import HISTORY_EVENTS, NAMES
from endcap.features.products import ProductTable
from endcap.features.times import hour_of, weekday_of

DEVICES = ("desktop", "mobile", "tablet", "app")
UNKNOWN_DEVICE = -1
Shaped = TypeVar("Shaped", Int32s, UInt8s, Int64s, Float32s)


class Context(NamedTuple):
    """What a request brings besides the shopper: times in UTC, and a position in DEVICES."""

    hour_utc: int  # 0 to 23
    weekday: int  # 0: Monday to 6: Sunday
    device: int = UNKNOWN_DEVICE


def device_code(attributes: Attributes) -> int:
    """Position of the attribute ``device`` in DEVICES, without regard to case; -1: unknown."""
    device = attributes.get("device")
    name = device.lower() if isinstance(device, str) else ""
    return DEVICES.index(name) if name in DEVICES else UNKNOWN_DEVICE


def context_of(at: int, attributes: Attributes) -> Context:
    """The context of a request at ``at`` (µs) with ``attributes`` of request or shopper."""
    return Context(hour_of(at), weekday_of(at), device_code(attributes))


def feature_rows(
    rows: Int32s,
    types: UInt8s,
    ts: Int64s,
    candidates: Int32s,
    table: ProductTable,
    at: int,
    context: Context,
    out: Float32s | None = None,
) -> Float32s:
    """(candidates, len(NAMES)) float32; NaN: missing. ``out``, where it is given, is filled and
    returned; it may have further columns, which are left with no meaning.

    The history ``rows``, ``types``, ``ts`` (events,) is oldest first; only events before ``at``
    count, and of these the newest HISTORY_EVENTS. Rows are those of ``table``. Rows beyond its
    end are products that it does not know: they have no product features, but a history with
    them counts; -1 is a product of which not even that can be said.
    """
    stop = int(np.searchsorted(ts, at, side="left"))
    start = max(0, stop - HISTORY_EVENTS)
    if out is None:
        out = np.empty((len(candidates), len(NAMES)), np.float32)
    form = kernel.fill if COMPILED else reference.fill
    form(
        _read_only(rows[start:stop]),
        _read_only(types[start:stop]),
        _read_only(ts[start:stop]),
        _read_only(candidates),
        _read_only(table.values),
        _read_only(table.categories),
        at,
        context.hour_utc,
        context.weekday,
        context.device,
        out,
    )
    return out


def _read_only(array: Shaped) -> Shaped:
    """A view; the kernel is compiled once, for arrays that it may not write."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view
