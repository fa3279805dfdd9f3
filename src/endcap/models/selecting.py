"""Compiled: the best n of many, where n may be hundreds.

An item and its score are one unsigned *key*: the score's bits so that they order as the score
does, and behind them the row turned round, so that equal scores order by row. Keys wait in an
array of ``room(n)``; when it is full all but the best n are dropped (Hoare's quickselect), and the
last of these is the bar for what may still enter. A heap costs log n for each that enters, this a
few comparisons.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s, UInt64s
from endcap.models.kernels import COMPILED, jit

_SIGN = np.uint32(0x80000000)
_ALL = np.uint32(0xFFFFFFFF)
_HALF = np.uint64(32)


@jit
def room(n: int) -> int:
    """How long the array of keys must be for the best n."""
    return max(2 * n, 64)


@jit
def key_of(score: np.float32, row: int) -> np.uint64:
    """``score`` is no NaN; −0 counts as 0."""
    bits = np.float32(score + np.float32(0)).view(np.int32)
    ordered = np.uint32(bits) ^ (np.uint32(bits >> np.int32(31)) | _SIGN)
    return np.uint64((np.uint64(ordered) << _HALF) | np.uint64(_ALL - np.uint32(row)))


@jit
def score_of(key: np.uint64) -> np.float32:
    ordered = np.uint32(key >> _HALF)
    bits = np.uint32(ordered ^ (np.uint32((ordered >> np.uint32(31)) - np.uint32(1)) | _SIGN))
    return bits.view(np.float32)


@jit
def narrow(keys: UInt64s, size: int, n: int) -> None:
    """Bring the n greatest of the first ``size`` > n keys to the front, the least of them at
    place n − 1."""
    first, last, wanted = 0, size - 1, n - 1
    while first < last:
        middle = (first + last) >> 1
        a, b, c = keys[first], keys[middle], keys[last]
        pivot = max(min(a, b), min(max(a, b), c))
        left, right = first, last
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left += 1
                right -= 1
        if wanted <= right:
            last = right
        elif wanted >= left:
            first = left
        else:
            return


@jit
def _sort(keys: UInt64s, size: int) -> None:
    """Greatest first, by insertion over shrinking gaps (Shell, with Ciura's gaps)."""
    for gap in (301, 132, 57, 23, 10, 4, 1):
        for at in range(gap, size):
            key, hole = keys[at], at
            while hole >= gap and keys[hole - gap] < key:
                keys[hole] = keys[hole - gap]
                hole -= gap
            keys[hole] = key


@jit
def put_best(keys: UInt64s, size: int, out_rows: Int32s, out_scores: Float32s) -> int:
    """Fill ``out_rows`` and ``out_scores`` (n,) from the first ``size`` keys, best first; returns
    how many."""
    n = len(out_rows)
    if size > n:
        narrow(keys, size, n)
        size = n
    _sort(keys, size)
    for at in range(size):
        out_rows[at] = np.int32(_ALL - np.uint32(keys[at] & np.uint64(_ALL)))
        out_scores[at] = score_of(keys[at])
    return size


@jit
def _by_score(scores: Float32s) -> UInt64s:
    """The keys of ``scores`` (n,), best first, with positions for rows."""
    keys = np.empty(len(scores), np.uint64)
    for at in range(len(scores)):
        keys[at] = key_of(scores[at], at)
    _sort(keys, len(keys))
    return keys


@jit
def _places(keys: UInt64s) -> Int64s:
    places = np.empty(len(keys), np.int64)
    for at in range(len(keys)):
        places[at] = np.int64(_ALL - np.uint32(keys[at] & np.uint64(_ALL)))
    return places


@jit
def _ranked(scores: Float32s) -> Int64s:
    positions: Int64s = _places(_by_score(scores))
    return positions


@jit
def _blended(scores: Float32s) -> Int64s:
    ranked = _places(_by_score(scores))
    keys = np.empty(len(scores), np.uint64)
    for place in range(len(ranked)):
        both = np.uint64(_ALL) - np.uint64(place + ranked[place])
        keys[place] = (both << _HALF) | np.uint64(_ALL - np.uint32(place))
    _sort(keys, len(keys))
    positions: Int64s = ranked[_places(keys)]
    return positions


def _ranked_numpy(scores: Float32s) -> Int64s:
    return np.argsort(-scores, kind="stable")


def _blended_numpy(scores: Float32s) -> Int64s:
    ranked = np.argsort(-scores, kind="stable")
    return ranked[np.argsort(np.arange(len(ranked)) + ranked, kind="stable")]


ranked = _ranked if COMPILED else _ranked_numpy
"""Positions (n,) by score, the best first, equal ones in their order."""
blended = _blended if COMPILED else _blended_numpy
"""Positions (n,) by the sum of two places: by score, and as they stand. Equal sums by score."""
