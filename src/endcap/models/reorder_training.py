"""Learning on held-out queries to re-order the head of the list; kept only where it wins.

Trees add to w · log(linear score) what makes the held-out targets likeliest among their
candidates: a softmax over each query's list (ListNet; Cao et al., "Learning to rank: from pairwise
approach to listwise approach", ICML 2007). Half of the shoppers teaches what the other half
judges, and the other way round, so that no figure comes from a query that was learnt from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float32s, Float64s, Int32s, Int64s
from endcap.models.judging import Judge, K
from endcap.models.mixture import Mixture
from endcap.models.reorder import FARTHEST, HEAD, Reordering, features, moved_by
from endcap.models.reorder_numpy import REACHED
from endcap.models.trees import Trees, read_xgboost
from endcap.statistics.paired import Comparison, compare_paired

SERVES = "serves"
LEAST_QUERIES = 200
TRIAL_QUERIES, TRIAL_ROUNDS = 2500, 40
TRIAL_STEPS = 3e8  # neighbours that are looked at for a trial: fewer queries of long histories
MOST_ROWS = 600_000  # candidates that trees learn from
ROUNDS, DEPTH, RATE = 120, 6, 0.2
SURE = 20  # places whose candidates are all learnt from; of the others one of THIN
THIN = 4
LEAST_SCORE = 1e-3  # share of the best score below which the logarithm stays
SHARPNESS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0)
RECENT = 0.05  # half-life of a recent event, as a share of the data's span
FEW = 5.0  # events that an item's shares are shrunk by
MOST_LOST = 0.005  # share of the recall that may be lost at worst, by the interval


class Lists(NamedTuple):
    """Held-out queries with their candidates in linear order, one query behind another."""

    starts: Int64s  # (queries + 1,)
    rows: Int32s  # (candidates,)
    scores: Float32s  # (candidates,) linear
    cells: Float32s  # (candidates, columns)
    hits: Bools  # (candidates,)
    reached: Bools  # (candidates,) by an event of the history
    owners: Int64s  # (queries,) ascending: whose they are

    @property
    def sizes(self) -> Int64s:
        return np.diff(self.starts)


class Outcome(NamedTuple):
    """What serves, or None, and what was found out."""

    reordering: Reordering | None
    info: dict[str, Any]
    hits: Bools | None = None  # (queries, HEAD) of the lists in the new order, where it serves


def learn(judge: Judge, mixture: Mixture, seed: int, spend: Callable[[float], bool]) -> Outcome:
    """Learn for ``mixture``, which was fitted on ``judge.held.fitting``, and decide. A small
    trial comes first: where it shows no gain, no more is tried. ``spend`` says of seconds of
    estimated work whether they may be taken."""
    if judge.held.queries.size < LEAST_QUERIES:
        return _left_out(f"fewer than {LEAST_QUERIES} held-out queries")
    tried = min(affordable(mixture, judge), judge.held.queries.size)
    if not spend(seconds(mixture, judge, tried, TRIAL_ROUNDS)):
        return _left_out("the budget was spent")
    traits = traits_of(judge.held.fitting)
    some = tried < judge.held.queries.size
    trial = judge.only(_spread(judge.held.queries.size, tried)) if some else judge
    lists = gathered(trial, mixture, traits)
    (_, gain), figures, _ = _judged(trial, lists, TRIAL_ROUNDS, seed)
    if gain.difference <= 0:
        return _left_out("a trial on some of the queries gained nothing", figures)
    if not spend(seconds(mixture, judge, judge.held.queries.size, 2 * ROUNDS)):
        return _left_out("the budget was spent", figures)
    if some:
        lists = gathered(judge, mixture, traits)
    (recall, ndcg), figures, hits = _judged(judge, lists, ROUNDS, seed)
    if ndcg.low <= 0 or recall.low < -MOST_LOST * figures["linear"]["recall@20"]:
        return _left_out("it did not win beyond chance", figures)
    trees, sharpness = boosted(lists, np.ones(len(lists.owners), bool), ROUNDS, seed)
    facts = {"status": SERVES, **figures, "trees": len(trees.features), "head": HEAD}
    return Outcome(Reordering(trees, traits, sharpness), facts, hits)


def relearnt(judge: Judge, mixture: Mixture, seed: int) -> Reordering | None:
    """As ``learn`` where it was decided already that re-ordering serves."""
    if judge.held.queries.size < LEAST_QUERIES:
        return None
    traits = traits_of(judge.held.fitting)
    lists = gathered(judge, mixture, traits)
    trees, sharpness = boosted(lists, np.ones(len(lists.owners), bool), ROUNDS, seed)
    return Reordering(trees, traits, sharpness)


def traits_of(data: Interactions) -> Float32s:
    """What trees are told of each item, (items, 5): log events, log recent events, how recent
    they are, how often it comes again in a history, how often it is the last of one."""
    n, many = data.n_items, max(len(data), 1)
    at = data.ts if data.timed else data.user.astype(np.int64)
    span = max(int(at.max() - at.min()), 1) if len(data) else 1
    recency = np.exp2(-((at.max() if len(data) else 0) - at) / span / RECENT)
    keys = data.user.astype(np.int64) * max(n, 1) + data.item
    again = np.ones(len(data), bool)
    again[np.unique(keys, return_index=True)[1]] = False
    last = np.append(np.diff(data.user) != 0, True)[: len(data)]
    events = np.bincount(data.item, minlength=n)
    shares = []
    for weight in (recency, again, last):
        counts = np.bincount(data.item, weight, n)
        shares.append((counts + FEW * counts.sum() / many) / (events + FEW))
    recent = np.bincount(data.item, recency, n)
    return np.stack([np.log1p(events), np.log1p(recent), *shares], axis=1).astype(np.float32)


def gathered(judge: Judge, mixture: Mixture, traits: Float32s) -> Lists:
    """The candidates that ``mixture`` answers to the held-out queries."""
    queries = judge.held.queries
    rows, scores = mixture.linear_top(queries, HEAD, None, *judge.exclude)
    found = rows >= 0
    starts = np.concatenate(([0], np.cumsum(found.sum(axis=1)))).astype(np.int64)
    flat = rows[found]
    cells = features(mixture.parts(), traits, queries, starts, flat, 0, queries.size)
    hits = judge.hits(rows)[found]
    reached = cells[:, 3 * len(mixture.components) + REACHED] > 0
    return Lists(starts, flat, scores[found], cells, hits, reached, judge.held.owners)


def _judged(
    judge: Judge, lists: Lists, rounds: int, seed: int
) -> tuple[tuple[Comparison, Comparison], dict[str, Any], Bools]:
    """(gains in recall@20 and NDCG@20 by shopper, the figures, hits (queries, HEAD) in the new
    order), each half of the shoppers in the order that the other half taught."""
    borders = lists.owners[len(lists.owners) // 2]
    halves = (lists.owners < borders, lists.owners >= borders)
    moved = np.zeros(len(lists.rows), np.float64)
    for taught, judged in (halves, halves[::-1]):
        asked = np.repeat(judged, lists.sizes)
        if not (np.repeat(taught, lists.sizes) & lists.hits).any():
            continue
        trees, sharpness = boosted(lists, taught, rounds, seed)
        moved[asked] = trees.margins(lists.cells[asked]) / sharpness
    moved[~lists.reached] = 0
    linear = _in_order(lists, lists.scores)
    hits = _in_order(lists, moved_by(lists.scores, np.exp(np.clip(moved, -FARTHEST, FARTHEST))))
    before, after = judge.by_query(linear[:, :K]), judge.by_query(hits[:, :K])
    gains = [by_owner(a - b, lists.owners) for a, b in zip(after, before, strict=True)]
    found = tuple(compare_paired(gain, np.zeros(len(gain)), seed=seed) for gain in gains)
    figures = {
        "queries": len(lists.owners),
        "linear": _named(before),
        "reordered": _named(after),
        "gain": {
            name: [round(c.difference, 5), round(c.low, 5), round(c.high, 5)]
            for name, c in zip(_NAMES, found, strict=True)
        },
    }
    return (found[0], found[1]), figures, hits


_NAMES = (f"recall@{K}", f"ndcg@{K}")


def _named(values: tuple[Float64s, Float64s]) -> dict[str, float]:
    return {name: round(float(v.mean()), 5) for name, v in zip(_NAMES, values, strict=True)}


def by_owner(values: Float64s, owners: Int64s) -> Float64s:
    """Sums of each owner's queries, scaled so that their mean is that of the queries: queries of
    one shopper are no independent witnesses. (owners,)"""
    _, own = np.unique(owners, return_inverse=True)
    sums = np.bincount(own, values)
    return np.asarray(sums * (len(sums) / len(values)), np.float64)


def _in_order(lists: Lists, keys: Float32s | Float64s) -> Bools:
    """Hits (queries, HEAD), each query's by falling ``keys`` (candidates,), then by row."""
    owner = np.repeat(np.arange(len(lists.owners)), lists.sizes)
    order = np.lexsort((lists.rows, -keys, owner))
    out = np.zeros((len(lists.owners), HEAD), bool)
    place = np.arange(len(owner)) - np.repeat(lists.starts[:-1], lists.sizes)
    out[owner, place] = lists.hits[order]
    return out


def logarithm(lists: Lists) -> Float64s:
    """log of the linear score as a share of the best, (candidates,); a share below LEAST_SCORE
    goes on falling in a straight line, so that the order is that of the scores."""
    best = np.zeros(len(lists.owners))
    filled = lists.sizes > 0
    best[filled] = lists.scores[lists.starts[:-1][filled]]
    share = lists.scores / np.repeat(np.where(best > 0, best, 1.0), lists.sizes)
    below = np.maximum(np.minimum(share / LEAST_SCORE - 1, 0), -10)
    return np.asarray(np.log(np.maximum(share, LEAST_SCORE)) + below)


def boosted(lists: Lists, taught: Bools, rounds: int, seed: int) -> tuple[Trees, float]:
    """(trees, sharpness) learnt from the queries ``taught`` that have a target in their list."""
    import xgboost  # here: it takes half a second to import

    sample = _Sample(lists, taught, seed)
    sharpness = sample.sharpest()
    matrix = xgboost.QuantileDMatrix(sample.cells, sample.shares, max_bin=64, nthread=1)
    matrix.set_base_margin(sharpness * sample.logs)
    settings = {
        "objective": "reg:squarederror", "tree_method": "hist", "max_depth": DEPTH, "eta": RATE,
        "min_child_weight": 20, "lambda": 5.0, "subsample": 0.7, "colsample_bytree": 0.4,
        "max_bin": 64, "base_score": 0.0, "seed": seed, "nthread": 1,
    }  # fmt: skip
    booster = xgboost.train(settings, matrix, rounds, obj=lambda m, _: sample.slopes(m))
    return read_xgboost(bytes(booster.save_raw("json"))), sharpness


class _Sample:
    """Candidates to learn from: the first ``SURE`` of each list and its targets, and one in
    ``THIN`` of the others, which counts for those left out."""

    def __init__(self, lists: Lists, taught: Bools, seed: int) -> None:
        draw = np.random.default_rng((seed, 7))
        owner = np.repeat(np.arange(len(lists.owners)), lists.sizes)
        useful = taught & (np.bincount(owner, lists.hits, len(taught)) > 0)
        useful = _fewer(useful, MOST_ROWS // (SURE + (HEAD - SURE) // THIN), draw)
        sure = np.arange(len(owner)) - np.repeat(lists.starts[:-1], lists.sizes) < SURE
        sure |= lists.hits
        kept = useful[owner] & (sure | (draw.random(len(owner)) < 1 / THIN))
        self.counts = np.where(sure, 1.0, THIN)[kept]
        self.cells, self.logs = lists.cells[kept], logarithm(lists)[kept]
        _, self.owner, sizes = np.unique(owner[kept], return_inverse=True, return_counts=True)
        self.first = np.concatenate(([0], np.cumsum(sizes)))[:-1]
        hits = lists.hits[kept].astype(np.float64)
        self.shares = hits / self._summed(hits)

    def _summed(self, values: Float64s) -> Float64s:
        return np.asarray(np.add.reduceat(values, self.first)[self.owner], np.float64)

    def likelihoods(self, margins: Float64s) -> Float64s:
        """Of each candidate among its query's, (candidates,)."""
        most = np.maximum.reduceat(margins, self.first)[self.owner]
        mass = np.exp(margins - most) * self.counts
        return np.asarray(mass / self._summed(mass))

    def sharpest(self) -> float:
        """Where the linear scores alone make the targets likeliest."""
        losses = [
            -(self.shares * np.log(np.maximum(self.likelihoods(w * self.logs), 1e-12))).sum()
            for w in SHARPNESS
        ]
        return SHARPNESS[int(np.argmin(losses))]

    def slopes(self, margins: Float32s) -> tuple[Float64s, Float64s]:
        """First and second derivative of −log likelihood by each candidate's margin."""
        likely = self.likelihoods(margins.astype(np.float64))
        return likely - self.shares, np.maximum(2 * likely * (1 - likely), 1e-6)


def _fewer(chosen: Bools, most: int, draw: np.random.Generator) -> Bools:
    places = np.flatnonzero(chosen)
    if len(places) <= most:
        return chosen
    out = np.zeros(len(chosen), bool)
    out[draw.choice(places, most, replace=False)] = True
    return out


def steps_of(mixture: Mixture, judge: Judge) -> float:
    """Neighbours that one query looks at, on average."""
    queries, stack = judge.held.queries, mixture.stack
    per_event = len(stack.columns) / max(stack.n_rows, 1) * len(mixture.components)
    return max(per_event * len(queries.rows) / max(queries.size, 1), 1.0)


def affordable(mixture: Mixture, judge: Judge) -> int:
    """How many queries a trial takes."""
    return int(np.clip(TRIAL_STEPS / steps_of(mixture, judge), LEAST_QUERIES, TRIAL_QUERIES))


def seconds(mixture: Mixture, judge: Judge, queries: int, rounds: int) -> float:
    """Estimated work of gathering lists and of trees on each half and on both."""
    looked_at = steps_of(mixture, judge) * queries * 5e-9
    learnt = min(queries * (SURE + (HEAD - SURE) / THIN), MOST_ROWS) * rounds * 1.5e-7
    return looked_at + queries * 2e-4 + learnt


def _spread(n: int, most: int) -> Int64s:
    """At most ``most`` of n places, evenly."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _left_out(reason: str, figures: dict[str, Any] | None = None) -> Outcome:
    return Outcome(None, {"status": "left out", "reason": reason, **(figures or {})})
