"""Memory of the server's processes, sampled from /proc."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
    at: float  # monotonic s
    own_mb: float  # anonymous memory: what the process itself keeps
    resident_mb: float  # with the pages of mapped files, which all processes share


Samples = dict[tuple[str, int], list[Sample]]


def children(group: int) -> Iterator[tuple[str, int]]:
    """(kind, process id) of the workers and the keeper of a server."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            if os.getpgid(int(entry.name)) != group:
                continue
            words = (entry / "cmdline").read_bytes().decode()
            title = (entry / "comm").read_text().strip()
            for kind in ("worker", "keeper"):
                if title == f"endcap-{kind}" or f"entrypoints.{kind}" in words:
                    yield kind, int(entry.name)


def look(pid: int) -> Sample:
    rows = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines())
    found = {row[0]: int(row[1]) / 1024 for row in rows if len(row) == 3}
    return Sample(time.monotonic(), found["Anonymous:"], found["Rss:"])


async def watch(group: int, until: float, samples: Samples) -> None:
    """Sample twice a second, or every four-hundredth of the run."""
    pause = max(0.5, (until - time.monotonic()) / 400)
    while time.monotonic() < until:
        for kind, pid in children(group):
            with suppress(OSError, KeyError):
                samples.setdefault((kind, pid), []).append(look(pid))
        await asyncio.sleep(pause)


def slope(samples: list[Sample]) -> float:
    """MB an hour that a process's own memory grew, by least squares over the last half."""
    settled = np.array(samples[len(samples) // 2 :])
    if len(settled) < 10:
        return 0.0
    return float(np.polyfit(settled[:, 0] - settled[0, 0], settled[:, 1], 1)[0] * 3600)
