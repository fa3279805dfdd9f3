"""How lifts by attribute are learnt, and whether they are worth having.

For value v and item i, n_iv shoppers with v took i, where E_iv = n_i · N_v / N would have by chance
(N: shoppers' distinct items, in all and by value). The lift is log((n_iv + s) / (E_iv + s)): the
mean of the gamma posterior of n_iv / E_iv whose prior has mean 1 and shape s. The s of a field is
that of the greatest likelihood of its counts (DuMouchel, "Bayesian data mining in large frequency
tables", The American Statistician 53, 1999). How much each field weighs beside popularity is the
conditional logit of what shoppers took first (McFadden, 1974), weights ≥ 0, so that fields that
say the same share it.

Shoppers are parted into folds. Each fold is asked about with counts of the other folds and judged
with the weights that the other folds found; the map is kept where it beats popularity so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float64s, Int32s
from endcap.models.newcomer_asking import Asked, Asking, K, accuracy
from endcap.models.newcomer_counts import (
    People,
    moments_of,
    places_in,
    pool_of,
    stacked,
    tables,
    value_codes,
)
from endcap.models.newcomer_fields import Field, learn_fields
from endcap.models.newcomers import Newcomers
from endcap.statistics.paired import compare_paired

FOLDS = 4
MOST_JUDGED, LEAST_JUDGED = 2000, 100  # shoppers that are asked about
MOST_WEIGHT = 5.0
LEAST_WEIGHT = 0.02  # of a field that is kept
RIDGE = 1e-3

SKIPPED, LEFT_OUT, KEPT = "skipped", "left out", "kept"


def fit_newcomers(
    data: Interactions, people: People, *, half_life_days: float, seed: int
) -> tuple[Newcomers | None, dict[str, Any]]:
    """(the map, what was found out); None where it does not beat popularity, or nothing is known.
    ``half_life_days``: of the popularity that would be shown instead."""
    fields = learn_fields(people.known, data.timed)
    data = data.where(np.isin(data.user, people.rows))  # of a large shop, what was drawn
    if not fields or not len(data):
        return None, {"status": SKIPPED, "reason": "nothing is known of shoppers"}
    moments = moments_of(data, people)
    codes = value_codes(fields, people, moments)
    pool = pool_of(data.n_items, fields, codes, moments.item)
    place = places_in(pool, data.n_items)
    half_life = half_life_days if data.timed else None
    asking = Asking(data, people, moments, fields, place, half_life)
    fold = np.random.default_rng((seed, 2)).integers(0, FOLDS, len(people.rows))
    asked = []
    for left_out in range(FOLDS):
        others = fold[moments.person] != left_out
        found = tables(fields, codes[:, others], place[moments.item[others]], len(pool))
        lifts = stacked(found, [table.shape() for table in found])
        chosen = np.flatnonzero(fold == left_out)
        asked.append(asking.asked(chosen, lifts, MOST_JUDGED // FOLDS))
    shoppers = sum(len(part.items) for part in asked)
    if shoppers < LEAST_JUDGED or not all(len(part.items) for part in asked):
        return None, {"status": SKIPPED, "reason": "too few new shoppers to judge by"}
    told = {"shoppers": shoppers, **compared(asked, seed)}
    weights = weigh_fields(asked)
    found = tables(fields, codes, place[moments.item], len(pool))
    shapes = [table.shape() for table in found]
    told["fields"] = described(fields, weights, shapes)
    if told["low"] <= 0:
        return None, told | {"status": LEFT_OUT, "reason": "no better than popularity"}
    told["status"] = KEPT
    kept = [at for at in range(len(fields)) if weights[at] >= LEAST_WEIGHT]
    return built(fields, pool, found, shapes, weights, kept, told), told


def built(
    fields: Sequence[Field],
    pool: Int32s,
    found: Sequence[Any],
    shapes: Sequence[float],
    weights: Float64s,
    kept: Sequence[int],
    told: dict[str, Any],
) -> Newcomers:
    lifts = [found[at].lifts(shapes[at]) * np.float32(weights[at]) for at in kept]
    return Newcomers([fields[at] for at in kept], pool, np.concatenate(lifts), told)


def described(
    fields: Sequence[Field], weights: Float64s, shapes: Sequence[float]
) -> dict[str, dict[str, float]]:
    return {
        field.name: {"weight": round(weight, 4), "shrinkage": shape, "values": len(field.values)}
        for field, weight, shape in zip(fields, weights.tolist(), shapes, strict=True)
    }


def compared(asked: Sequence[Asked], seed: int) -> dict[str, Any]:
    """Recall and NDCG of the map and of popularity over all folds, and paired differences."""
    own: list[tuple[Float64s, Float64s]] = []
    popular: list[tuple[Float64s, Float64s]] = []
    for at, part in enumerate(asked):
        weights = weigh_fields([other for place, other in enumerate(asked) if place != at])
        own.append(accuracy(part.scores(weights), part))
        popular.append(accuracy(part.base, part))
    figures: dict[str, Any] = {}
    for metric, place in (("recall", 0), ("ndcg", 1)):
        new, old = (np.concatenate([part[place] for part in side]) for side in (own, popular))
        change = compare_paired(new, old, seed=seed)
        figures[f"{metric}@{K}"] = round(float(new.mean()), 6)
        figures[f"popularity_{metric}@{K}"] = round(float(old.mean()), 6)
        ends = (change.difference, change.low, change.high)
        prefix = "" if metric == "ndcg" else f"{metric}_"
        for name, value in zip(("difference", "low", "high"), ends, strict=True):
            figures[prefix + name] = round(value, 6)
    return figures


def weigh_fields(asked: Sequence[Asked]) -> Float64s:
    """(fields,) weights beside popularity, whose own is 1."""
    fields = asked[0].rows.shape[1]
    begin = np.concatenate(([1.0], np.full(fields, 0.5)))
    bounds = [(0.1, 5.0)] + [(0.0, MOST_WEIGHT)] * fields

    def loss(weights: Float64s) -> tuple[float, Float64s]:
        total, slope = RIDGE * float((weights[1:] ** 2).sum()), np.zeros(fields + 1)
        slope[1:] = 2 * RIDGE * weights[1:]
        shoppers = sum(len(part.items) for part in asked)
        for part in asked:
            for low in range(0, len(part.items), 64):
                loss_, slope_ = _logit(part, slice(low, low + 64), weights)
                total += loss_ / shoppers
                slope += slope_ / shoppers
        return total, slope

    found = minimize(
        loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40}
    )
    return np.asarray(found.x[1:] / found.x[0], np.float64)


def _logit(asked: Asked, span: slice, weights: Float64s) -> tuple[float, Float64s]:
    """(minus the log-likelihood, its slope (1 + fields,)) of the choices of some shoppers, each of
    whom counts once whatever they took."""
    parts = [asked.base[span], *(asked.lifts[column] for column in asked.rows[span].T)]
    scores = np.zeros_like(parts[0])  # (u, p)
    for weight, part in zip(weights.tolist(), parts, strict=True):
        if weight:
            scores += np.float32(weight) * part
    scores -= scores.max(axis=1, keepdims=True)
    odds = np.exp(scores)
    norm = odds.sum(axis=1, keepdims=True)
    wanted = asked.wanted[span]
    counts = wanted.sum(axis=1, keepdims=True)
    share = wanted / np.maximum(counts, 1)
    chose = counts > 0  # (u, 1)
    loss = float((np.log(norm) * chose).sum() - (share * scores).sum())
    rest = odds / norm * chose - share
    return loss, np.array([float(np.vdot(rest, part)) for part in parts])
