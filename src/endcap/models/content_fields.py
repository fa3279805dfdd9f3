"""Which fields make products alike, learnt from the shop's events, for items without any.

The similarity of content (``content.py``) is Σ_f w_f² cos_f of the fields' cosines. The weights
w_f² ≥ 0 are the ridge regression of the lift of pairs of products on them (``likeness.py`` has the
formula), with non-negative coefficients (Lawson & Hanson, "Solving Least Squares Problems", 1974).
Whether they are better than the plain ones is asked of products that were kept out of learning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import nnls

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float64s, Int64s
from endcap.domain.values import Attributes
from endcap.models import pairs
from endcap.models.content import ContentIndex
from endcap.models.tokens import tokens_of

SAMPLE = 1000  # products whose pairs teach
LEAST_ITEMS = 50  # with fewer nothing is learnt
WITHHELD = 0.2  # of the products, which the choice is judged on
RIDGE = 1e-3  # as a share of the mean diagonal
FLOOR = 0.01  # of the greatest weight: for products that lack the fields that matter
NEAREST = 10
MOST_PER_USER = 200


def choose_fields(
    data: Interactions, catalogue: Sequence[Attributes], seed: int
) -> dict[str, float] | None:
    """The learnt weight of each field; None where the plain weights serve products without events
    at least as well, or where there is too little to learn from."""
    draw = np.random.default_rng(seed)
    users = np.bincount(data.item, minlength=data.n_items)
    known = np.array([bool(attributes) for attributes in catalogue]) & (users > 0)
    rows = np.flatnonzero(known)
    if len(rows) < LEAST_ITEMS:
        return None
    rows = np.sort(draw.permutation(rows)[:SAMPLE])
    # only pairs of these products are counted
    place = np.full(data.n_items, -1, np.int64)
    place[rows] = np.arange(len(rows))
    lift, expected = _lift(data, rows, place, seed)
    goods = [catalogue[row] for row in rows.tolist()]
    late = draw.random(len(rows)) < WITHHELD
    early = np.flatnonzero(~late)
    fields = learn(goods, lift, expected, early)
    plain, learnt = (
        _found(goods, lift, early, np.flatnonzero(late), weights) for weights in (None, fields)
    )
    return fields if learnt > plain else None


def learn(
    goods: Sequence[Attributes], lift: Float64s, expected: Float64s, rows: Int64s
) -> dict[str, float]:
    """Weights of the fields from the products ``rows``; lift, expected: (goods, goods)."""
    names = sorted({field for attributes in goods for field in tokens_of(attributes)})
    cosines = [np.ones(len(rows) ** 2)]
    for name in names:
        own = [{k: v for k, v in goods[row].items() if k.lower() == name} for row in rows]
        vectors = _vectors(own)
        cosines.append((vectors @ vectors.T).toarray().ravel())
    features = np.stack(cosines, axis=1)  # (pairs, 1 + fields)
    weight = expected[np.ix_(rows, rows)].copy()
    np.fill_diagonal(weight, 0)
    square = features.T @ (features * weight.ravel()[:, None])
    product = features.T @ (weight * lift[np.ix_(rows, rows)]).ravel()
    square += RIDGE * max(float(np.diag(square).mean()), 1e-12) * np.eye(len(square))
    lower = np.linalg.cholesky(square)
    theta = nnls(lower.T, np.linalg.solve(lower, product))[0][1:]
    most = float(theta.max(initial=0.0)) or 1.0
    found = np.sqrt(np.maximum(theta / most, FLOOR))
    return dict(zip(names, found.tolist(), strict=True))


def _lift(data: Interactions, rows: Int64s, place: Int64s, seed: int) -> tuple[Float64s, Float64s]:
    """(how much oftener than chance pairs of these products have the same users, how often chance
    would have it), both (rows, rows)."""
    matrix = pairs.user_items(data.where(place[data.item] >= 0), 0.0)[:, rows]
    most_pairs = len(rows) ** 2
    counts = pairs.gram(matrix, MOST_PER_USER, seed, most_pairs).toarray().astype(np.float64)
    own = counts.diagonal()
    off = counts - np.diag(own)
    expected = np.outer(own, own)
    np.fill_diagonal(expected, 0)
    expected *= off.sum() / max(expected.sum(), 1e-12)
    return off / np.maximum(expected, 1e-12), expected


def _found(
    goods: Sequence[Attributes],
    lift: Float64s,
    early: Int64s,
    late: Int64s,
    fields: dict[str, float] | None,
) -> float:
    """The mean lift of the products kept out with those of the others that are nearest."""
    index = ContentIndex.build([str(row) for row in early], [goods[row] for row in early], fields)
    found = [index.neighbours(goods[row], NEAREST).rows for row in late]
    reached = [
        float(lift[row, early[near]].mean()) if len(near) else 1.0
        for row, near in zip(late, found, strict=True)
    ]
    return float(np.mean(reached)) if reached else 0.0


def _vectors(goods: Sequence[Attributes]) -> Any:
    """CSR (goods, tokens), rows of length 1."""
    index = ContentIndex.build([str(row) for row in range(len(goods))], goods)
    shape = (len(goods), max(len(index.token_hashes), 1))
    return sparse.csr_matrix(
        (index.item_weights, index.item_tokens, index.item_starts), shape=shape
    )
