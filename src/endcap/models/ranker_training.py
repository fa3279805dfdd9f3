"""Training the ranker, and deciding whether it may re-order what the recipe answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float32s, Float64s
from endcap.domain.values import Attributes
from endcap.features.products import product_table
from endcap.models import calibration
from endcap.models.ranker import BY_BLEND, BY_RANKER, BY_RECIPE, COLUMNS, Ranker, arranged
from endcap.models.ranker_samples import (
    Plan,
    Samples,
    feature_matrix,
    parted,
    plan,
    sample,
)
from endcap.models.recipe import Recipe
from endcap.models.trees import read_xgboost
from endcap.statistics.paired import compare_paired

MOST_ROWS, MOST_MOMENTS = 2_000_000, 20_000
LEAST_POSITIVES = 500
NEGATIVES = 0.25  # share of the candidates that were not bought which training reads
SECONDS_PER_MOMENT = 2e-3  # estimated work: candidates, features and their share of training
ONE_THREAD_ROWS = 500_000  # up to so many rows a second thread waits more than it works
ROUNDS, PATIENCE = 200, 15
K = 20
_SHAP_ROWS = 500

Progress = Callable[[str, float], None]


class Outcome(NamedTuple):
    """``ranker`` is None where there is too little to learn from; ``info`` says why."""

    ranker: Ranker | None
    info: dict[str, Any]


def fit_ranker(
    data: Interactions,
    catalogue: Sequence[Attributes] | None,
    recipe: Recipe,
    *,
    seed: int,
    threads: int,
    budget_s: float,
    progress: Progress,
    memory_mb: int = 4096,
) -> Outcome:
    """Learn from the newest third of the events what of the recipe's candidates is bought.

    Candidates come from ``recipe`` fitted again on what came before. ``budget_s`` bounds the
    estimated work. Same data, seed, threads and budget: the same ranker.
    """
    if not data.timed:
        return _skipped("the events have no times")
    chosen = plan(data)
    if _positives(data, chosen) < LEAST_POSITIVES:
        return _skipped(f"fewer than {LEAST_POSITIVES} events to learn from")
    progress("ranker: candidates of the past", 0.0)
    before = data.where(data.ts < chosen.begin)
    earlier = recipe.refitted(before, catalogue, threads=threads, memory_mb=memory_mb)
    most = min(MOST_MOMENTS, int(budget_s / SECONDS_PER_MOMENT))
    policy = str(recipe.info.get("seen_policy", ""))
    samples = _sampled(data, earlier, chosen, policy, most, seed)
    if samples.labels.sum() < LEAST_POSITIVES:
        found = int(samples.labels.sum())
        return _skipped(f"{found} candidates were bought, {LEAST_POSITIVES} are needed")
    parts = {name: parted(samples, name) for name in ("train", "stop", "calibrate", "test")}
    if any(not 0 < part.labels.sum() < len(part.labels) for part in parts.values()):
        return _skipped("a part of the sample holds nothing that was bought")
    return _Training(data, catalogue, parts, seed, threads, progress).run(chosen)


def _skipped(reason: str) -> Outcome:
    return Outcome(None, {"status": "skipped", "reason": reason})


def _positives(data: Interactions, chosen: Plan) -> int:
    late = data.ts >= chosen.begin
    return int(
        (late if chosen.label_type is None else late & (data.type == chosen.label_type)).sum()
    )


def _sampled(
    data: Interactions, earlier: Recipe, chosen: Plan, policy: str, most: int, seed: int
) -> Samples:
    """Fewer moments where the rows would be too many."""
    width = min(200, max(len(earlier.mixture.prior_order), 1))
    return sample(data, earlier.mixture, chosen, policy, min(most, MOST_ROWS // width), seed)


class _Training(NamedTuple):
    data: Interactions
    catalogue: Sequence[Attributes] | None
    parts: dict[str, Samples]
    seed: int
    threads: int
    progress: Progress

    def run(self, chosen: Plan) -> Outcome:
        self.progress("ranker: boosting", 0.3)
        booster = self._boost()
        trees = read_xgboost(bytes(booster.save_raw("json")))
        self.progress("ranker: calibrating", 0.8)
        rows = {name: self._all_rows(name) for name in ("calibrate", "test")}
        margins = {name: trees.margins(found) for name, found in rows.items()}
        curve = calibration.isotonic(margins["calibrate"], self.parts["calibrate"].labels)
        order, decision = decide(
            (self.parts["calibrate"], margins["calibrate"]),
            (self.parts["test"], margins["test"]),
            self.seed,
        )
        likely = curve.apply(margins["test"])
        info = {
            "status": "trained",
            **decision,
            **self._facts(chosen),
            "trees": len(trees.features),
            **calibration.quality(likely, self.parts["test"].labels),
            "importance": importance(booster),
            "shap": shap_summary(booster, rows["test"], self.seed),
        }
        table = product_table(self.data, self.catalogue, int(self.data.ts.max()) + 1)
        self.progress("ranker: done", 1.0)
        return Outcome(Ranker(trees, curve, table, order, info), info)

    def _boost(self) -> Any:
        """An xgboost Booster, cut where the early-stop part was answered best."""
        import xgboost  # here: it takes half a second to import

        kept, weights = self._thinned()
        train, stop = self.parts["train"], self.parts["stop"]
        names, threads = list(COLUMNS), self.threads if kept.sum() > ONE_THREAD_ROWS else 1
        rows = feature_matrix(self.data, self.catalogue, train, kept)
        fitting = xgboost.QuantileDMatrix(
            rows, train.labels[kept], weight=weights, feature_names=names,
            max_bin=128, nthread=threads,
        )  # fmt: skip
        watched = xgboost.QuantileDMatrix(
            self._all_rows("stop"), stop.labels, feature_names=names, ref=fitting,
            max_bin=128, nthread=threads,
        )  # fmt: skip
        settings = {
            "objective": "binary:logistic", "eval_metric": "logloss", "tree_method": "hist",
            "max_depth": 6, "eta": 0.1, "min_child_weight": 20, "lambda": 5.0, "max_bin": 128,
            "subsample": 0.8, "colsample_bytree": 0.7, "seed": self.seed, "nthread": threads,
        }  # fmt: skip
        booster = xgboost.train(
            settings, fitting, ROUNDS, evals=[(watched, "stop")],
            early_stopping_rounds=PATIENCE, verbose_eval=False,
        )  # fmt: skip
        return booster[: booster.best_iteration + 1]

    def _thinned(self) -> tuple[Bools, Float32s]:
        """(which candidates training reads, the weight of each of these): all that were bought,
        and ``NEGATIVES`` of the others, each counting for those left out."""
        labels = self.parts["train"].labels
        draws = np.random.default_rng((self.seed, 1)).random(len(labels))
        kept = labels | (draws < NEGATIVES)
        weights = np.where(labels, 1.0, 1.0 / NEGATIVES)[kept]
        return kept, weights.astype(np.float32)

    def _all_rows(self, name: str) -> Float32s:
        part = self.parts[name]
        return feature_matrix(self.data, self.catalogue, part, np.ones(len(part.rows), np.bool_))

    def _facts(self, chosen: Plan) -> dict[str, Any]:
        types = self.data.event_types
        return {
            "label": "any event" if chosen.label_type is None else types[chosen.label_type],
            "horizon_days": round(chosen.horizon / 86_400e6, 3),
            "moments": {name: len(part.targets) for name, part in self.parts.items()},
            "candidates": {name: len(part.rows) for name, part in self.parts.items()},
            "positives": {name: int(part.labels.sum()) for name, part in self.parts.items()},
        }


def decide(
    calibrate: tuple[Samples, Float32s], test: tuple[Samples, Float32s], seed: int
) -> tuple[str, dict[str, Any]]:
    """(whose order to serve, the figures). The better of ranker and blend on the calibration part
    is compared with the recipe on the test part, shopper by shopper; it must win beyond chance."""
    rival = max((BY_RANKER, BY_BLEND), key=lambda o: np.nanmean(ndcg_by_user(*calibrate, o)))
    theirs = {order: ndcg_by_user(*test, order) for order in (BY_RECIPE, BY_RANKER, BY_BLEND)}
    found = compare_paired(theirs[rival], theirs[BY_RECIPE], seed=seed)
    order = rival if found.low > 0 else BY_RECIPE
    return order, {
        "order": order,
        "rival": rival,
        "ndcg@20": {name: round(float(np.nanmean(v)), 5) for name, v in theirs.items()},
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "shoppers": len(theirs[rival]),
    }


def ndcg_by_user(samples: Samples, margins: Float32s, order: str) -> Float64s:
    """(shoppers,) mean NDCG@20 of each shopper's moments that have anything to hit; what no
    candidate list held counts as missed."""
    discount = 1 / np.log2(np.arange(K) + 2)
    ideal = np.concatenate(([np.nan], np.cumsum(discount)))[np.minimum(samples.targets, K)]
    gains = np.zeros(len(ideal))
    for at in np.flatnonzero(samples.targets):
        span = slice(samples.starts[at], samples.starts[at + 1])
        hits = samples.labels[span][arranged(margins[span], order)[:K]]
        gains[at] = discount[: len(hits)] @ hits
    counted = samples.targets > 0
    _, owner = np.unique(samples.moments.user[counted], return_inverse=True)
    sums = np.bincount(owner, (gains / ideal)[counted])
    return np.asarray(sums / np.bincount(owner), np.float64)


def importance(booster: Any) -> list[dict[str, Any]]:
    """Features by the gain of all their splits, as shares, the greatest first."""
    gains = booster.get_score(importance_type="total_gain")
    whole = sum(gains.values()) or 1.0
    ordered = sorted(gains.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"feature": name, "gain": round(gain / whole, 5)} for name, gain in ordered]


def shap_summary(booster: Any, rows: Float32s, seed: int) -> list[dict[str, Any]]:
    """Features by the mean absolute Shapley value on a draw of test candidates, in log-odds;
    ``direction``: its correlation with the feature.
    Source: Lundberg et al., Nature Machine Intelligence 2 (2020)."""
    import xgboost

    draws = np.random.default_rng((seed, 2)).choice(
        len(rows), min(_SHAP_ROWS, len(rows)), replace=False
    )
    some = rows[np.sort(draws)]
    values = booster.predict(
        xgboost.DMatrix(some, feature_names=list(COLUMNS)), pred_contribs=True
    )[:, :-1]
    size = np.abs(values).mean(axis=0)
    return [
        {
            "feature": COLUMNS[at],
            "size": round(float(size[at]), 5),
            "direction": round(_correlation(some[:, at], values[:, at]), 3),
        }
        for at in np.argsort(-size, kind="stable")
        if size[at] > 0
    ]


def _correlation(first: Float32s, second: Float32s) -> float:
    known = ~np.isnan(first)
    if known.sum() < 2 or not first[known].std() or not second[known].std():
        return 0.0
    return float(np.corrcoef(first[known], second[known])[0, 1])
