"""What one user did, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Int32s, Int64s, UInt8s


class History(NamedTuple):
    """n events of one user, oldest first. Views of the state: read them, do not write."""

    items: Int32s  # (n,) rows of the vocabulary
    types: UInt8s  # (n,) positions in event_types
    ts: Int64s  # (n,) µs


NO_HISTORY = History(np.empty(0, np.int32), np.empty(0, np.uint8), np.empty(0, np.int64))


def newest_of(items: Int32s, types: UInt8s, ts: Int64s, limit: int) -> History:
    """The newest ``limit`` of n entries, not to be written as those of the snapshot: kernels
    compile for one kind."""
    newest = History(items[-limit:], types[-limit:], ts[-limit:])
    newest.items.flags.writeable = False
    newest.types.flags.writeable = False
    newest.ts.flags.writeable = False
    return newest
