"""How much two products are wanted by the same people, told from what they are.

A pair's features (``traits.py``) are mapped to its *lift*, how much oftener than chance the same
shoppers have both, by a ridge regression in closed form:

    minimise Σ e_ij (c_ij / e_ij - θ·φ_ij)² + λ|θ|²,    e_ij = n_i n_j / N

over pairs of products with events: c_ij shoppers have both, n_i have item i. So the shop's own
events decide which field matters, and how near two prices must be. What is learnt from products
with many events then holds for those with few, and for those with none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.models.neighbours import Neighbours, empty, from_matrix, to_matrix
from endcap.models.traits import Traits, compare

SAMPLE = 1000  # items whose pairs teach
RIDGE = 1e-3  # λ as a share of the mean diagonal
MOST_PAIRS = 8_000_000  # that are compared to find all items' neighbours
BLOCK = 400_000  # pairs compared at once
ROWS = 256  # items whose neighbours are sought at once
WORDS_UP_TO, NEAREST = 20_000, 100  # items of which all that share a word are looked at


class Likeness(NamedTuple):
    """θ by feature; what is expected of any pair is left out, so that 0 means chance."""

    theta: Float64s  # (features,)

    def of(self, traits: Traits, a: Int64s, b: Int64s, cosines: Float32s) -> Float32s:
        """Lift beyond chance of the pairs (pairs,), at least 0."""
        found = compare(traits, a, b, cosines) @ self.theta.astype(np.float32)
        return np.asarray(np.maximum(found, 0), np.float32)


def learn(traits: Traits, counts: Any, seed: int) -> Likeness:
    """``counts``: users that pairs of items share, scipy CSR (items, items); diagonal: users."""
    own = np.asarray(counts.diagonal(), np.float64)
    known = np.flatnonzero(own > 0)
    if len(known) > SAMPLE:
        draw = np.random.default_rng(seed)
        share = own[known] / own[known].sum()
        known = np.sort(draw.choice(known, SAMPLE, replace=False, p=share))
    size = traits.features + 1
    square, product = np.zeros((size, size)), np.zeros(size)
    step = max(1, BLOCK // max(len(known), 1))
    for first in range(0, len(known), step):
        some = known[first : first + step]
        a, b = np.repeat(some, len(known)), np.tile(known, len(some))
        cosines = (traits.texts[some] @ traits.texts[known].T).toarray().ravel()
        features = np.column_stack([np.ones(len(a), np.float32), compare(traits, a, b, cosines)])
        weight = np.where(a == b, 0, own[a] * own[b]).astype(np.float32)
        square += features.T @ (features * weight[:, None])
        both = counts[some][:, known].toarray().ravel()
        product += features.T @ np.where(a == b, 0, both)
    penalty = RIDGE * float(np.diag(square).mean()) or 1.0
    theta = np.linalg.solve(square + penalty * np.eye(size), product)
    scale = float(np.abs(theta).max()) or 1.0
    return Likeness(np.asarray(theta[1:] / scale, np.float64))


def neighbours_by(traits: Traits, likeness: Likeness, weight: Float32s, keep: int) -> Neighbours:
    """Row i: the items that are like i, times their ``weight`` (items,); rows sum to 1."""
    n = len(weight)
    values, rows, columns = [], [], []
    for a, b in _alike(traits, weight):
        cosines = _cosines(traits.texts, a, b)
        values.append(likeness.of(traits, a, b, cosines) * weight[b] * (a != b))
        rows.append(a)
        columns.append(b)
    if not values:
        return empty(n)
    cells = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    kept = from_matrix(sparse.coo_matrix(cells, shape=(n, n)), keep)[0]
    lengths = np.diff(kept.starts)
    total = np.bincount(np.repeat(np.arange(n), lengths), kept.weights, n)
    share = kept.weights / np.repeat(np.maximum(total, 1e-12), lengths)
    return kept._replace(weights=share.astype(np.float32))


def _alike(traits: Traits, weight: Float32s) -> Iterator[tuple[Int64s, Int64s]]:
    """Pairs worth comparing, (pairs,) each, in blocks of items: with each item those that share a
    group, of a large group the members of most weight; without any group those of most common
    words."""
    groups, n = traits.groups, len(weight)
    if not n:
        return
    most = int(np.clip(MOST_PAIRS / (n * max(len(groups), 1)), 20, 500))
    members = [_members(codes, weight, most) for codes in groups]
    for first in range(0, n, ROWS):
        some = np.arange(first, min(first + ROWS, n))
        pattern = sparse.csr_matrix((len(some), n), dtype=np.float32)
        for codes, of_group in zip(groups, members, strict=True):
            own = sparse.csr_matrix(
                (
                    (codes[some] >= 0).astype(np.float32),
                    (np.arange(len(some)), codes[some].clip(0)),
                ),
                shape=(len(some), of_group.shape[0]),
            )
            pattern = pattern + own @ of_group
        if not len(groups) and n <= WORDS_UP_TO:
            near = from_matrix(traits.texts[some] @ traits.texts.T, NEAREST)[0]
            pattern = pattern + to_matrix(near, n)
        found = pattern.tocoo()
        yield found.row.astype(np.int64) + first, found.col.astype(np.int64)


def _members(codes: Int32s, weight: Float32s, most: int) -> Any:
    """CSR (groups, items): 1 at the ``most`` members of greatest weight."""
    known = np.flatnonzero(codes >= 0)
    order = known[np.lexsort((-weight[known], codes[known]))]
    own = codes[order]
    place = np.arange(len(order)) - np.searchsorted(own, own)
    order = order[place < most]
    shape = (int(codes.max(initial=0)) + 1, len(codes))
    return sparse.csr_matrix((np.ones(len(order), np.float32), (codes[order], order)), shape=shape)


def _cosines(texts: Any, a: Int64s, b: Int64s) -> Float32s:
    """(pairs,) in blocks, so that memory stays bounded."""
    found = [
        np.asarray(texts[a[at : at + BLOCK]].multiply(texts[b[at : at + BLOCK]]).sum(axis=1))
        for at in range(0, len(a), BLOCK)
    ]
    return np.concatenate([np.zeros(0), *(part.ravel() for part in found)]).astype(np.float32)
