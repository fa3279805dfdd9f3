"""The metrics that GetSolutionMetrics answers, by Personalize's own split and definitions.

They differ from ``metrics``: the ideal list of NDCG is what was hit, in the best order, so that
the two must never be compared.
Source: Amazon Personalize developer guide, "Evaluating a solution version with metrics".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s
from endcap.models.queries import Queries

LONGEST = 25  # recommendations of each list
AT = (5, 10, 25)
TESTED = 0.1  # of the users
NEWEST = 0.1  # of a tested user's events
LEAST_USERS = 10  # with fewer nothing is measured
MOST_QUERIES = 10_000
COVERAGE, MRR = "coverage", "mean_reciprocal_rank_at_25"


class Exam(NamedTuple):
    """``fitting`` trains; what user q took in the end is ``targets[starts[q]:starts[q + 1]]``."""

    fitting: Interactions
    queries: Queries
    starts: Int64s  # (queries + 1,)
    targets: Int32s  # distinct within a user, ascending


def split(data: Interactions, seed: int) -> Exam | None:
    """All events of nine users in ten train. Of each other user with two events at least the
    oldest nine tenths ask, and the newest tenth (one event at least) is what they took. None where
    fewer than ``LEAST_USERS`` have events."""
    bounds = data.starts()
    lengths = np.diff(bounds)
    able = np.flatnonzero(lengths >= 2)
    users = int(np.count_nonzero(lengths))
    if users < LEAST_USERS or not len(able):
        return None
    drawn = np.random.default_rng(seed).permutation(able)[: max(1, round(TESTED * users))]
    tested = np.sort(drawn)
    kept = np.ones(data.n_users, np.bool_)
    kept[tested] = False
    asked = tested[:MOST_QUERIES]
    taken = np.maximum(np.round(NEWEST * lengths[asked]).astype(np.int64), 1)
    ends = bounds[asked + 1]
    heads = (bounds[asked], ends - taken)
    head, _ = _members(*heads)
    tail, owner = _members(ends - taken, ends)
    keys = np.unique(owner * data.n_items + data.item[tail])
    who, targets = np.divmod(keys, data.n_items)
    return Exam(
        data.where(kept[data.user]),
        _queries(data, head, heads[1] - heads[0], data.ts[ends - taken]),
        _bounds(np.bincount(who, minlength=len(asked))),
        targets.astype(np.int32),
    )


def _members(first: Int64s, last: Int64s) -> tuple[Int64s, Int64s]:
    """All places of the slices first … last - 1, and the slice of each."""
    lengths = last - first
    owner = np.repeat(np.arange(len(lengths)), lengths)
    inside = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return first[owner] + inside, owner


def _queries(data: Interactions, head: Int64s, lengths: Int64s, at: Int64s) -> Queries:
    """The histories at the times ``at`` (queries,) of what came next."""
    ages = np.maximum(np.repeat(at, lengths) - data.ts[head], 0) / 1e6
    return Queries(_bounds(lengths), data.item[head], data.type[head], ages.astype(np.float32))


def _bounds(lengths: Int64s) -> Int64s:
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)


def measures(exam: Exam, recommended: Int32s, n_items: int) -> dict[str, float]:
    """By Personalize's names, of ``recommended`` (queries, ≤ 25): rows best first, padded with -1.
    ``n_items``: of the catalogue and the interactions together."""
    hits = hits_of(exam, recommended)
    shown = np.unique(recommended[recommended >= 0])
    found = {COVERAGE: len(shown) / max(n_items, 1), MRR: float(reciprocal_rank(hits).mean())}
    for k in AT:
        gain = ndcg(hits[:, :k]).mean()
        found[f"normalized_discounted_cumulative_gain_at_{k}"] = float(gain)
    for k in AT:
        found[f"precision_at_{k}"] = float(hits[:, :k].sum(axis=1).mean() / k)
    return found


def nothing_measured() -> dict[str, float]:
    """All names with 0: where there were too few users to measure anything."""
    of_lists = [f"normalized_discounted_cumulative_gain_at_{k}" for k in AT]
    return dict.fromkeys([COVERAGE, MRR, *of_lists, *(f"precision_at_{k}" for k in AT)], 0.0)


def hits_of(exam: Exam, recommended: Int32s) -> Bools:
    """(queries, LONGEST) which ranks hold an item that the user took."""
    width = max(exam.fitting.n_items, 1)
    owner = np.repeat(np.arange(exam.queries.size), np.diff(exam.starts))
    keys = owner * width + exam.targets  # ascending
    asked = np.arange(len(recommended))[:, None] * width + recommended
    hits = np.zeros((len(recommended), LONGEST), np.bool_)
    hits[:, : recommended.shape[1]] = np.isin(asked, keys) & (recommended >= 0)
    return hits


def reciprocal_rank(hits: Bools) -> Float64s:
    """(queries,) 1 / rank of the first hit; 0 without one."""
    first = hits.argmax(axis=1)
    return np.asarray(np.where(hits.any(axis=1), 1 / (first + 1), 0.0))


def ndcg(hits: Bools) -> Float64s:
    """(queries,) Σ 1 / log(1 + position) of the hits, over the same sum were they at the top; 0
    without a hit. Hits at 2 and 5 of 5: (1/log 3 + 1/log 6) / (1/log 2 + 1/log 3) = 0.6241."""
    discount = 1 / np.log(np.arange(hits.shape[1]) + 2)  # (k,)
    ideal = np.concatenate(([np.inf], np.cumsum(discount)))[hits.sum(axis=1)]
    return np.asarray(hits @ discount / ideal)
