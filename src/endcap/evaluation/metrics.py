"""Metrics of top-k recommendations over full rankings, one function each.

Accuracy metrics take ``Judged`` (see ``truth.judge``) and return one number for each user,
(users,), 0 to 1; a user without any relevant item gives NaN, so that means leave it out.
List metrics take the recommended rows themselves. k is the width of the lists; a list that is
shorter (padded with −1) is not excused. ``rel_j`` is 1 where rank j hit, else 0; T is the set
of items that the user took.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float64s, Int32s, Int64s
from endcap.evaluation.truth import Judged


def recall(judged: Judged) -> Float64s:
    """Recall@k = Σ_j rel_j / |T|. Its greatest value is below 1 where |T| > k.

    Source: Herlocker et al., "Evaluating collaborative filtering recommender systems",
    ACM TOIS 22 (2004).
    """
    return _ratio(judged.hits.sum(axis=1), judged.relevant)


def precision(judged: Judged) -> Float64s:
    """Precision@k = Σ_j rel_j / k, also where the list is shorter than k.

    Source: Herlocker et al. (2004).
    """
    return _asked(judged, judged.hits.mean(axis=1))


def hit_rate(judged: Judged) -> Float64s:
    """HR@k = 1 if any rank hit, else 0.

    Source: Deshpande & Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 22 (2004).
    """
    return _asked(judged, np.where(judged.hits.any(axis=1), 1.0, 0.0))


def mrr(judged: Judged) -> Float64s:
    """Reciprocal rank@k = 1 / rank of the first hit; 0 without one.

    Source: Voorhees, "The TREC-8 question answering track report" (1999).
    """
    first = judged.hits.argmax(axis=1)  # (users,) 0 too where nothing hit
    return _asked(judged, np.where(judged.hits.any(axis=1), 1.0 / (first + 1.0), 0.0))


def ndcg(judged: Judged) -> Float64s:
    """NDCG@k with the ideal list of this user: DCG / IDCG over min(k, |T|) ranks.

    DCG = Σ_j rel_j / log₂(j + 1), IDCG = Σ_{j ≤ min(k, |T|)} 1 / log₂(j + 1): 1 is reachable
    by every user. This is the usual definition.
    Source: Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS
    20 (2002).
    """
    gains = _gains(judged.hits.shape[1])
    ideal = np.concatenate(([0.0], np.cumsum(gains)))  # (k + 1,) by number of ranks
    reach = np.minimum(judged.relevant, len(gains))
    return _ratio(judged.hits @ gains, ideal[reach])


def ndcg_over_k(judged: Judged) -> Float64s:
    """NDCG@k with one ideal for all users: DCG / Σ_{j ≤ k} 1 / log₂(j + 1).

    Some libraries and papers divide by this; it is smaller than ``ndcg`` wherever |T| < k, so
    the two must never be compared. Source: as ``ndcg``.
    """
    gains = _gains(judged.hits.shape[1])
    return _asked(judged, (judged.hits @ gains) / gains.sum())


def average_precision(judged: Judged) -> Float64s:
    """AP@k = Σ_j rel_j · Precision@j / min(k, |T|); its mean over users is MAP@k.

    Source: Buckley & Voorhees, "Evaluating evaluation measure stability", SIGIR (2000).
    """
    ranks = np.arange(1, judged.hits.shape[1] + 1)
    at_rank = np.cumsum(judged.hits, axis=1) / ranks  # (users, k)
    return _ratio((at_rank * judged.hits).sum(axis=1), np.minimum(judged.relevant, len(ranks)))


def recall_curve(judged: Judged) -> Float64s:
    """Mean recall at 1, 2, … k: (k,)."""
    reached = np.cumsum(judged.hits, axis=1)[judged.relevant > 0]  # (users, k)
    if len(reached) == 0:
        return np.full(judged.hits.shape[1], np.nan)
    return np.asarray((reached / judged.relevant[judged.relevant > 0, None]).mean(axis=0))


def novelty(recommended: Int32s, users_of_item: Int64s, n_users: int) -> Float64s:
    """Mean self-information of a user's list in bits: mean of −log₂(users(i) / n_users), (users,).

    users_of_item: (n_items,) how many users had the item before the split; an item nobody had
    counts as if one user had. NaN for an empty list.
    Source: Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender
    systems", PNAS 107 (2010).
    """
    shares = np.maximum(users_of_item, 1) / max(n_users, 1)
    bits = np.append(-np.log2(np.minimum(shares, 1.0)), 0.0)  # the last: padding
    given = (recommended >= 0).sum(axis=1)
    return _ratio(bits[recommended].sum(axis=1), given)


def intra_list_diversity(recommended: Int32s, category: Int32s) -> Float64s:
    """Share of a list's pairs of items that lie in different categories, (users,).

    1 − Σ_c n_c (n_c − 1) / (n (n − 1)); category: (n_items,), where −1 (unknown) is one category
    of its own. NaN for lists of fewer than two items.
    Source: Ziegler et al., "Improving recommendation lists through topic diversification", WWW
    (2005), with similarity 1 inside a category and 0 across.
    """
    given = recommended >= 0
    kinds = np.where(given, category[recommended], -2)  # (users, k)
    ordered = np.sort(kinds, axis=1)
    n = given.sum(axis=1).astype(np.int64)
    same = np.zeros(len(recommended))
    run = np.zeros(len(recommended))
    for j in range(1, ordered.shape[1]):  # pairs of a run of equals: 1 + 2 + … as it grows
        equal = (ordered[:, j] == ordered[:, j - 1]) & (ordered[:, j] > -2)
        run = np.where(equal, run + 1, 0)
        same += run
    pairs = n * (n - 1) / 2
    return np.where(pairs > 0, 1.0 - _ratio(same, pairs), np.nan)


def miscalibration(recommended: Int32s, category: Int32s, history: Float64s) -> Float64s:
    """How far the categories of a user's list are from those of the history, in bits, (users,).

    KL(p ‖ q̃) = Σ_c p_c log₂(p_c / q̃_c), p: shares of the history, q: shares of the list,
    q̃ = 0.99 q + 0.01 p. 0: the same mix. category: (n_items,), −1 (unknown) does not count;
    history: (users, categories) events of each. NaN without a history or a list.
    Source: Steck, "Calibrated recommendations", RecSys (2018).
    """
    users, categories = history.shape
    kinds = np.where(recommended >= 0, category[recommended], -1)  # (users, k)
    keys = (np.arange(users)[:, None] * categories + kinds)[kinds >= 0]
    listed = np.bincount(keys, minlength=users * categories).reshape(history.shape)
    p, q = (part / np.maximum(part.sum(axis=1), 1)[:, None] for part in (history, listed))
    mixed = 0.99 * q + 0.01 * p
    wanted = p > 0
    bits = np.zeros(p.shape)
    bits[wanted] = p[wanted] * np.log2(p[wanted] / mixed[wanted])
    known = (history.sum(axis=1) > 0) & (listed.sum(axis=1) > 0)
    return np.where(known, bits.sum(axis=1), np.nan)


def exposure(recommended: Int32s, n_items: int) -> Int64s:
    """How many lists hold each item: (n_items,)."""
    return np.bincount(recommended[recommended >= 0], minlength=n_items).astype(np.int64)


def coverage(exposed: Int64s) -> float:
    """Share of the catalogue that stands in at least one list. exposed: see ``exposure``.

    Source: Herlocker et al. (2004), catalogue coverage; Ge et al., "Beyond accuracy", RecSys
    (2010).
    """
    return float((exposed > 0).mean()) if len(exposed) else float("nan")


def gini(exposed: Int64s) -> float:
    """How unequally recommendations fall on the catalogue: 0 all alike, near 1 all on one item.

    G = Σ_i (2i − n − 1) e_(i) / (n Σ e), e_(1) ≤ … ≤ e_(n) over all n items, also those never
    recommended. Source: Gini (1912); for recommenders: Fleder & Hosanagar, "Blockbuster
    culture's next rise or fall", Management Science 55 (2009).
    """
    n, total = len(exposed), float(exposed.sum())
    if total == 0:
        return float("nan")
    weights = 2.0 * np.arange(1, n + 1) - n - 1
    return float(weights @ np.sort(exposed).astype(np.float64) / (n * total))


def personalisation(exposed: Int64s, users: int, k: int) -> float:
    """1 − the mean share of items that two users' lists have in common: 0 all lists alike.

    1 − Σ_i e_i (e_i − 1) / (users (users − 1) k), which is the mean of |A ∩ B| / k over all
    pairs. NaN for fewer than two users. Source: Zhou et al. (2010), inter-user diversity.
    """
    if users < 2:
        return float("nan")
    counts = exposed.astype(np.float64)
    return 1.0 - float((counts * (counts - 1.0)).sum()) / (users * (users - 1.0) * k)


class Metric(NamedTuple):
    """One line of a table. ``best`` says which way is better: ``high``, ``low`` or ``neither``."""

    name: str
    title: str
    best: str
    about: str


Accuracy = Callable[[Judged], Float64s]
ACCURACY: dict[str, Accuracy] = {
    "recall": recall,
    "ndcg": ndcg,
    "hr": hit_rate,
    "mrr": mrr,
    "precision": precision,
    "map": average_precision,
    "ndcg_over_k": ndcg_over_k,
}
LISTS = ("novelty", "diversity", "miscalibration", "coverage", "gini", "personalisation")

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("recall", "Recall", "high", "share of what the user took that the list held"),
        Metric("ndcg", "NDCG", "high", "hits weighed by rank, against the best possible list"),
        Metric("hr", "Hit rate", "high", "share of users whose list held anything they took"),
        Metric("mrr", "MRR", "high", "one over the rank of the first hit"),
        Metric("precision", "Precision", "high", "share of the list that the user took"),
        Metric("map", "MAP", "high", "precision averaged over the ranks that hit"),
        Metric("ndcg_over_k", "NDCG over k", "high", "NDCG with an ideal list of k hits for all"),
        Metric("novelty", "Novelty", "neither", "how rare the recommended items are, in bits"),
        Metric("diversity", "Diversity", "neither", "share of a list's pairs across categories"),
        Metric("miscalibration", "Miscalibration", "neither", "bits from the history's categories"),
        Metric("coverage", "Coverage", "neither", "share of the catalogue in any list"),
        Metric("gini", "Gini", "neither", "inequality of exposure over the catalogue"),
        Metric("personalisation", "Personalisation", "neither", "how far lists of users differ"),
    )
}


def _gains(k: int) -> Float64s:
    """1 / log₂(rank + 1) of ranks 1 … k: (k,)."""
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)))


def _asked(judged: Judged, values: Float64s) -> Float64s:
    """``values`` (users,) with NaN for users that took nothing."""
    return np.where(judged.relevant > 0, values, np.nan)


def _ratio(top: Float64s | Int64s, bottom: Float64s | Int64s) -> Float64s:
    """top / bottom, NaN where bottom is 0."""
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1), np.nan)
