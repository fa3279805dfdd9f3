"""What a worker freed is the system's again."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from endcap.entrypoints.heap import give_back


def own_bytes() -> int:
    rows = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) << 10 for row in rows if row.startswith("Anonymous:"))


@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")
def test_a_heap_with_holes_shrinks() -> None:
    held = [np.ones(10_000, np.uint8) for _ in range(6_000)]  # 60 MB that malloc takes in pieces
    last = np.ones(10_000, np.uint8)  # above them: the heap cannot simply end earlier
    full = own_bytes()
    del held
    freed = own_bytes()
    give_back()
    assert last.any()
    assert full - own_bytes() > 40 << 20
    assert freed >= own_bytes()
