"""Percentile bootstrap of means. The unit that is drawn is the row: a user, a session, a day."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float64s
from endcap.statistics.intervals import Interval, check_level

# More rows than these are first pooled, at random, into this many sums. Drawing sums instead of
# rows leaves the expected width as it is; its own error, 1/√(2 · 2000) = 1.6 % of the width, is
# below that of a thousand resamples.
MOST_UNITS = 2_000
# Numbers of one block of draws: 4 million draws are 32 MB of float64 weights.
_BLOCK = 4_000_000


def resample_means(values: Float64s, resamples: int = 1000, seed: int = 0) -> Float64s:
    """Means of every column over rows drawn with replacement.

    values: (rows, columns), NaN where a row has no value in a column: it is left out of that
    column's mean. All columns share the drawn rows, so differences of columns are paired.
    Returns (resamples, columns); NaN where a draw held no value. Same seed, same draws.
    More than ``MOST_UNITS`` rows are drawn in random bundles of equal size.
    """
    if len(values) == 0:
        return np.full((resamples, values.shape[1]), np.nan)
    rng = np.random.default_rng(seed)
    known = ~np.isnan(values)  # (rows, columns)
    sums = pool_rows(np.where(known, values, 0.0), seed)  # (units, columns)
    counts = pool_rows(known.astype(np.float64), seed)
    means = np.empty((resamples, values.shape[1]))
    step = max(1, _BLOCK // len(sums))
    for start in range(0, resamples, step):
        drawn = _draw(rng, min(step, resamples - start), len(sums))  # (draws, units)
        with np.errstate(invalid="ignore"):
            means[start : start + step] = (drawn @ sums) / (drawn @ counts)
    return means


def pool_rows(values: Float64s, seed: int) -> Float64s:
    """``values`` (rows, columns) as they are up to ``MOST_UNITS`` rows, else the sums of that
    many random bundles of rows, which differ by one in size at most. Same seed, same bundles."""
    rows = len(values)
    if rows <= MOST_UNITS:
        return values
    order = np.random.default_rng((seed, rows)).permutation(rows)
    begins = np.arange(MOST_UNITS, dtype=np.int64) * rows // MOST_UNITS
    pooled: Float64s = np.add.reduceat(values[order], begins, axis=0)
    return pooled


def _draw(rng: np.random.Generator, draws: int, units: int) -> Float64s:
    """How often each unit comes up in each draw of as many units: (draws, units)."""
    chosen = rng.integers(0, units, size=(draws, units), dtype=np.int64)
    chosen += np.arange(draws, dtype=np.int64)[:, None] * units
    counts = np.bincount(chosen.ravel(), minlength=draws * units)
    return counts.reshape(draws, units).astype(np.float64)


def percentile_intervals(samples: Float64s, level: float = 0.95) -> list[Interval]:
    """The central ``level`` of each column of ``samples`` (resamples, columns).

    [q((1−level)/2), q((1+level)/2)], q = empirical quantile; NaN samples are left out.
    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7
    (1979); Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13.
    """
    tail = (1.0 - check_level(level)) / 2.0
    found = [column[~np.isnan(column)] for column in samples.T]
    return [
        Interval(*np.quantile(column, (tail, 1.0 - tail)).tolist())
        if len(column)
        else Interval(np.nan, np.nan)
        for column in found
    ]


def mean_intervals(
    values: Float64s, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> list[Interval]:
    """One bootstrap interval for the mean of each column of ``values`` (rows, columns)."""
    return percentile_intervals(resample_means(values, resamples, seed), level)
