"""Components that read alike become one and answer the same."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from endcap.models.merging import merged
from endcap.models.mixture import NO_PAIRS, Component, Mixture, Reading
from endcap.models.neighbours import PairNeighbours, empty, from_matrix, layered
from endcap.models.queries import Queries
from endcap.models.reading import PAIR

ITEMS = 30
FADING = Reading(decay=0.5)
COMPONENTS = [
    Component("ease", 0.7, Reading()),
    Component("transition", 2.0, FADING),
    Component("spectral", -0.3, Reading()),
    Component(PAIR, 1.0, Reading()),
]


def matrices(seed: int) -> list[sparse.csr_matrix]:
    draw = np.random.default_rng(seed)
    return [
        sparse.random(ITEMS, ITEMS, 0.3, "csr", random_state=draw, dtype=np.float32)
        for _ in COMPONENTS
    ]


def parts(seed: int) -> list:
    found = [from_matrix(matrix, ITEMS)[0] for matrix in matrices(seed)]
    none = PairNeighbours(NO_PAIRS, empty(0))
    return [*found[:3], none]


def mixture(fitted: list, components: list[Component]) -> Mixture:
    stack, keys = layered(fitted, ITEMS)
    return Mixture(stack, components, np.zeros(ITEMS, np.float32), pair_keys=keys)


def test_the_same_scores_from_fewer_components() -> None:
    before = mixture(parts(1), COMPONENTS)
    fitted, components = merged(parts(1), COMPONENTS, ITEMS)
    after = mixture(fitted, components)
    assert [c.name for c in components] == ["ease+spectral", "transition", PAIR]
    rows = np.array([3, 7, 7, 1, 20], np.int32)
    queries = Queries(np.array([0, 5]), rows, np.zeros(5, np.uint8), np.zeros(5, np.float32))
    targets = np.arange(ITEMS, dtype=np.int32)
    starts = np.array([0, ITEMS])
    expected = before.scores(queries, starts, targets)
    np.testing.assert_allclose(after.scores(queries, starts, targets), expected, atol=1e-6)
    assert np.abs(expected).max() > 0.1


def test_a_sum_keeps_its_greatest_weights() -> None:
    fitted, _ = merged(parts(2), COMPONENTS, 3)
    whole = matrices(2)[0] * 0.7 - matrices(2)[2] * 0.3
    kept = fitted[0]
    for row in range(ITEMS):
        own = np.sort(np.abs(kept.weights[kept.starts[row] : kept.starts[row + 1]]))
        greatest = np.sort(np.abs(whole[row].toarray().ravel()))[::-1][:3]
        np.testing.assert_allclose(own, greatest[greatest > 0][::-1], rtol=1e-5)
    assert len(fitted[1].weights) == matrices(2)[1].nnz  # alone it stays as it was


def test_nothing_to_merge() -> None:
    _, components = merged(parts(3)[1:], COMPONENTS[1:], ITEMS)
    assert components == COMPONENTS[1:]
