"""The families of item-item models: each turns events into sparse neighbours.

``Family`` names one and its parameters; ``fit`` solves it within a memory budget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from scipy import sparse

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s
from endcap.models import closed_form, kernels, likeness, pairs, spectral
from endcap.models.neighbours import (
    Neighbours,
    PairNeighbours,
    empty,
    from_dense,
    from_matrix,
    identity,
)
from endcap.models.pair_counts import pair_followers
from endcap.models.reading import PAIR
from endcap.models.spectral import Exponents
from endcap.models.traits import read_traits

EASE, SPECTRAL, COOCCURRENCE, TRANSITION, WALK, REPEAT, ALIKE = (
    "ease", "spectral", "cooccurrence", "transition", "walk", "repeat", "alike",
)  # fmt: skip
FAMILIES = (EASE, SPECTRAL, COOCCURRENCE, TRANSITION, WALK, PAIR, REPEAT, ALIKE)
Fitted = Neighbours | PairNeighbours
SCALED = (EASE, SPECTRAL)  # their ``target_exponent`` is applied to the solution

WINDOW = 12  # transitions reach this many events ahead
MOST_PER_USER = 1000  # items of one user in the Gram matrix; longer histories are sampled
HOP_NEIGHBOURS = 100  # of each item, where a walk takes its second step
LEAST_HOP_NEIGHBOURS, MOST_HOPS = 50, 200_000_000  # fewer of large catalogues
LEAST_SHARE = 1e-3  # of the mean: a smaller diagonal is penalised like one of this size
BYTES_PER_PAIRED_EVENT = 4000  # while pairs of two items are counted
SOURCES = 100  # most rows of each column's regression where the exact form is too large
LEAST_SOURCES, SOURCES_PER_EVENT = 20, 5  # fewer where items have few events each


class Family(Struct, frozen=True):
    """``penalty``: λ as a multiple of the Gram matrix's mean diagonal (ease, transition),
    shrinkage in users (cooccurrence) or followers (pair); ``penalty_exponent``: how much more is
    asked of popular items, λᵢ = λ · (Gᵢᵢ / mean)^penalty_exponent (ease);
    ``rank``: the direction that counts half (spectral); ``user_exponent``: how much less
    long histories count (ease, spectral);
    ``decay``: per step between two events (transition, walk, pair); ``backward``: weight of pairs
    in the other direction, ``hops``: weight of the second step (walk); ``target_exponent``:
    the weights to an item are multiplied by (its users / their mean)^exponent (ease, spectral),
    divided by (users of both)^exponent (cooccurrence), or an item weighs (its users)^exponent
    (alike); ``source_exponent``: rows of an item are divided by (its users)^exponent (spectral);
    ``half_life``: age at which an event counts half, as a share of the data's span, 0: ages do
    not count (walk, pair)."""

    name: str
    penalty: float = 0.0
    penalty_exponent: float = 0.0
    user_exponent: float = 0.0
    target_exponent: float = 0.0
    decay: float = 0.5
    backward: float = 0.0
    hops: float = 0.0
    rank: float = 0.0
    source_exponent: float = 0.0
    half_life: float = 0.0


class Room(Struct, frozen=True):
    """What fitting may take: bytes of memory, threads, neighbours kept of each item."""

    memory_bytes: int
    threads: int
    keep: int
    seed: int

    @property
    def most_pairs(self) -> int:
        """Pairs of items that are counted: a matrix of them takes a sixth of the memory."""
        return self.memory_bytes // (6 * 8)


def fit(family: Family, data: Interactions, room: Room) -> Fitted:
    """Neighbours (items rows) of one family. Data without any pair give none."""
    return scaled(family, solved(family, data, room), data)


def fit_all(families: Sequence[Family], data: Interactions, room: Room) -> list[Fitted]:
    """``fit`` of each; ranks of the same spectral exponents share a decomposition."""
    ranks: dict[Family, list[float]] = {}
    for family in families:
        if family.name == SPECTRAL:
            ranks.setdefault(replace(family, rank=0.0, target_exponent=0.0), []).append(family.rank)
    solutions = {
        replace(base, rank=rank): found
        for base, alike in ranks.items()
        for rank, found in zip(alike, low_passes(base, alike, data, room), strict=True)
    }
    return [
        scaled(
            family,
            solutions.get(replace(family, target_exponent=0.0)) or solved(family, data, room),
            data,
        )
        for family in families
    ]


def solved(family: Family, data: Interactions, room: Room) -> Fitted:
    """What does not depend on ``target_exponent`` of a ``SCALED`` family: the work of ``fit``."""
    if not len(data):
        return empty(data.n_items)
    return _SOLVERS[family.name](family, data, room)


def _pair(family: Family, data: Interactions, room: Room) -> PairNeighbours:
    fresh = pairs.freshness(data, family.half_life)
    most = room.memory_bytes // BYTES_PER_PAIRED_EVENT
    return pair_followers(data, fresh, family.decay, family.penalty, most)


def scaled(family: Family, found: Fitted, data: Interactions) -> Fitted:
    """The rest of ``fit``: weights to popular items made larger or smaller."""
    if isinstance(found, PairNeighbours):
        return found
    if family.name not in SCALED or not family.target_exponent or not len(data):
        return found
    target = _target_scale(data, family.target_exponent)
    return found._replace(weights=found.weights * target[found.columns])


def exact(n_items: int, room: Room) -> bool:
    """Whether the dense closed form fits the memory (and is not out of proportion)."""
    return n_items <= 10_000 and closed_form.dense_bytes(n_items) <= room.memory_bytes


def counted_by(family: Family) -> tuple[str, float] | None:
    """What the counts of a family depend on, where solving them is another work; families with
    the same share them."""
    if family.name == EASE:
        return EASE, family.user_exponent
    return (TRANSITION, family.decay) if family.name == TRANSITION else None


def counted(family: Family, data: Interactions, room: Room) -> Any:
    """The counts that ``solved_of`` takes, of a family that has ``counted_by``."""
    if family.name == TRANSITION:
        return pairs.partial_session_pairs(
            data.user, data.item, data.n_items, family.decay, family.decay, WINDOW,
            room.most_pairs, room.threads,
        )  # fmt: skip
    matrix = pairs.user_items(data, family.user_exponent)
    if exact(data.n_items, room):
        return pairs.dense_gram(matrix)
    return pairs.gram(matrix, MOST_PER_USER, room.seed, room.most_pairs, room.threads)


def solved_of(family: Family, counts: Any, data: Interactions, room: Room) -> Neighbours:
    """As ``solved`` from ``counted``, which stays as it is."""
    if isinstance(counts, np.ndarray):
        weights = closed_form.zero_diagonal(counts.copy(), _penalty(family, np.diag(counts)))
        return from_dense(weights, room.keep)[0]
    past, ahead = counts if family.name == TRANSITION else (counts, None)
    penalty = _penalty(family, past.diagonal())
    return closed_form.local(past, ahead, penalty, sources_of(data), room.keep, room.threads)


def sources_of(data: Interactions) -> int:
    """Rows of each local regression: a few events say nothing of a hundred other items."""
    fitting = SOURCES_PER_EVENT * len(data) // max(data.n_items, 1)
    return min(SOURCES, max(LEAST_SOURCES, fitting))


def _counted(family: Family, data: Interactions, room: Room) -> Neighbours:
    return solved_of(family, counted(family, data, room), data, room)


def _spectral(family: Family, data: Interactions, room: Room) -> Neighbours:
    return low_passes(family, [family.rank], data, room)[0]


def low_passes(
    family: Family, ranks: Sequence[float], data: Interactions, room: Room
) -> list[Neighbours]:
    """``solved`` of a spectral family with each rank, from one decomposition. No neighbours where
    all pairs of items would not fit."""
    if not len(data) or not exact(data.n_items, room):
        return [empty(data.n_items) for _ in ranks]
    matrix = pairs.user_items(data, 0.0)
    exponents = Exponents(family.user_exponent, family.source_exponent, 0.0, 0.0)
    found = spectral.spectrum(matrix, spectral.DIRECTIONS, exponents, room.seed)
    counts = spectral.counts_of(matrix)
    weights = (spectral.low_pass(found, counts, exponents, rank) for rank in ranks)
    return [from_dense(w, room.keep)[0] for w in weights]


def _penalty(family: Family, diagonal: Float32s) -> Float32s:
    """λ of each item, (items,)."""
    mean = float(diagonal[diagonal > 0].mean()) if np.any(diagonal > 0) else 1.0
    share = np.maximum(diagonal / mean, LEAST_SHARE) ** family.penalty_exponent
    return np.asarray(family.penalty * mean * share, np.float32)


def _target_scale(data: Interactions, exponent: float) -> Float32s:
    """(users of each item / their mean)^exponent, (items,)."""
    counts = np.bincount(data.item, minlength=data.n_items).astype(np.float64)
    mean = counts[counts > 0].mean()
    return np.asarray(np.maximum(counts / mean, 1e-3) ** exponent, np.float32)


def _cooccurrence(family: Family, data: Interactions, room: Room) -> Neighbours:
    matrix = pairs.user_items(data, 0.0)
    return pairs.similar(
        matrix, family.penalty, family.target_exponent, MOST_PER_USER, room.seed, room.keep,
        room.threads,
    )  # fmt: skip


def _repeat(family: Family, data: Interactions, room: Room) -> Neighbours:
    del family, room
    return identity(data.n_items)


def _walk(family: Family, data: Interactions, room: Room) -> Neighbours:
    """Shares of what followed: P = D⁻¹(R + backward · Rᵀ), plus ``hops`` · P²."""
    fresh = pairs.freshness(data, family.half_life)
    counts, total = pairs.followers(
        data.user, data.item, fresh, data.n_items, family.decay, family.backward, WINDOW,
        hop_neighbours(data.n_items) if family.hops else room.keep, room.threads,
    )  # fmt: skip
    shares = np.repeat(total + max(family.penalty, 1e-9), np.diff(counts.starts))
    first = counts._replace(weights=(counts.weights / shares).astype(np.float32))
    return two_steps(first, family.hops, room.keep) if family.hops else first


def _alike(family: Family, data: Interactions, room: Room) -> Neighbours:
    """What resembles an item, as the shop's own events say what resemblance is."""
    if data.catalogue is None:
        return empty(data.n_items)
    traits = read_traits(data.catalogue)
    counts = pairs.gram(
        pairs.user_items(data, 0.0), MOST_PER_USER, room.seed, room.most_pairs, room.threads
    )
    users: Float32s = np.asarray(counts.diagonal(), np.float32)
    found = likeness.learn(traits, counts, room.seed)
    return likeness.neighbours_by(
        traits, found, users**family.target_exponent * (users > 0), room.keep
    )


def hop_neighbours(n_items: int) -> int:
    """How many neighbours of each item a walk of two steps goes to: their squares are its work."""
    fitting = int((MOST_HOPS / max(n_items, 1)) ** 0.5)
    return min(HOP_NEIGHBOURS, max(LEAST_HOP_NEIGHBOURS, fitting))


def two_steps(one: Neighbours, hops: float, keep: int) -> Neighbours:
    """P + hops · P² with the ``keep`` largest of each row: each row is a query of the item itself
    and of its neighbours, so that nothing grows with the square of the catalogue."""
    n = one.n_rows
    lengths = np.diff(one.starts) + 1
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    own = np.zeros(int(starts[-1]), bool)
    own[starts[:-1]] = True
    rows, weights = np.empty(len(own), np.int32), np.empty(len(own), np.float32)
    rows[own], weights[own] = np.arange(n), 1
    rows[~own], weights[~own] = one.columns, hops * one.weights
    nothing, nowhere = np.zeros(0, np.int32), np.zeros(n + 1, np.int64)
    out, scores = np.empty((n, keep), np.int32), np.empty((n, keep), np.float32)
    kernels.top_items(
        *one, starts, rows, weights, np.zeros(n, np.float32), nothing, np.zeros(0, np.bool_),
        nowhere, nothing, np.zeros(n, np.float32), np.zeros(n, np.int32), np.zeros(n, np.int32),
        out, scores,
    )  # fmt: skip
    filled = out >= 0
    sources = np.broadcast_to(np.arange(n)[:, None], out.shape)[filled]
    matrix = sparse.coo_matrix((scores[filled], (sources, out[filled])), shape=(n, n))
    return from_matrix(matrix, keep)[0]


_SOLVERS: dict[str, Callable[[Family, Interactions, Room], Fitted]] = {
    EASE: _counted,
    SPECTRAL: _spectral,
    COOCCURRENCE: _cooccurrence,
    TRANSITION: _counted,
    WALK: _walk,
    PAIR: _pair,
    REPEAT: _repeat,
    ALIKE: _alike,
}
