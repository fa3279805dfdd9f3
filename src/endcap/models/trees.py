"""Boosted trees as arrays: read from xgboost once, scored by a kernel of our own."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, UInt8s, load_array
from endcap.domain.errors import Damaged
from endcap.models import trees_kernel as kernel
from endcap.models.trees_numpy import DEPTH, LEAVES, NODES

_BYTE_BINS = 253  # thresholds of a feature up to which a bin fits a byte


@dataclass(frozen=True)
class Trees:
    """Trees of depth at most 6, each filled up to 63 nodes and 64 leaves; safe for threads.

    A row's margin is ``base`` and one leaf of each tree, added in float32 in their order.
    Missing values are NaN. Shapes and bins: ``trees_kernel``.
    """

    base: Float32s  # (1,)
    thresholds: Float32s  # (features, power of two)
    counts: Int32s  # (features,)
    features: Int32s  # (trees, 63): the feature, + features where missing goes right
    limits: UInt8s  # (trees, 63), bytes or 16 bits
    leaves: Float32s  # (trees, 64)
    means: Float32s  # (trees, 127): the mean of the training rows' leaves below each node

    @property
    def n_features(self) -> int:
        return len(self.counts)

    @cached_property
    def fingerprint(self) -> str:
        """Of the arrays: trees with the same answer every row alike."""
        found = blake2b(digest_size=16)
        for field in fields(self):
            array = np.ascontiguousarray(getattr(self, field.name))
            found.update(f"{field.name} {array.dtype.str} {array.shape}".encode())
            found.update(array.data)
        return found.hexdigest()

    def margins(self, rows: Float32s) -> Float32s:
        """xgboost's margin of ``rows`` (n, features), (n,)."""
        rows = self._checked(rows)
        out = np.full(len(rows), self.base[0], np.float32)
        kernel.margins(
            rows, self.thresholds, self.counts, self.features, self.limits, self.leaves, out
        )
        return out

    def contributions(self, rows: Float32s) -> Float64s:
        """How far each feature moved each row's margin, (n, features + 1); the last column is
        what an average row has. Rows sum to the margin (but for rounding).
        Source: Saabas, "Interpreting random forests" (2014); xgboost's ``approx_contribs``."""
        rows = self._checked(rows)
        out = np.zeros((len(rows), self.n_features + 1))
        kernel.contributions(
            rows, self.thresholds, self.counts, self.features, self.limits, self.means, out
        )
        out[:, -1] += self.base[0]
        return out

    def _checked(self, rows: Float32s) -> Float32s:
        rows = np.ascontiguousarray(rows, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ValueError(f"rows of {rows.shape} for {self.n_features} features")
        return rows

    def save(self, folder: Path) -> None:
        """Write .npy arrays into an existing folder."""
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))

    @staticmethod
    def load(folder: Path) -> Trees:
        """Raises Damaged (model_unreadable)."""
        try:
            arrays = {
                f.name: load_array(folder / f"{f.name}.npy", mmap=False) for f in fields(Trees)
            }
            trees = Trees(**arrays)
            _check(trees)
        except (OSError, ValueError, TypeError, EOFError) as problem:
            raise Damaged("model_unreadable", value=str(folder), reason=str(problem)) from problem
        return trees


def _check(trees: Trees) -> None:
    """What a compiled kernel relies on."""
    width, n = trees.n_features, len(trees.features)
    size = trees.thresholds.shape[1]
    shapes = (
        (1,),
        (width, size),
        (width,),
        (n, NODES),
        (n, NODES),
        (n, LEAVES),
        (n, 2 * NODES + 1),
    )
    kinds = ("f4", "f4", "i4", "i4", None, "f4", "f4")
    for field, shape, kind in zip(fields(trees), shapes, kinds, strict=True):
        array = getattr(trees, field.name)
        if array.shape != shape or (kind and array.dtype != np.dtype(kind)):
            raise ValueError(f"{field.name} is {array.dtype} {array.shape}")
    if trees.limits.dtype not in (np.uint8, np.uint16) or size & (size - 1):
        raise ValueError("bins have an unknown size")
    if trees.features.size and not 0 <= trees.features.min() <= trees.features.max() < 2 * width:
        raise ValueError("a node asks for a feature that is not there")
    if width and not 0 <= trees.counts.min() <= trees.counts.max() < size:
        raise ValueError("a feature has more thresholds than there is room for")


def read_xgboost(raw: bytes) -> Trees:
    """Trees from ``Booster.save_raw("json")`` (xgboost 3). ValueError for what is not binary or
    regression trees with numeric splits of depth at most 6."""
    learner = msgspec.json.decode(raw)["learner"]
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree" or int(learner["learner_model_param"]["num_class"]) > 0:
        raise ValueError("only trees of one output are read")
    width = int(learner["learner_model_param"]["num_feature"])
    models = booster["model"]["trees"]
    if any(any(tree["split_type"]) for tree in models):
        raise ValueError("splits by category are not read")
    thresholds, counts = _thresholds(models, width)
    kind = np.uint8 if counts.max(initial=0) <= _BYTE_BINS else np.uint16
    features = np.zeros((len(models), NODES), np.int32)
    limits = np.full((len(models), NODES), np.iinfo(kind).max, kind)
    means = np.zeros((len(models), 2 * NODES + 1), np.float32)
    for at, tree in enumerate(models):
        _Filling(tree, thresholds, counts, features[at], limits[at], means[at]).fill()
    leaves = means[:, NODES:].copy()
    return Trees(_base(learner), thresholds, counts, features, limits, leaves, means)


def _base(learner: dict[str, Any]) -> Float32s:
    """The margin before the first tree: written as a prediction, in brackets since xgboost 3.1."""
    given = np.float32(learner["learner_model_param"]["base_score"].strip("[]"))
    if learner["objective"]["name"] in ("binary:logistic", "reg:logistic"):
        given = -np.log(np.float32(1) / given - np.float32(1))
    return np.array([given], np.float32)


def _thresholds(models: list[dict[str, Any]], width: int) -> tuple[Float32s, Int32s]:
    """(thresholds (width, power of two), counts (width,)): the distinct ones of each feature."""
    asked: list[set[float]] = [set() for _ in range(width)]
    for tree in models:
        splits = zip(
            tree["left_children"], tree["split_indices"], tree["split_conditions"], strict=True
        )
        for left, feature, threshold in splits:
            if left >= 0:
                asked[feature].add(threshold)
    rows = [np.unique(np.array(sorted(found), np.float32)) for found in asked]
    counts = np.array([len(row) for row in rows], np.int32)
    size = 1 << int(counts.max(initial=1)).bit_length()
    thresholds = np.full((width, size), np.inf, np.float32)
    for feature, row in enumerate(rows):
        thresholds[feature, : len(row)] = row
    return thresholds, counts


@dataclass(frozen=True)
class _Filling:
    """Copies one tree of xgboost's JSON into its places of the filled-up form."""

    tree: dict[str, Any]
    thresholds: Float32s
    counts: Int32s
    features: Int32s  # (63,)
    limits: UInt8s  # (63,)
    means: Float32s  # (127,)

    def fill(self, node: int = 0, place: int = 0, depth: int = 0) -> float:
        """Fill from ``place`` down; returns the mean leaf below. An early leaf fills all."""
        tree, left = self.tree, self.tree["left_children"][node]
        if left < 0:
            value = float(tree["split_conditions"][node])
            for level in range(DEPTH - depth + 1):
                first = (place + 1) * 2**level - 1
                self.means[first : first + 2**level] = value
            return value
        if depth == DEPTH:
            raise ValueError(f"a tree is deeper than {DEPTH}")
        right, feature = tree["right_children"][node], tree["split_indices"][node]
        known = self.thresholds[feature, : self.counts[feature]]
        self.limits[place] = 1 + np.searchsorted(known, np.float32(tree["split_conditions"][node]))
        self.features[place] = feature + (0 if tree["default_left"][node] else len(self.counts))
        below = (
            self.fill(left, 2 * place + 1, depth + 1),
            self.fill(right, 2 * place + 2, depth + 1),
        )
        weights = tree["sum_hessian"][left], tree["sum_hessian"][right]
        mean = float(np.average(below, weights=weights)) if sum(weights) else sum(below) / 2
        self.means[place] = mean
        return mean
