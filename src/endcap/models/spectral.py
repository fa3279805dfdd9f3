"""Spectral factors of items: the main directions of the normalised matrix of who had what.

With X = U^-a R I^-b (R: 1 where a user had an item; U, I: events of each user and item) and its
greatest singular values S with right vectors V (items, d), a history scores item j by

    score(j) = Σ_t w_t · L[i_t] · F[j],    L = I^-b V S^g,    F = I^e V

so that a shopper's vector is a weighted sum of rows of L: nothing is solved when they come.
Sources: Cremonesi, Koren & Turrin, "Performance of recommender algorithms on top-N tasks"
(PureSVD, RecSys 2010); Nikolakopoulos et al., "EigenRec" (Knowledge and Information Systems 58,
2019) for the exponents; Shen et al., "How powerful is graph convolution for recommendation?"
(CIKM 2021) for the low-pass filter.

``low_pass`` gives the same as weights between items, Σ_r L[i, r] · f(r) · F[j, r], with the
Butterworth filter f(r) = 1 / (1 + (r / rank)⁴): directions are not cut off but fade out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from endcap.domain.arrays import Float32s, Float64s

DIRECTIONS = 300  # that a low-pass filter lets fade out
STEEPNESS = 4.0
FEW_ITEMS = 500  # up to this many the Gram matrix is decomposed whole
LEAST_VALUE = 1e-6  # of the greatest: a smaller one is rounding


class Exponents(NamedTuple):
    """a, b, e and g of the module's formula."""

    user: float = 0.25
    item: float = 0.35
    lift: float = 0.25
    spectrum: float = 0.0


class Spectrum(NamedTuple):
    """``values`` (d,) falling and right ``vectors`` (items, d)."""

    values: Float64s
    vectors: Float64s


def spectrum(matrix: Any, d: int, exponents: Exponents, seed: int) -> Spectrum:
    """Of distinct events as scipy CSR (users, items); fewer than ``d`` directions where the
    matrix has fewer. Deterministic."""
    users = np.maximum(np.diff(matrix.indptr), 1.0)
    scaled = sparse.diags(users**-exponents.user) @ matrix
    scaled = scaled @ sparse.diags(counts_of(matrix) ** -exponents.item)
    if matrix.shape[1] <= FEW_ITEMS:
        squares, vectors = np.linalg.eigh((scaled.T @ scaled).toarray())
        values = np.sqrt(np.maximum(squares, 0))
    elif d >= matrix.shape[0]:
        _, values, turned = np.linalg.svd(scaled.toarray(), full_matrices=False)
        vectors = turned.T
    else:
        values, vectors = _greatest(scaled, d, seed)
    order = np.argsort(-values)[:d]
    order = order[values[order] > LEAST_VALUE * values.max()]
    return Spectrum(values[order], vectors[:, order])


def _greatest(scaled: Any, d: int, seed: int) -> tuple[Float64s, Float64s]:
    """The ``d`` greatest singular values, rising, and right vectors (items, d), by Lanczos' method
    on the smaller Gram matrix. Not by ``svds``: where the matrix has fewer directions it goes on
    with random ones, and draws them without the seed."""
    draw = np.random.default_rng(seed)
    turned = scaled.shape[0] < scaled.shape[1]  # fewer users than items
    one = scaled.T.tocsr() if turned else scaled.tocsr()
    other, n = one.T.tocsr(), min(scaled.shape)
    gram = LinearOperator((n, n), matvec=lambda x: other @ (one @ x), dtype=np.float64)
    squares, found = eigsh(gram, d, v0=draw.standard_normal(n), rng=draw)
    values = np.sqrt(np.maximum(squares, 0))
    if turned:
        found = scaled.T @ found / np.maximum(values, 1e-30)
    return values, found


def factors(found: Spectrum, counts: Float64s, exponents: Exponents) -> tuple[Float32s, Float32s]:
    """(L, F), (items, d) each."""
    filtered = (found.values / max(found.values.max(initial=0), 1e-30)) ** exponents.spectrum
    left = counts[:, None] ** -exponents.item * found.vectors * filtered
    right = counts[:, None] ** exponents.lift * found.vectors
    return left.astype(np.float32), right.astype(np.float32)


def low_pass(found: Spectrum, counts: Float64s, exponents: Exponents, rank: float) -> Float32s:
    """Weights between items (items, items), none of an item to itself. ``rank``: the direction
    that counts half."""
    left, right = factors(found, counts, exponents)  # (items, d)
    fading = 1 / (1 + (np.arange(left.shape[1]) / rank) ** STEEPNESS)
    weights: Float32s = (left * fading.astype(np.float32)) @ right.T
    weights[np.diag_indices(len(weights))] = 0
    return weights


def counts_of(matrix: Any) -> Float64s:
    """Users of each item, at least 1, (items,)."""
    return np.maximum(np.bincount(matrix.indices, minlength=matrix.shape[1]), 1.0)
