"""The metrics of all processes in Prometheus's text form (exposition format 0.0.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from endcap.app.totals import Totals
from endcap.domain.metrics import COUNTER, GAUGE, HISTOGRAM, METRICS
from endcap.telemetry import BUCKETS_S, Labels

PREFIX = "endcap_"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def exposition(totals: Totals) -> str:
    """Every metric with its kind and what it is; names get the prefix ``endcap_``."""
    lines: list[str] = []
    for kind, values in ((COUNTER, totals.counters), (GAUGE, totals.gauges)):
        found = defaultdict(list)
        for (name, labels), value in sorted(values.items()):
            found[name].append(f"{PREFIX}{name}{_labels(labels)} {_number(value)}")
        for name, samples in found.items():
            lines += [*_head(name, kind), *samples]
    times: dict[str, list[str]] = defaultdict(list)
    for (name, labels), cells in sorted(totals.histograms.items()):
        times[name] += _histogram(f"{PREFIX}{name}", labels, cells)
    for name, samples in times.items():
        lines += [*_head(name, HISTOGRAM), *samples]
    return "\n".join(lines) + "\n"


def _head(name: str, kind: str) -> Iterator[str]:
    if name in METRICS:
        yield f"# HELP {PREFIX}{name} {METRICS[name].about}"
    yield f"# TYPE {PREFIX}{name} {kind}"


def _histogram(name: str, labels: Labels, cells: list[float]) -> list[str]:
    bounds = [f"{bound:g}" for bound in BUCKETS_S] + ["+Inf"]
    buckets = zip(bounds, accumulate(cells[:-2]), strict=True)
    return [
        *(f"{name}_bucket{_labels((*labels, ('le', b)))} {_number(n)}" for b, n in buckets),
        f"{name}_sum{_labels(labels)} {cells[-1]:.9g}",
        f"{name}_count{_labels(labels)} {_number(cells[-2])}",
    ]


def _number(value: float) -> str:
    """Whole numbers whole, however large: a byte offset must not be rounded."""
    return str(int(value)) if value == int(value) else f"{value:.9g}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels) + "}"
