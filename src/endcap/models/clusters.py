"""Dividing vectors into lists of like direction (k-means on the sphere), for ``nearest``.

A vector belongs to the centre with which its inner product is greatest; a centre is the direction
of its members' sum, so that long vectors, which win inner products, draw it their way. Source:
Dhillon & Modha, "Concept decompositions for large sparse text data using clustering" (Machine
Learning 42, 2001).
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s

_BLOCK_CELLS = 8_000_000  # inner products held at once: 32 MB


def centres(vectors: Float32s, lists: int, rounds: int, draw: np.random.Generator) -> Float32s:
    """(lists, d) of length 1, from ``vectors`` (n, d) with n ≥ lists. Begins with vectors drawn
    at random; a centre that loses all members begins anew from one."""
    found = _directions(vectors[draw.choice(len(vectors), lists, replace=False)])
    for _ in range(rounds):
        owner = assigned(vectors, found)
        sums = _sums(vectors, owner, lists)
        empty = np.flatnonzero(np.bincount(owner, minlength=lists) == 0)
        sums[empty] = vectors[draw.choice(len(vectors), len(empty), replace=False)]
        found = _directions(sums)
    return found


def assigned(vectors: Float32s, found: Float32s) -> Int32s:
    """The centre of each vector, (n,), in bounded memory."""
    owner = np.empty(len(vectors), np.int32)
    step = max(1, _BLOCK_CELLS // len(found))
    for first in range(0, len(vectors), step):
        owner[first : first + step] = (vectors[first : first + step] @ found.T).argmax(axis=1)
    return owner


def bounds(vectors: Float32s, owner: Int32s, found: Float32s) -> Float32s:
    """(lists, d): each centre as long as the longest of its members, so that its inner product
    with a query says what the list may hold at best; 0 of an empty one."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    longest = np.zeros(len(found), np.float32)
    np.maximum.at(longest, owner, lengths)
    return np.asarray(found * longest[:, None], np.float32)


def _sums(vectors: Float32s, owner: Int32s, lists: int) -> Float32s:
    from scipy import sparse  # here: answers do without

    n = len(vectors)
    members = sparse.csc_matrix((np.ones(n, np.float32), owner, np.arange(n + 1)), shape=(lists, n))
    return np.asarray(members @ vectors, np.float32)


def _directions(vectors: Float32s) -> Float32s:
    lengths = np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1, keepdims=True))
    return np.asarray(vectors / np.maximum(lengths, 1e-30), np.float32)
