"""How likely each answered item is to be chosen: measured figures, never a squeezed score.

Scores order items and mean nothing else. A probability comes from what was measured: the share of
held-out shoppers who chose the item at that rank (``hit_share_by_rank``, found in training), and
where no such figure fits the answer, the item's share of the shop's demand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.values import Query
from endcap.engine import rank
from endcap.engine.moment import Live, observe
from endcap.engine.surfaces import scores_of

RANKER, HELD_OUT, POPULARITY = "ranker", "held_out", "popularity"
SOURCES = (RANKER, HELD_OUT, POPULARITY)
PERSONAL = "personal"


class Probabilities(NamedTuple):
    """``values`` (n,) strictly between 0 and 1. ``source``: how they were found."""

    values: Float32s
    source: str


def by_ranker(now: Live, query: Query, rows: Int32s) -> Probabilities | None:
    """How likely the shopper of a personal ``query`` buys each of the vocabulary rows (n,), as the
    ranker learnt and calibrated it; None without a ranker or a known history."""
    moment = observe(now, query)
    if now.serving.ranker is None or not len(rows):
        return None
    found = rank.probabilities(moment, rows, scores_of(moment, rows))
    return None if found is None else Probabilities(found, RANKER)


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
