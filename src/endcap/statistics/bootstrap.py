"""Percentile bootstrap of means. The unit that is drawn is the row: a user, a session, a day."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float64s
from endcap.statistics.intervals import Interval, check_level

# Numbers of one block of draws: 4 million draws are 32 MB of float64 weights.
_BLOCK = 4_000_000


def resample_means(values: Float64s, resamples: int = 1000, seed: int = 0) -> Float64s:
    """Means of every column over rows drawn with replacement.

    values: (rows, columns), NaN where a row has no value in a column: it is left out of that
    column's mean. All columns share the drawn rows, so differences of columns are paired.
    Returns (resamples, columns); NaN where a draw held no value. Same seed, same draws.
    """
    rows, columns = values.shape
    if rows == 0:
        return np.full((resamples, columns), np.nan)
    rng = np.random.default_rng(seed)
    known = ~np.isnan(values)  # (rows, columns)
    whole = bool(known.all())
    filled = values if whole else np.where(known, values, 0.0)
    means = np.empty((resamples, columns))
    step = max(1, _BLOCK // rows)
    for start in range(0, resamples, step):
        drawn = _draw(rng, min(step, resamples - start), rows)  # (draws, rows)
        counts = rows if whole else drawn @ known.astype(np.float64)
        with np.errstate(invalid="ignore"):
            means[start : start + step] = (drawn @ filled) / counts
    return means


def _draw(rng: np.random.Generator, draws: int, rows: int) -> Float64s:
    """How often each row comes up in each draw of ``rows`` rows: (draws, rows)."""
    chosen = rng.integers(0, rows, size=(draws, rows), dtype=np.int64)
    chosen += np.arange(draws, dtype=np.int64)[:, None] * rows
    counts = np.bincount(chosen.ravel(), minlength=draws * rows)
    return counts.reshape(draws, rows).astype(np.float64)


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
