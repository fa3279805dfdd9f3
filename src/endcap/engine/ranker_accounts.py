"""What the ranker said of an item, and which features made it say so."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Float64s
from endcap.domain.explanations import RankerAccount
from endcap.engine.moment import Moment, Ranking
from endcap.engine.rank import ranker_rows
from endcap.models.ranker import CANDIDATES, COLUMNS, Ranker

MOST_FEATURES = 8


class RankerLedger:
    """Accounts of the items that the ranker has seen in one answer."""

    def __init__(self, moment: Moment, ranker: Ranker, ranking: Ranking) -> None:
        self._moment, self._ranker, self._ranking = moment, ranker, ranking
        self.order = ranker.order

    def account(self, row: int) -> tuple[dict[str, float], RankerAccount] | None:
        """(the features that moved the log-odds most, the rest) of the item at vocabulary
        ``row``; None: the ranker was not asked of it. Average + features + other features are
        the log-odds."""
        ranking, ranker = self._ranking, self._ranker
        found = np.flatnonzero(ranking.rows == self._moment.live.serving.model_row(row))
        if not len(found):
            return None
        rows = ranker_rows(
            self._moment, ranking.rows[found], ranking.scores[found], ranking.places[found]
        )
        parts = ranker.trees.contributions(rows)[0]  # (len(COLUMNS) + 1,)
        margin, place = ranking.margins[found], int(ranking.places[found[0]])
        features = greatest(parts[:-1])
        return features, RankerAccount(
            order=ranker.order,
            probability=float(ranker.calibration.apply(margin)[0]),
            log_odds=float(margin[0]),
            average=float(parts[-1]),
            other_features=float(margin[0]) - float(parts[-1]) - sum(features.values()),
            recipe_score=float(ranking.scores[found[0]]),
            recipe_rank=place + 1 if place < CANDIDATES else None,
            values={name: value_of(rows[0], name) for name in features},
        )

    def rank(self, row: int) -> int | None:
        """From 1: the place of an item among the recipe's candidates as they are served; None:
        it is not one of them."""
        order = self._ranker.arranged(self._ranking.margins)
        served = self._ranking.rows[order]
        found = np.flatnonzero(served == self._moment.live.serving.model_row(row))
        return int(found[0]) + 1 if len(found) else None


def ranker_ledger(moment: Moment) -> RankerLedger | None:
    """None: the answer at ``moment`` was made without a ranker."""
    ranker, ranking = moment.live.serving.ranker, moment.ranking
    if ranker is None or ranking is None:
        return None
    return RankerLedger(moment, ranker, ranking)


def greatest(parts: Float64s) -> dict[str, float]:
    """The ``MOST_FEATURES`` features whose amounts are greatest by size, greatest first."""
    order = np.argsort(-np.abs(parts), kind="stable")[:MOST_FEATURES]
    return {COLUMNS[at]: float(parts[at]) for at in order.tolist() if parts[at]}


def value_of(row: Float32s, name: str) -> float | None:
    value = float(row[COLUMNS.index(name)])
    return None if np.isnan(value) else value
