"""Public benchmarks under their exact protocols, by the default recipe with no settings.

Every item is ranked, by what would be served: the sparse model with the history as the query.
The test part is only scored; all choices are made by ``Recipe.fit`` on the training part. The
baselines answer the same questions; the recipe's seconds and memory are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from endcap.data.interactions import Interactions, from_sequences
from endcap.domain.arrays import Int32s, Int64s
from endcap.domain.errors import InvalidInput
from endcap.domain.values import EXCLUDE_NONE, EXCLUDE_SEEN
from endcap.evaluation.benchmark_baselines import ALL, REPORTED, Asked, measured
from endcap.evaluation.benchmark_files import read_examples, read_sessions, read_users
from endcap.evaluation.protocols import Progress, temporal_split
from endcap.evaluation.truth import judge, truth_of_lists
from endcap.models.holdout import excluded
from endcap.models.mixture import NONE
from endcap.models.queries import Queries
from endcap.models.recipe import Recipe

STANDARD_K = 20
Clock = Callable[[], float]


class Run:
    """How a benchmark runs. ``clock`` counts seconds and ``peak`` MB of memory so far; they are
    only read to report them. ``baselines``: ``all`` or ``plain``."""

    def __init__(
        self,
        k: int,
        seed: int,
        threads: int,
        memory_mb: int,
        clock: Clock,
        progress: Progress,
        peak: Clock = lambda: 0.0,
        baselines: str = ALL,
    ) -> None:
        self.peak, self.baselines = peak, baselines
        self.k, self.seed, self.threads, self.memory_mb = k, seed, threads, memory_mb
        self.clock, self.progress = clock, progress

    def fit(self, data: Interactions) -> tuple[Recipe, float]:
        """The default recipe and the seconds it took, its search included."""
        begin = self.clock()
        recipe = Recipe.fit(
            data,
            seed=self.seed,
            threads=self.threads,
            memory_mb=self.memory_mb,
            progress=self.progress,
        )
        return recipe, self.clock() - begin


def cf(train: Path, test: Path, run: Run) -> dict[str, Any]:
    """Collaborative filtering: lines of ``user item item …``. The user's training items alone
    are left out of the answer; the mean is over users with a test item."""
    known, asked = read_users(train), read_users(test)
    rows = _rows(known.values())
    users = list(known)
    data = from_sequences([_mapped(known[u], rows) for u in users], len(rows), ordered=False)
    recipe, seconds = run.fit(data)
    place = {user: at for at, user in enumerate(users)}
    tested = [user for user, items in asked.items() if items]
    histories = [_items_of(data, place.get(user)) for user in tested]
    queries = _queries(histories)
    wanted = [_mapped(asked[user], rows) for user in tested]
    question = Asked(queries, truth_of_lists(wanted), EXCLUDE_SEEN)
    return _result(recipe, seconds, data, question, (queries.starts, queries.rows), run)


def sessions(train: Path, test: Path, run: Run) -> dict[str, Any]:
    """Next item in a session: one session a line, oldest first; test lines are a beginning and
    the item that followed. Nothing is left out; 0 beyond rank k."""
    known, (prefixes, targets) = read_sessions(train), read_examples(test)
    rows = _rows(known)
    data = from_sequences([_mapped(s, rows) for s in known], len(rows), ordered=True)
    recipe, seconds = run.fit(data)
    # an item that no training session holds cannot be in the model: -1 in a history
    queries = _queries([[r if (r := rows.get(i, -1)) < len(data.item_ids) else -1 for i in p]
                        for p in prefixes])  # fmt: skip
    wanted = truth_of_lists([_mapped([t], rows) for t in targets])
    return _result(recipe, seconds, data, Asked(queries, wanted, EXCLUDE_NONE), None, run)


def events(data: Interactions, split_at: int, run: Run) -> dict[str, Any]:
    """Temporal split of a shop's events at ``split_at`` (µs): each user's distinct later items,
    users without a history among them. The recipe's own seen policy decides what is left out."""
    split = temporal_split(data, at=split_at)
    recipe, seconds = run.fit(split.train)
    batch = next(split.batches(run.k, len(split.users)))
    ages = np.repeat(batch.at, np.diff(batch.starts)) - batch.ts
    queries = Queries(batch.starts, batch.items, batch.types, (ages / 1e6).astype(np.float32))
    left_out = excluded(queries, recipe.info["seen_policy"], data.event_types)
    bounds = split.truth.starts
    wanted = [split.truth.items[a:b].tolist() for a, b in pairwise(bounds)]
    asked = Asked(queries, truth_of_lists(wanted), str(recipe.info["seen_policy"]))
    return _result(recipe, seconds, split.train, asked, left_out, run)


def _answered(
    recipe: Recipe, queries: Queries, left_out: tuple[Int64s, Int32s] | None, run: Run
) -> Int32s:
    """(queries, at least 20)"""
    run.progress("scoring", 0.9)
    starts, items = (None, NONE) if left_out is None else left_out
    most = max(run.k, STANDARD_K)
    found = recipe.candidates_many(queries, most, starts, items)[0]
    return np.pad(found, ((0, 0), (0, most - found.shape[1])), constant_values=-1)


def _figures(answered: Int32s, asked: Asked, run: Run) -> dict[str, float]:
    figures = {}
    for k in sorted({run.k, STANDARD_K}):
        judged = judge(answered[:, :k], asked.truth)
        for name, metric in REPORTED.items():
            figures[f"{name}@{k}"] = round(float(np.nanmean(metric(judged))), 6)
    return figures


def _result(
    recipe: Recipe,
    seconds: float,
    train: Interactions,
    asked: Asked,
    left_out: tuple[Int64s, Int32s] | None,
    run: Run,
) -> dict[str, Any]:
    """``fit_seconds`` and ``peak_mb`` are the recipe's: the baselines come after it."""
    answered, info = _answered(recipe, asked.queries, left_out, run), recipe.info
    peak, begin = run.peak(), run.clock()
    beside = measured(answered, train, asked, run.baselines, run.seed, run.progress)
    return {
        **_figures(answered, asked, run),
        "k": run.k,
        "queries": asked.queries.size,
        "longest_history": int(np.diff(asked.queries.starts).max(initial=0)),
        "fit_seconds": round(seconds, 2),
        "peak_mb": round(peak, 1),
        "baselines": beside,
        "baselines_seconds": round(run.clock() - begin, 2),
        "held_out": info["held_out"],
        "seen_policy": info["seen_policy"],
        "components": info["components"],
        "prior": info["prior"],
    }


def _rows(lists: Any) -> dict[int, int]:
    """Row of each item number of the training part, by rising number."""
    numbers = sorted({item for items in lists for item in items})
    if not numbers:
        raise InvalidInput("benchmark_empty", field="train")
    return {number: row for row, number in enumerate(numbers)}


def _mapped(items: Sequence[int], rows: dict[int, int]) -> list[int]:
    """Rows of items; one that the training part does not hold gets a row behind all others, so
    that it counts as wanted and can never be hit."""
    return [rows.setdefault(item, len(rows)) for item in items]


def _items_of(data: Interactions, user: int | None) -> list[int]:
    """The items of a user's training events; none for a user who has none."""
    if user is None:
        return []
    first, last = np.searchsorted(data.user, [user, user + 1])
    return [int(item) for item in data.item[first:last]]


def _queries(histories: Sequence[Sequence[int]]) -> Queries:
    lengths = np.fromiter((len(h) for h in histories), np.int64, len(histories))
    total = int(lengths.sum())
    rows = np.fromiter((row for h in histories for row in h), np.int32, total)
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return Queries(starts, rows, np.zeros(total, np.uint8), np.zeros(total, np.float32))
