"""The baselines beside the default recipe in the benchmarks: same data, same questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float64s, Int32s
from endcap.evaluation import metrics
from endcap.evaluation.baselines import baselines
from endcap.evaluation.learnt_baselines import learnt_baselines
from endcap.evaluation.protocols import Progress, Recommend, UserBatch
from endcap.evaluation.truth import Truth, judge
from endcap.models.queries import Queries
from endcap.statistics.paired import compare_paired

ALL, PLAIN = "all", "plain"  # plain: without those that have to be fitted
BASELINES = (ALL, PLAIN)
K = 20
REPORTED = {
    "recall": metrics.recall, "ndcg": metrics.ndcg, "hr": metrics.hit_rate, "mrr": metrics.mrr,
}  # fmt: skip
_BATCH_CELLS = 16_000_000  # scores at once


class Asked(NamedTuple):
    """The questions that everybody gets. ``seen``: the seen policy of all."""

    queries: Queries
    truth: Truth
    seen: str


def measured(
    own: Int32s, train: Interactions, asked: Asked, which: str, seed: int, progress: Progress
) -> dict[str, Any]:
    """Figures at 20 of each baseline, fitted on ``train``, and what the recipe's lists ``own``
    (queries, ≥ 20) have more, paired by query: ``{name: {"recall@20": …, "ahead": {"recall@20":
    [difference, low, high]}}}``."""
    found: dict[str, Recommend] = baselines(train, seen=asked.seen, seed=seed)
    if which == ALL:
        found |= learnt_baselines(
            train, seen=asked.seen, seed=seed, progress=lambda what: progress(what, 0.92)
        )
    mine = values_of(own[:, :K], asked.truth)
    told = {}
    for name, recommend in found.items():
        progress(f"ranking: {name}", 0.95)
        theirs = values_of(lists_of(recommend, train, asked.queries), asked.truth)
        told[name] = beside(mine, theirs, seed)
    return told


def values_of(lists: Int32s, truth: Truth) -> dict[str, Float64s]:
    """Each metric for each query, (queries,)."""
    judged = judge(lists, truth)
    return {f"{name}@{K}": metric(judged) for name, metric in REPORTED.items()}


def beside(mine: dict[str, Float64s], theirs: dict[str, Float64s], seed: int) -> dict[str, Any]:
    figures: dict[str, Any] = {
        name: round(float(np.nanmean(values)), 6) for name, values in theirs.items()
    }
    ahead = {}
    for name, values in theirs.items():
        change = compare_paired(mine[name], values, seed=seed)
        ends = (change.difference, change.low, change.high)
        ahead[name] = [None if math.isnan(end) else round(end, 6) for end in ends]
    return {**figures, "ahead": ahead}


def lists_of(recommend: Recommend, train: Interactions, queries: Queries) -> Int32s:
    """(queries, 20): what a recommender answers to histories of the rows of ``train``; rows that
    it does not have are left out of them."""
    size = max(1, _BATCH_CELLS // max(train.n_items, 1))
    parts = [
        recommend(batch_of(queries, first, min(first + size, queries.size), train))
        for first in range(0, queries.size, size)
    ]
    return np.concatenate(parts)


def batch_of(queries: Queries, first: int, last: int, train: Interactions) -> UserBatch:
    begin, end = int(queries.starts[first]), int(queries.starts[last])
    rows = queries.rows[begin:end]
    known = (rows >= 0) & (rows < train.n_items)
    counts = np.concatenate(([0], np.cumsum(known)))  # (events + 1,)
    newest = int(train.ts.max()) if len(train) else 0
    ages = (queries.ages_s[begin:end][known] * 1e6).astype(np.int64)
    return UserBatch(
        users=(np.arange(first, last) % max(train.n_users, 1)).astype(np.int32),
        at=np.full(last - first, newest, np.int64),
        starts=counts[queries.starts[first : last + 1] - begin].astype(np.int64),
        items=rows[known],
        types=queries.types[begin:end][known],
        ts=newest - ages,
        k=K,
    )


def rows_of_table(own: dict[str, Any], told: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Header and rows for the terminal, best NDCG first."""
    names = [f"{name}@{K}" for name in REPORTED]
    header = ["recommender", *names, "endcap ahead, ndcg"]
    every = sorted([("endcap", own), *told.items()], key=lambda pair: -pair[1][f"ndcg@{K}"])
    rows = [
        [name, *(f"{figures[n]:.4f}" for n in names), ahead_text(figures.get("ahead"))]
        for name, figures in every
    ]
    return [header, *rows]


def ahead_text(ahead: dict[str, Sequence[float | None]] | None) -> str:
    ends = (ahead or {}).get(f"ndcg@{K}", [None])
    if any(end is None for end in ends):
        return ""
    middle, low, high = (f"{end:+.4f}" for end in ends)
    return f"{middle} [{low}, {high}]"
