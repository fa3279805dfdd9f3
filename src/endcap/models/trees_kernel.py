"""Compiled evaluation of boosted trees. Single-threaded, nogil.

Thresholds of a feature are few, so a value is first replaced by its *bin*: one more than the
thresholds it reaches. A node then compares bytes, and every node of a tree is compared for a whole
block of rows at once: no jumps, 32 rows in one instruction. Three levels of nodes (seven
comparisons) make one pass: one over the upper three levels, then one for each of the eight subtrees
below that any row of the block has reached. Candidates of one shopper share what the features of
the shopper say, so about half are not.

Shapes: ``bins`` (2 · features, width): row f holds feature f with missing as 0, which goes left at
every node; row features + f the same with missing as the greatest value, which goes right.
A tree has ``NODES`` = 63 nodes, in the order of a heap, and 64 leaves. A node goes right where
its bin is above ``limits``.
"""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, UInt8s
from endcap.models import trees_numpy as reference
from endcap.models.kernels import COMPILED, jit
from endcap.models.trees_numpy import NODES

_SUBTREES = (1 << np.arange(8)).astype(np.uint8)  # a bit each: together they say which are reached
_LEAVES = np.arange(64, dtype=np.uint8).reshape(8, 8)
BLOCK = 512  # rows that are evaluated together: bins and scratch of a block stay in the cache


@jit
def _bin_of(value: float, thresholds: Float32s, count: int) -> int:
    """One more than the ``count`` thresholds that a value reaches."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if thresholds[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return low + 1


@jit
def _is_level(rows: Float32s, feature: int, first: int, last: int) -> bool:
    """Whether rows[first:last] have one value of a feature, or none has any."""
    value = rows[first, feature]
    for r in range(first + 1, last):
        other = rows[r, feature]
        if other != value and not (np.isnan(other) and np.isnan(value)):
            return False
    return True


@jit
def _bin_feature(
    rows: Float32s,
    feature: int,
    thresholds: Float32s,
    count: int,
    first: int,
    last: int,
    values: Float32s,
    places: Int32s,
    bins: UInt8s,
) -> None:
    """Bins of one feature for rows[first:last]: a search in step for all rows at once, or one for
    all where all have one value, as features of the shopper have."""
    n, twin = last - first, feature + bins.shape[0] // 2
    if _is_level(rows, feature, first, last):
        value = rows[first, feature]
        missing = np.isnan(value)
        place = 0 if missing else _bin_of(value, thresholds, count)
        bins[feature, :n] = place
        bins[twin, :n] = 65535 if missing else place
        return
    for r in range(n):
        values[r] = rows[first + r, feature]
    places[:n] = 0
    step = len(thresholds) // 2
    while step > 0:
        for r in range(n):
            at = places[r] + step
            places[r] = at if thresholds[at - 1] <= values[r] else places[r]
        step //= 2
    for r in range(n):
        known = values[r] == values[r]
        place = min(places[r], count) + 1
        bins[feature, r] = place if known else 0
        bins[twin, r] = place if known else 65535


@jit
def _pass(
    bins: UInt8s,
    features: Int32s,
    limits: UInt8s,
    at: int,
    width: int,
    names: UInt8s,
    wanted: int,
    among: UInt8s,
    out: UInt8s,
) -> None:
    """Three levels from node ``at`` down: ``out`` becomes the name (8,) of the subtree below them,
    for the rows where ``among`` is ``wanted``."""
    a, b, c = bins[features[at]], bins[features[2 * at + 1]], bins[features[2 * at + 2]]
    d, e = bins[features[4 * at + 3]], bins[features[4 * at + 4]]
    f, g = bins[features[4 * at + 5]], bins[features[4 * at + 6]]
    la, lb, lc = limits[at], limits[2 * at + 1], limits[2 * at + 2]
    ld, le = limits[4 * at + 3], limits[4 * at + 4]
    lf, lg = limits[4 * at + 5], limits[4 * at + 6]
    o0, o1, o2, o3 = names[0], names[1], names[2], names[3]
    o4, o5, o6, o7 = names[4], names[5], names[6], names[7]
    mine = np.uint8(wanted)
    for r in range(width):
        t0 = o1 if d[r] > ld else o0
        t1 = o3 if e[r] > le else o2
        t2 = o5 if f[r] > lf else o4
        t3 = o7 if g[r] > lg else o6
        left = t1 if b[r] > lb else t0
        right = t3 if c[r] > lc else t2
        found = right if a[r] > la else left
        kept, asked = out[r], among[r]
        out[r] = found if asked == mine else kept


@jit
def _bin_block(
    rows: Float32s,
    thresholds: Float32s,
    counts: Int32s,
    first: int,
    last: int,
    values: Float32s,
    places: Int32s,
    bins: UInt8s,
) -> None:
    """Bins of rows[first:last]; a feature without thresholds is asked by no node."""
    for feature in range(len(counts)):
        if counts[feature] > 0:
            _bin_feature(
                rows, feature, thresholds[feature], counts[feature], first, last,
                values, places, bins,
            )  # fmt: skip


@jit
def _margins(
    rows: Float32s,
    thresholds: Float32s,
    counts: Int32s,
    features: Int32s,
    limits: UInt8s,
    leaves: Float32s,
    out: Float32s,
) -> None:
    """Add every tree's leaf to ``out`` (rows,), tree by tree, in float32 as xgboost does.

    ``rows`` (n, features) float32; ``thresholds`` (features, power of two) ascending, +inf behind
    the ``counts`` (features,) that are there; ``features``, ``limits`` (trees, 63);
    ``leaves`` (trees, 64).
    """
    n = len(rows)
    block = min((n + 31) // 32 * 32, BLOCK)
    bins = np.zeros((2 * len(counts), block), limits.dtype)
    everyone, subtree = np.zeros(block, np.uint8), np.zeros(block, np.uint8)
    leaf = np.zeros(block, np.uint8)
    values, places = np.zeros(block, np.float32), np.zeros(block, np.int32)
    for first in range(0, n, max(block, 1)):
        last = min(first + block, n)
        width = (last - first + 31) // 32 * 32
        _bin_block(rows, thresholds, counts, first, last, values, places, bins)
        for tree in range(len(features)):
            nodes, bounds = features[tree], limits[tree]
            _pass(bins, nodes, bounds, 0, width, _SUBTREES, 0, everyone, subtree)
            reached = np.uint8(0)
            for r in range(last - first):
                reached |= subtree[r]
            for at in range(8):
                if reached & (1 << at):
                    _pass(bins, nodes, bounds, 7 + at, width, _LEAVES[at], 1 << at, subtree, leaf)
            values_of = leaves[tree]
            for r in range(last - first):
                out[first + r] += values_of[leaf[r]]


@jit
def _contributions(
    rows: Float32s,
    thresholds: Float32s,
    counts: Int32s,
    features: Int32s,
    limits: UInt8s,
    means: Float32s,
    out: Float64s,
) -> None:
    """Add to ``out`` (n, features + 1) what each step from a node to its child changes the mean
    of the leaves below (``means`` (trees, 127)); the last column takes the means of the roots."""
    n, width = len(rows), len(counts)
    bins = np.zeros((2 * width, n), limits.dtype)
    values, places = np.zeros(n, np.float32), np.zeros(n, np.int32)
    _bin_block(rows, thresholds, counts, 0, n, values, places, bins)
    for tree in range(len(features)):
        for r in range(n):
            node = 0
            out[r, width] += means[tree, 0]
            while node < NODES:
                feature = features[tree, node]
                child = 2 * node + (2 if bins[feature, r] > limits[tree, node] else 1)
                out[r, feature % width] += means[tree, child] - means[tree, node]
                node = child


margins = _margins if COMPILED else reference.margins
contributions = _contributions if COMPILED else reference.contributions
