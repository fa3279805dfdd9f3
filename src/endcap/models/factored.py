"""Embeddings of item factors that somebody else fitted: alternating least squares on Spark.

Alternating least squares gives a shopper who had the items H the vector

    x = (YᵀY + α Σ_{i∈H} y_i y_iᵀ + λ |H| I)⁻¹ (1 + α) Σ_{i∈H} y_i

(Hu, Koren & Volinsky, ICDM 2008; λ |H| as Spark weighs the penalty). The matrix differs from
shopper to shopper by a little of what all have in common, so here it is that of the mean shopper:
Σ_{i∈H} becomes Σ_i (users of i / shoppers), and |H| the items of a mean shopper. Then x is a sum
over the history of one row for each item, which is how ``embeddings.py`` folds in every shopper:
a click moves the vector at once, and nothing is solved when an answer is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s
from endcap.models.embeddings import Embeddings
from endcap.models.nearest import Nearest
from endcap.models.reading import Reading

LEAST_PENALTY = 1e-9  # of the matrix's mean diagonal: it can be solved whatever λ is


class Solving(NamedTuple):
    """How factors were fitted: the number of shoppers, α, λ, and what the model only tells."""

    shoppers: int
    confidence: float
    penalty: float
    sweeps: int
    seed: int


def from_factors(
    item_ids: Sequence[str],
    rows: Int32s,
    factors: Float32s,
    users: Int64s,
    solving: Solving,
    seed: int,
) -> Embeddings:
    """``factors`` (known, d) and ``users`` (known,) of the items at ``rows`` of ``item_ids``; the
    others have none. ``seed``: of the index."""
    n, d = len(item_ids), factors.shape[1]
    folding, found = np.zeros((n, d), np.float32), np.zeros((n, d), np.float32)
    known = np.zeros(n, np.bool_)
    known[rows], found[rows] = True, factors
    folding[rows] = folded_in(factors, users, solving)
    info = {"recipe": "factored", "solving": solving._asdict(), "held_out": {}, "search": []}
    index = Nearest.build(found, seed=seed)
    return Embeddings(item_ids, folding, index, Reading(), known, info)


def folded_in(factors: Float32s, users: Int64s, solving: Solving) -> Float32s:
    """What each item of a history adds to a shopper's vector, (known, d)."""
    y = factors.astype(np.float64)
    matrix = mean_matrix(y, users, solving)
    return np.asarray((1 + solving.confidence) * np.linalg.solve(matrix, y.T).T, np.float32)


def mean_matrix(y: Float64s, users: Int64s, solving: Solving) -> Float64s:
    """YᵀY + α Yᵀ diag(users / shoppers) Y + λ (Σ users / shoppers) I, (d, d)."""
    share = users / max(solving.shoppers, 1)  # (known,)
    matrix: Float64s = y.T @ (y * (1 + solving.confidence * share)[:, None])
    diagonal = np.diag_indices(len(matrix))
    least = LEAST_PENALTY * max(float(matrix[diagonal].mean()), 1.0)
    matrix[diagonal] += solving.penalty * share.sum() + least
    return matrix
