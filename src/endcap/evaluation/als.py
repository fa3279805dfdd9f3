"""Implicit matrix factorisation by alternating least squares, a baseline.

Least Σ_ui c_ui (p_ui − x_u·y_i)² + λ (Σ‖x_u‖² + Σ‖y_i‖²), p_ui = 1 where the user had the item,
c_ui = 1 + α there and 1 elsewhere. Each half step is solved by conjugate gradients from where the
last one ended. Sources: Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback
datasets" (ICDM 2008); Takács, Pilászy & Tikk, "Applications of the conjugate gradient method for
implicit feedback collaborative filtering" (RecSys 2011).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s
from endcap.models.kernels import jit

FACTORS, SWEEPS = 64, 12
CONFIDENCE = 10.0  # α
PENALTY = 0.5  # λ in √(mean items of a user · mean users of an item): 93 on MovieLens-1M
STEPS, FOLD_IN_STEPS = 3, 20  # of conjugate gradients: in training, and for a history


class Factors(NamedTuple):
    """``items`` (items, factors); ``gram`` (factors, factors) = YᵀY + λI."""

    items: Float32s
    gram: Float32s


@jit
def solve_rows(
    starts: Int64s,
    columns: Int32s,
    fixed: Float32s,
    gram: Float32s,
    confidence: float,
    steps: int,
    out: Float32s,
) -> None:
    """Row u of ``out`` (rows, factors), improved in place towards the x that makes
    (gram + α Σ y yᵀ) x = (1 + α) Σ y over the rows y of ``fixed`` that
    ``columns[starts[u]:starts[u + 1]]`` name."""
    factors = gram.shape[0]
    product = np.empty(factors, np.float32)
    for u in range(len(starts) - 1):
        named = columns[starts[u] : starts[u + 1]]
        x = out[u]
        residual = np.zeros(factors, np.float32)
        apply(gram, fixed, named, confidence, x, product)
        for i in named:
            for f in range(factors):
                residual[f] += (1 + confidence) * fixed[i, f]
        squares = 0.0
        for f in range(factors):
            residual[f] -= product[f]
            squares += residual[f] * residual[f]
        direction = residual.copy()
        for _ in range(steps):
            if squares < 1e-10:
                break
            apply(gram, fixed, named, confidence, direction, product)
            along = 0.0
            for f in range(factors):
                along += direction[f] * product[f]
            length, before, squares = squares / along, squares, 0.0
            for f in range(factors):
                x[f] += length * direction[f]
                residual[f] -= length * product[f]
                squares += residual[f] * residual[f]
            for f in range(factors):
                direction[f] = residual[f] + squares / before * direction[f]


@jit
def apply(
    gram: Float32s, fixed: Float32s, named: Int32s, confidence: float, x: Float32s, out: Float32s
) -> None:
    """out = (gram + α Σ y yᵀ) x, over the rows y = fixed[named]."""
    factors = gram.shape[0]
    for f in range(factors):
        total = 0.0
        for g in range(factors):
            total += gram[f, g] * x[g]
        out[f] = total
    for i in named:
        share = 0.0
        for f in range(factors):
            share += fixed[i, f] * x[f]
        share *= confidence
        for f in range(factors):
            out[f] += share * fixed[i, f]


def factorise(matrix: Any, seed: int) -> Factors:
    """Item factors of a scipy CSR matrix (users, items) of which the places alone count."""
    n_users, n_items = matrix.shape
    draw = np.random.default_rng(seed)
    items = (draw.normal(size=(n_items, FACTORS)) * 0.01).astype(np.float32)
    users = np.zeros((n_users, FACTORS), np.float32)
    penalty = penalty_of(matrix)
    by_user, by_item = parts(matrix.tocsr()), parts(matrix.T.tocsr())
    for _ in range(SWEEPS):
        solve_rows(*by_user, items, gram_of(items, penalty), CONFIDENCE, STEPS, users)
        solve_rows(*by_item, users, gram_of(users, penalty), CONFIDENCE, STEPS, items)
    return Factors(items, gram_of(items, penalty))


def folded(starts: Int64s, items: Int32s, factors: Factors) -> Float32s:
    """The user factors of histories ``items[starts[u]:starts[u + 1]]``: (users, factors)."""
    users = np.zeros((len(starts) - 1, factors.items.shape[1]), np.float32)
    solve_rows(starts, items, *factors, CONFIDENCE, FOLD_IN_STEPS, users)
    return users


def penalty_of(matrix: Any) -> float:
    """λ, by the size of the matrix's largest singular value if its ones lay anywhere."""
    users, items = matrix.shape
    return float(PENALTY * max(matrix.nnz, 1) / max(users * items, 1) ** 0.5)


def gram_of(factors: Float32s, penalty: float) -> Float32s:
    """FᵀF + λI: (factors, factors)."""
    return np.asarray(factors.T @ factors + penalty * np.eye(factors.shape[1]), np.float32)


def parts(matrix: Any) -> tuple[Int64s, Int32s]:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
