"""How likely each answered item is to be chosen: measured figures, never a squeezed score.

Scores order items and mean nothing else. A probability comes from what was measured: the share of
held-out shoppers who chose the item at that rank (``hit_share_by_rank``, found in training), and
where no such figure fits the answer, the item's share of the shop's demand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float32s, Int32s
from endcap.engine import rank
from endcap.engine.guarding import RANK
from endcap.engine.moment import Live, Moment
from endcap.engine.surfaces import scores_of

RANKER, HELD_OUT, POPULARITY = "ranker", "held_out", "popularity"
SOURCES = (RANKER, HELD_OUT, POPULARITY)
PERSONAL = "personal"


class Probabilities(NamedTuple):
    """``values`` (n,) strictly between 0 and 1. ``source``: how they were found."""

    values: Float32s
    source: str


def by_ranker(moment: Moment, rows: Int32s) -> tuple[float, ...]:
    """How likely the shopper buys each of the vocabulary rows (n,) of a personal list, as the
    ranker learnt and calibrated it; nothing without a sound ranker or a known history."""
    ranker, ranking = moment.live.serving.ranker, moment.ranking
    if ranker is None or RANK in moment.without or not len(rows):
        return ()
    moment.watch.finish(RANK)
    try:
        values = np.full(len(rows), np.nan, np.float32)
        if ranking is not None:
            equal = moment.live.serving.model_rows(rows)[:, None] == ranking.rows  # (n, ranked)
            ranked = equal.any(axis=1)
            margins = ranking.margins[equal.argmax(axis=1)[ranked]]
            values[ranked] = ranker.calibration.apply(margins)
        if (others := np.isnan(values)).any():
            asked = rows[others]
            found = rank.probabilities(moment, asked, scores_of(moment, asked))
            if found is None:
                return ()
            values[others] = found
    except Exception as error:
        moment.watch.spare(error)
        return ()
    return tuple(values.tolist())


def probabilities(now: Live, at: int, rows: Int32s, strategy: str) -> Probabilities:
    """Of the vocabulary rows (n,) of one answer, best first, which ``strategy`` made at ``at``.

    ``held_out``: the share of held-out shoppers whose later events named the item at this rank.
    ``popularity``: the item's share of all decayed demand (views 1, carts 3, purchases 5), with
    one view added to each item, so that nothing is impossible.
    """
    recipe = now.serving.recipe
    shares = recipe.info.get("hit_share_by_rank") if recipe is not None else None
    if strategy == PERSONAL and shares:
        ranks = np.minimum(np.arange(len(rows)), len(shares) - 1)
        return Probabilities(np.asarray(shares, np.float32)[ranks], HELD_OUT)
    counts = now.state.popularity(at, rows) + 1.0
    total = now.state.demand(at) + len(now.state.items) + 1.0
    return Probabilities((counts / total).astype(np.float32), POPULARITY)
