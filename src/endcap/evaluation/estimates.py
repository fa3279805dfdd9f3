"""Means over users with their intervals, many at once and over the same draws of users."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float64s
from endcap.evaluation.results import Difference, Figure
from endcap.statistics.bootstrap import percentile_intervals, resample_means
from endcap.statistics.paired import flip_p_values


class Draws(NamedTuple):
    """How intervals are made: confidence level, number of resamples, seed."""

    level: float = 0.95
    resamples: int = 1000
    seed: int = 0


DRAWS = Draws()


class Estimate(NamedTuple):
    """Of m columns: their figures and the bootstrap means behind them, (resamples, m)."""

    figures: list[Figure]
    means: Float64s


def estimate(values: Float64s, draws: Draws) -> Estimate:
    """The mean of each column of values (users, m); NaN values are left out."""
    means = resample_means(values, draws.resamples, draws.seed)
    known = (~np.isnan(values)).sum(axis=0)
    centre = np.where(known > 0, np.nansum(values, axis=0) / np.maximum(known, 1), np.nan)
    intervals = percentile_intervals(means, draws.level)
    figures = [
        Figure(finite(mean), finite(low), finite(high))
        for mean, (low, high) in zip(centre, intervals, strict=True)
    ]
    return Estimate(figures, means)


def differences(
    values: Float64s, reference: Float64s, drawn: Float64s, draws: Draws
) -> list[Difference]:
    """values − reference, user by user, both (users, m); drawn: (resamples, m) bootstrap means
    of values − those of reference over the same draws."""
    change = values - reference
    known = (~np.isnan(change)).sum(axis=0)
    centre = np.where(known > 0, np.nansum(change, axis=0) / np.maximum(known, 1), np.nan)
    p_values = np.where(known > 0, flip_p_values(change, draws.resamples, draws.seed), np.nan)
    intervals = percentile_intervals(drawn, draws.level)
    return [
        Difference(finite(mean), finite(low), finite(high), finite(p))
        for mean, (low, high), p in zip(centre, intervals, p_values, strict=True)
    ]


def finite(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None
