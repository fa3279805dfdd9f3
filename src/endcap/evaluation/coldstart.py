"""Products without events: does what they are say who wants them?

A tenth of the products is withheld from training with all its events. Of the later events those
with withheld products are to be foreseen: the withheld products are ranked for each shopper as the
engine does it, by the mean of their content neighbours' scores. Beside the neighbours by plain
weights of the fields stand those by learnt weights, and the order of chance.

Where anything is known of the shoppers, the same is asked of them: withheld fold by fold from
what newcomers want, do attributes, context and time beat what is popular?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float32s, Int64s
from endcap.domain.errors import InvalidInput
from endcap.domain.values import Attributes
from endcap.engine.cold import NEIGHBOURS, Pool, weighted_mean
from endcap.evaluation.benchmarks import Run
from endcap.evaluation.protocols import temporal_split
from endcap.evaluation.recommenders import READING
from endcap.models.content import ContentIndex
from endcap.models.content_fields import choose_fields
from endcap.models.newcomer_counts import People, people_rows
from endcap.models.newcomer_training import fit_newcomers
from endcap.models.queries import ModelQuery
from endcap.models.recipe import Recipe

SHARE = 0.1  # of the products
MOST_ASKED = 3000
CUTS = (5, 20)

Asked = list[tuple[ModelQuery, Bools]]  # a history, and which of the withheld are wanted


def coldstart(
    data: Interactions, split_at: int, run: Run, people: Sequence[Attributes] | None = None
) -> dict[str, Any]:
    """Recall among the withheld products of each way to rank them; with ``people`` (users,), under
    ``newcomers`` that of withheld shoppers. ``data`` with its catalogue; raises InvalidInput
    (benchmark_empty) without one, or where nobody wants a withheld product."""
    if data.catalogue is None:
        raise InvalidInput("benchmark_empty", field="items")
    draw = np.random.default_rng(run.seed)
    withheld = np.sort(draw.permutation(data.n_items)[: max(1, round(SHARE * data.n_items))])
    cold = np.isin(np.arange(data.n_items), withheld)
    train = data.where((data.ts < split_at) & ~cold[data.item])
    asked = _asked(data, split_at, cold, run)
    if not asked or not len(train):
        raise InvalidInput("benchmark_empty", field="interactions")
    recipe, seconds = run.fit(train)
    learnt = choose_fields(train, data.catalogue, run.seed)
    rankings = {
        "plain": _scores(recipe, asked, pool_of(data.catalogue, cold, None)),
        "random": [draw.random(len(withheld)).astype(np.float32) for _ in asked],
    }
    if learnt is not None:
        rankings["learnt"] = _scores(recipe, asked, pool_of(data.catalogue, cold, learnt))
    figures: dict[str, Any] = {
        f"{name}_recall@{k}": round(_recall(scores, asked, k), 6)
        for name, scores in rankings.items()
        for k in CUTS
    }
    told: dict[str, Any] = {
        "queries": len(asked),
        "withheld": len(withheld),
        "fit_seconds": round(seconds, 2),
    }
    if people is not None:
        told["newcomers"] = _newcomers(data.where(data.ts < split_at), people, run.seed)
    return {**figures, **told, "served": "plain" if learnt is None else "learnt", "fields": learnt}


def _newcomers(train: Interactions, people: Sequence[Attributes], seed: int) -> dict[str, Any]:
    rows = people_rows(train, seed)
    known = People(rows, [people[row] for row in rows.tolist()])
    half_life = READING.popular_half_life_days
    return fit_newcomers(train, known, half_life_days=half_life, seed=seed)[1]


def pool_of(
    catalogue: Sequence[Attributes], cold: Bools, fields: Mapping[str, float] | None
) -> Pool:
    """The withheld products with their neighbours among the others."""
    warm, rows = np.flatnonzero(~cold), np.flatnonzero(cold)
    known = [catalogue[row] for row in warm.tolist()]
    index = ContentIndex.build([str(row) for row in warm], known, fields)
    near = np.zeros((len(rows), NEIGHBOURS), np.int64)
    similarities = np.zeros((len(rows), NEIGHBOURS), np.float32)
    for place, row in enumerate(rows.tolist()):
        found = index.neighbours(catalogue[row], NEIGHBOURS)
        near[place, : len(found.rows)] = found.rows
        similarities[place, : len(found.rows)] = found.scores
    return Pool(rows.astype(np.int32), warm.astype(np.int32), near, similarities)


def _asked(data: Interactions, split_at: int, cold: Bools, run: Run) -> Asked:
    """Shoppers with a history of other products who later want withheld ones."""
    split = temporal_split(data, at=split_at)
    batch = next(split.batches(run.k, len(split.users)))
    places = np.cumsum(cold) - 1
    asked: Asked = []
    for user in range(len(split.users)):
        wanted = split.truth.items[split.truth.starts[user] : split.truth.starts[user + 1]]
        wanted = wanted[cold[wanted]]
        span: Int64s = np.arange(batch.starts[user], batch.starts[user + 1])
        span = span[~cold[batch.items[span]]]
        if not len(wanted) or not len(span):
            continue
        ages = ((batch.at[user] - batch.ts[span]) / 1e6).astype(np.float32)
        mask = np.zeros(int(cold.sum()), np.bool_)
        mask[places[wanted]] = True
        asked.append((ModelQuery(batch.items[span], batch.types[span], ages), mask))
        if len(asked) == MOST_ASKED:
            break
    return asked


def _scores(recipe: Recipe, asked: Asked, pool: Pool) -> list[Float32s]:
    """As ``engine/cold.py`` places cold items: neighbours just looked at do not vote."""
    found = []
    for query, _ in asked:
        warm = recipe.score(query, pool.warm)
        usable = np.isfinite(warm)
        warm[~usable] = 0
        mean = weighted_mean(pool, warm, usable & ~np.isin(pool.warm, query.rows))
        found.append(np.nan_to_num(mean, nan=-np.inf))
    return found


def _recall(scores: Sequence[Float32s], asked: Asked, k: int) -> float:
    hits = [
        wanted[np.argsort(-own, kind="stable")[:k]].sum() / wanted.sum()
        for own, (_, wanted) in zip(scores, asked, strict=True)
    ]
    return float(np.mean(hits))
