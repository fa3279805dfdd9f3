"""Scores of the Personalize API: shares of one, where the engine's scores only order.

A softmax of the engine's scores. These have no unit, so they are put on one scale first: the best
is 1, what nothing speaks for is 0. An item at 1 has exp(``SHARPNESS``) times the share of one at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float64s

SHARPNESS = 8.0
LEAST_UNIT = 1e-30  # smaller ones would make others infinite


class Shares(NamedTuple):
    """``best``: the score that stands at 1; ``unit``: from 0 to 1."""

    best: float
    unit: float
    total: float

    def of(self, scores: Sequence[float]) -> list[float]:
        """(n,) the shares of n scores; in their order."""
        told: list[float] = (_weights(scores, self.best, self.unit) / self.total).tolist()
        return told


def over_catalogue(scores: Sequence[float], items: int) -> Shares:
    """``scores`` (n,): of the best of ``items`` items. The others count as if nothing spoke for
    them, but as no better than the last."""
    if not scores:
        return Shares(0.0, 1.0, 1.0)
    best, unit = _scale(scores)
    rest = max(items - len(scores), 0)
    floor = _weights([min(0.0, *scores)], best, unit)[0]
    total = float(_weights(scores, best, unit).sum() + rest * floor)
    return Shares(best, unit, total)


def over_list(scores: Sequence[float]) -> Shares:
    """Over these scores alone."""
    return over_catalogue(scores, len(scores))


def _scale(scores: Sequence[float]) -> tuple[float, float]:
    best = max(scores)
    unit = best if best > 0 else -min(scores)
    return best, max(unit, LEAST_UNIT) if unit else 1.0


def _weights(scores: Sequence[float], best: float, unit: float) -> Float64s:
    told = (np.asarray(scores, np.float64) - best) / unit  # (n,) 0 for the best
    return np.exp(SHARPNESS * np.clip(told, -60.0, 0.0))
