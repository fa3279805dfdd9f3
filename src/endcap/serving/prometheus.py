"""The registry of one process in Prometheus's text form (exposition format 0.0.4)."""

from __future__ import annotations

from itertools import accumulate

from endcap.telemetry import BUCKETS_S, Labels, Telemetry

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def exposition(telemetry: Telemetry) -> str:
    """Names get the prefix ``endcap_``."""
    lines: list[str] = []
    for kind, values in (("counter", telemetry.counters), ("gauge", telemetry.gauges)):
        previous = ""
        for (name, labels), value in sorted(values.items()):
            if name != previous:
                lines.append(f"# TYPE endcap_{name} {kind}")
                previous = name
            lines.append(f"endcap_{name}{_labels(labels)} {value:g}")
    previous = ""
    for (name, labels), cells in sorted(telemetry.histograms.items()):
        if name != previous:
            lines.append(f"# TYPE endcap_{name} histogram")
            previous = name
        lines += _histogram(f"endcap_{name}", labels, cells)
    return "\n".join(lines) + "\n"


def _histogram(name: str, labels: Labels, cells: list[float]) -> list[str]:
    bounds = [f"{bound:g}" for bound in BUCKETS_S] + ["+Inf"]
    buckets = zip(bounds, accumulate(cells[:-2]), strict=True)
    return [
        *(f"{name}_bucket{_labels((*labels, ('le', b)))} {n:g}" for b, n in buckets),
        f"{name}_count{_labels(labels)} {cells[-2]:g}",
        f"{name}_sum{_labels(labels)} {cells[-1]:.9g}",
    ]


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels) + "}"
