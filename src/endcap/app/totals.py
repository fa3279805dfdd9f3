"""One picture from the registries of all processes, and what only all of them together tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from msgspec import Struct

from endcap.app.reloading import POINTERS
from endcap.app.shop import SNAPSHOT, Shop
from endcap.control.campaigns import campaign
from endcap.control.solution_versions import version
from endcap.domain.errors import EndcapError
from endcap.domain.metrics import EACH, METRICS, RAW, SUM
from endcap.ports import Documents
from endcap.telemetry import Key, Labels, Reading


class Totals(NamedTuple):
    """Over all processes. A histogram is its buckets, count and sum."""

    counters: dict[Key, float]
    gauges: dict[Key, float]
    histograms: dict[Key, list[float]]

    def gauge(self, name: str, **labels: str) -> float | None:
        return self.gauges.get((name, tuple(sorted(labels.items()))))

    def each(self, name: str) -> dict[str, float]:
        """A gauge that is shown for each process."""
        found = {k: v for k, v in self.gauges.items() if k[0] == name}
        return {dict(labels)["process"]: value for (_, labels), value in found.items()}


def total(readings: Sequence[Reading]) -> Totals:
    """Counters and histograms added; gauges as ``METRICS`` says."""
    found = Totals({}, {}, {})
    for reading in named_apart(readings):
        for key, value in reading.counters.items():
            found.counters[key] = found.counters.get(key, 0.0) + value
        for key, cells in reading.histograms.items():
            before = found.histograms.get(key)
            if before is None or len(before) == len(cells):
                found.histograms[key] = _added(before, cells)
        for key, value in reading.gauges.items():
            _put_gauge(found.gauges, key, value, reading.process)
    return found


def _added(before: list[float] | None, cells: list[float]) -> list[float]:
    return cells if before is None else [a + b for a, b in zip(before, cells, strict=True)]


def _put_gauge(gauges: dict[Key, float], key: Key, value: float, process: str) -> None:
    name, labels = key
    across = METRICS[name].across if name in METRICS else EACH
    if across == EACH:
        gauges[name, with_process(labels, process)] = value
    elif across == SUM:
        gauges[key] = gauges.get(key, 0.0) + value
    else:
        gauges[key] = max(gauges.get(key, -math.inf), value)


def with_process(labels: Labels, process: str) -> Labels:
    return tuple(sorted((*labels, ("process", process))))


def named_apart(readings: Iterable[Reading]) -> list[Reading]:
    """Two servers on one home both have a worker-0: the later ones get their process id."""
    taken: set[str] = set()
    found = []
    for reading in readings:
        name = reading.process
        if reading.pid and name in taken:
            reading = reading._replace(process=f"{name}-{reading.pid}")  # noqa: PLW2901
        taken.add(name)
        found.append(reading)
    return found


class Kept(Struct, frozen=True):
    """What the stores say. Times are µs since 1970; 0: there is none."""

    log_end: int = 0
    snapshot_offset: int = 0
    snapshot_at: int = 0
    model_at: int = 0


def kept(documents: Documents, log_end: int) -> Kept:
    """Reads the disk. A store that cannot be read leaves its part out."""
    snapshot: dict[str, int] = {}
    made = 0
    with suppress(EndcapError):
        found = documents.get(POINTERS, SNAPSHOT)
        snapshot = {} if found is None else found.body
        served = campaign(documents).version
        made = version(documents, served).created_at if served else 0
    return Kept(log_end, snapshot.get("offset", 0), snapshot.get("at", 0), made)


def with_standing(found: Totals, stores: Kept, at: int) -> Totals:
    """Ages and lags at ``at`` (µs), worked out when somebody looks: a process that hangs grows
    old here by itself."""
    now = at / 1e6
    signs, caught, newest = (found.each(name) for name in RAW)
    gauges = {key: value for key, value in found.gauges.items() if key[0] not in RAW}
    gauges["log_end_bytes", ()] = float(stores.log_end)
    if newest:
        gauges["newest_event_age_seconds", ()] = max(now - max(newest.values()), 0.0)
    for process, then in signs.items():
        gauges["process_sign_age_seconds", (("process", process),)] = max(now - then, 0.0)
    applied = found.each("applied_offset_bytes")
    for process, then in caught.items():
        lag = max(stores.log_end - applied.get(process, 0.0), 0.0)
        label = (("process", process),)
        gauges["log_lag_bytes", label] = lag
        gauges["log_lag_seconds", label] = max(now - then, 0.0) if lag else 0.0
    gauges["keeper_lag_bytes", ()] = float(max(stores.log_end - stores.snapshot_offset, 0))
    if stores.snapshot_at:
        gauges["snapshot_age_seconds", ()] = max(now - stores.snapshot_at / 1e6, 0.0)
    if stores.model_at:
        gauges["model_age_seconds", ()] = max(now - stores.model_at / 1e6, 0.0)
    return Totals(found.counters, gauges, found.histograms)


def all_metrics(shop: Shop, at: int) -> Totals:
    """What ``/metrics`` shows. Reads the disk: keep it off the event loop."""
    readings = shop.readings() or [shop.telemetry.reading()]
    return with_standing(total(readings), kept(shop.documents, shop.log.end()), at)
