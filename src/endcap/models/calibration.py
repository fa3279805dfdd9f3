"""From margins to probabilities: what share of candidates with such a margin were bought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Float64s

_GROUPS = 1000  # of equal size, formed before pooling
_LEAST = 1e-6


@dataclass(frozen=True)
class Calibration:
    """A rising curve through (margin, probability) knots; level beyond its ends."""

    margins: Float64s  # (knots,) rising
    probabilities: Float64s  # (knots,) not falling

    def apply(self, margins: Float32s) -> Float32s:
        """(n,) probabilities, above 0 and below 1."""
        found = np.interp(margins, self.margins, self.probabilities)
        return found.astype(np.float32)


def isotonic(margins: Float32s, labels: Bools) -> Calibration:
    """The rising curve nearest to the labels: pool adjacent violators over groups of equal size.

    Both (n,), n > 0. Source: Zadrozny & Elkan, "Transforming classifier scores into accurate
    multiclass probability estimates" (KDD 2002).
    """
    order = np.argsort(margins, kind="stable")
    groups = min(_GROUPS, len(order))
    begins = np.arange(groups, dtype=np.int64) * len(order) // groups
    sizes = np.diff(np.append(begins, len(order))).astype(np.float64)
    hits = np.add.reduceat(labels[order].astype(np.float64), begins)
    places = np.add.reduceat(margins[order].astype(np.float64), begins)
    blocks: list[tuple[float, float, float]] = []  # size, hits, sum of margins
    for block in zip(sizes.tolist(), hits.tolist(), places.tolist(), strict=True):
        size, hit, place = block
        while blocks and blocks[-1][1] * size >= hit * blocks[-1][0]:
            before = blocks.pop()
            size, hit, place = size + before[0], hit + before[1], place + before[2]
        blocks.append((size, hit, place))
    pooled = np.array(blocks)  # (knots, 3)
    share = np.clip(pooled[:, 1] / pooled[:, 0], _LEAST, 1 - _LEAST)
    return Calibration(pooled[:, 2] / pooled[:, 0], share)


def reliability(probabilities: Float32s, labels: Bools, bins: int = 15) -> list[dict[str, Any]]:
    """Bins of equal size by probability: what was foretold and what came to pass."""
    order = np.argsort(probabilities, kind="stable")
    return [
        {
            "foretold": float(probabilities[part].mean()),
            "observed": float(labels[part].mean()),
            "size": len(part),
        }
        for part in np.array_split(order, bins)
        if len(part)
    ]


def quality(probabilities: Float32s, labels: Bools) -> dict[str, Any]:
    """Brier score Σ(p − y)²/n, its value for the constant share, expected calibration error
    Σ_bins size/n · |observed − foretold|, and the bins themselves."""
    found = reliability(probabilities, labels)
    share = float(labels.mean())
    apart = sum(b["size"] * abs(b["observed"] - b["foretold"]) for b in found)
    return {
        "brier": float(np.mean((probabilities - labels) ** 2)),
        "brier_of_share": share * (1 - share),
        "calibration_error": apart / len(labels),
        "bought_share": share,
        "reliability": found,
    }
