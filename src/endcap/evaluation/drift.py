"""Whether shoppers do other things now than those from which the serving version learnt."""

from __future__ import annotations

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float64s, Int64s

BINS = 10
LEAST_EVENTS = 100  # before and after: fewer say nothing
_FLOOR = 1e-4  # a share of nothing has no logarithm


def item_drift(data: Interactions, learnt_until: int) -> float | None:
    """Population stability index of what was chosen since ``learnt_until`` (µs) against before.

    Items are binned by how often they were chosen before, each bin a tenth of those events, and one
    more for items that nobody had chosen. 0: the same shares; conventionally below 0.1 nothing
    happened, above 0.25 a lot. None: too few events on either side, or no times.
    Source: Siddiqi, "Credit Risk Scorecards" (2006), ch. 8.
    """
    late = data.ts > learnt_until  # (events,)
    if not data.timed or min(int(late.sum()), int((~late).sum())) < LEAST_EVENTS:
        return None
    before = np.bincount(data.item[~late], minlength=data.n_items)  # (items,)
    after = np.bincount(data.item[late], minlength=data.n_items)
    bins = binned(before)
    expected, found = (shares(bins, counts) for counts in (before, after))
    return float(((found - expected) * np.log(found / expected)).sum())


def binned(counts: Int64s) -> Int64s:
    """The bin of each item (items,): 0 the most chosen tenth of all events …, ``BINS`` nobody's."""
    order = np.argsort(-counts, kind="stable")
    ahead = np.cumsum(counts[order]) - counts[order]  # events of the items before each
    bins = np.full(len(counts), BINS, np.int64)
    bins[order] = ahead * BINS // max(int(counts.sum()), 1)
    bins[counts == 0] = BINS
    return bins


def shares(bins: Int64s, counts: Int64s) -> Float64s:
    """Of all events, the share of each bin: (BINS + 1,), none quite 0."""
    found = np.bincount(bins, weights=counts, minlength=BINS + 1) / max(int(counts.sum()), 1)
    floored: Float64s = np.maximum(found, _FLOOR)
    return floored
