"""The numpy forms of ``trees_kernel``: what the compiled ones are held equal to."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, UInt8s

DEPTH = 6
NODES, LEAVES = 2**DEPTH - 1, 2**DEPTH


def bins_of(rows: Float32s, thresholds: Float32s, counts: Int32s, limits: UInt8s) -> Int32s:
    """Bins (2 · features, n); see ``trees_kernel``."""
    width = len(counts)
    bins = np.zeros((2 * width, len(rows)), np.int32)
    for feature in range(width):
        values = rows[:, feature]
        reached = np.searchsorted(thresholds[feature, : counts[feature]], values, "right") + 1
        missing = np.isnan(values)
        bins[feature] = np.where(missing, 0, reached)
        bins[width + feature] = np.where(missing, np.iinfo(limits.dtype).max, reached)
    return bins


def margins(
    rows: Float32s,
    thresholds: Float32s,
    counts: Int32s,
    features: Int32s,
    limits: UInt8s,
    leaves: Float32s,
    out: Float32s,
) -> None:
    """Add every tree's leaf to ``out`` (rows,), in the order of the trees."""
    bins = bins_of(rows, thresholds, counts, limits)
    trees, at = np.arange(len(features)), np.arange(len(rows))[:, None]
    node = np.zeros((len(rows), len(features)), np.int64)  # (rows, trees)
    for _ in range(DEPTH):
        right = bins[features[trees, node], at] > limits[trees, node]
        node = 2 * node + 1 + right
    found = leaves[trees, node - NODES]
    for tree in trees:
        out += found[:, tree]


def contributions(
    rows: Float32s,
    thresholds: Float32s,
    counts: Int32s,
    features: Int32s,
    limits: UInt8s,
    means: Float32s,
    out: Float64s,
) -> None:
    """Add each step's change of the mean to its feature's column of ``out`` (n, features + 1)."""
    width = len(counts)
    bins = bins_of(rows, thresholds, counts, limits)
    at = np.arange(len(rows))
    for tree in range(len(features)):
        node = np.zeros(len(rows), np.int64)
        out[:, width] += means[tree, 0]
        for _ in range(DEPTH):
            feature = features[tree, node]
            child = 2 * node + 1 + (bins[feature, at] > limits[tree, node])
            np.add.at(out, (at, feature % width), means[tree, child] - means[tree, node])
            node = child
