"""Families solved exactly, against naive dense computations of their formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.data.interactions import Interactions, from_sequences
from endcap.models import closed_form, item_item, spectral
from endcap.models.item_item import EASE, SPECTRAL, Family, Room
from endcap.models.neighbours import to_matrix
from endcap.models.spectral import Exponents

ROOM = Room(memory_bytes=1 << 30, threads=1, keep=99, seed=0)


def shop(users: int = 60, items: int = 9, seed: int = 0) -> Interactions:
    draw = np.random.default_rng(seed)
    share = np.linspace(0.1, 0.7, items)
    sequences = [np.flatnonzero(draw.random(items) < share).tolist() for _ in range(users)]
    return from_sequences(sequences, items, ordered=False)


def had(data: Interactions) -> np.ndarray:
    matrix = np.zeros((data.n_users, data.n_items))
    matrix[data.user, data.item] = 1
    return matrix


@given(
    penalty=st.floats(0.1, 10),
    penalty_exponent=st.floats(0, 1),
    user_exponent=st.floats(0, 1),
    target_exponent=st.floats(-0.5, 0.5),
)
def test_ease_is_the_ridge_regression_of_each_item_on_all_others(
    penalty: float, penalty_exponent: float, user_exponent: float, target_exponent: float
) -> None:
    data = shop()
    x = had(data)
    counts = x.sum(axis=0)
    weighted = x * np.maximum(x.sum(axis=1, keepdims=True), 1) ** (-user_exponent / 2)
    own = (weighted**2).sum(axis=0)
    least = penalty * own.mean() * (own / own.mean()) ** penalty_exponent
    expected = np.zeros((9, 9))
    for j in range(9):
        others = np.delete(np.arange(9), j)
        s = weighted[:, others]
        solution = np.linalg.solve(s.T @ s + np.diag(least[others]), s.T @ weighted[:, j])
        expected[others, j] = solution * (counts[j] / counts.mean()) ** target_exponent
    family = Family(
        EASE,
        penalty=penalty,
        penalty_exponent=penalty_exponent,
        user_exponent=user_exponent,
        target_exponent=target_exponent,
    )
    found = to_matrix(item_item.fit(family, data, ROOM), 9).toarray()
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4)


def test_popular_items_say_less_where_they_are_penalised_more() -> None:
    data = shop()
    flat, steep = (
        np.abs(to_matrix(item_item.fit(family, data, ROOM), 9).toarray())
        for family in (
            Family(EASE, penalty=2.0),
            Family(EASE, penalty=2.0, penalty_exponent=1.0),
        )
    )
    assert steep[8].sum() < flat[8].sum()  # the most popular item
    assert steep[0].sum() > flat[0].sum()


@pytest.mark.parametrize("rank", [1.0, 3.0, 50.0])
def test_spectral_weights_are_the_faded_singular_vectors(rank: float) -> None:
    data = shop()
    x = had(data)
    users, items = np.maximum(x.sum(axis=1), 1), x.sum(axis=0)
    scaled = x / users[:, None] ** 0.5 / items**0.3
    turned = np.linalg.svd(scaled, full_matrices=False)[2]
    fading = 1 / (1 + (np.arange(9) / rank) ** 4)
    expected = (turned.T * fading) @ turned / items[:, None] ** 0.3
    expected *= (items / items.mean()) ** 0.4
    np.fill_diagonal(expected, 0)
    family = Family(
        SPECTRAL, rank=rank, user_exponent=0.5, source_exponent=0.3, target_exponent=0.4
    )
    found = to_matrix(item_item.fit(family, data, ROOM), 9).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_ranks_share_a_decomposition_and_none_is_made_beyond_the_memory() -> None:
    data, ranks = shop(), [2.0, 5.0]
    family = Family(SPECTRAL, rank=0.0, user_exponent=0.5, source_exponent=0.5)
    for found, rank in zip(item_item.low_passes(family, ranks, data, ROOM), ranks, strict=True):
        alone = item_item.fit(Family(**{**_fields(family), "rank": rank}), data, ROOM)
        np.testing.assert_array_equal(found.columns, alone.columns)
        np.testing.assert_array_equal(found.weights, alone.weights)
    both = [Family(**{**_fields(family), "rank": rank, "target_exponent": 0.3}) for rank in ranks]
    mixed = [both[0], Family(EASE, penalty=2.0), both[1]]
    for found, one in zip(item_item.fit_all(mixed, data, ROOM), mixed, strict=True):
        np.testing.assert_array_equal(found.weights, item_item.fit(one, data, ROOM).weights)
    small = Room(memory_bytes=100, threads=1, keep=9, seed=0)
    assert [len(n.columns) for n in item_item.low_passes(family, ranks, data, small)] == [0, 0]


def _fields(family: Family) -> dict[str, object]:
    return {name: getattr(family, name) for name in family.__struct_fields__}


def test_a_high_rank_lets_everything_through() -> None:
    data = shop()
    x = had(data)
    exponents = Exponents(0.0, 0.0, 0.0, 0.0)
    found = spectral.spectrum(_csr(x), 9, exponents, 0)
    weights = spectral.low_pass(found, spectral.counts_of(_csr(x)), exponents, 1e6)
    np.testing.assert_allclose(weights, np.zeros((9, 9)), atol=1e-5)  # V Vᵀ = I less itself


def _csr(x: np.ndarray) -> object:
    from scipy import sparse

    return sparse.csr_matrix(x)


@given(n=st.integers(0, 40), seed=st.integers(0, 9))
def test_inverse_of_any_positive_definite_matrix(n: int, seed: int) -> None:
    x = np.random.default_rng(seed).random((2 * n + 1, n)).astype("f4")
    matrix = x.T @ x + np.eye(n, dtype="f4")
    found = closed_form.inverse(matrix.copy())
    np.testing.assert_allclose(found @ matrix, np.eye(n), atol=2e-3)
    np.testing.assert_array_equal(found, found.T)


def test_inverse_of_blocks_and_of_what_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_form, "BLOCK", 7)
    x = np.random.default_rng(0).random((50, 20)).astype("f4")
    matrix = x.T @ x + np.eye(20, dtype="f4")
    found = closed_form.inverse(matrix.copy())
    np.testing.assert_allclose(found @ matrix, np.eye(20), atol=2e-3)
    with pytest.raises(np.linalg.LinAlgError):
        closed_form.inverse(-np.eye(3, dtype="f4"))


@pytest.mark.parametrize(("events", "sources"), [(9, 20), (90, 50), (180, 100), (900, 100)])
def test_items_with_few_events_are_told_from_few_others(events: int, sources: int) -> None:
    data = from_sequences([list(range(9))] * (events // 9), 9, ordered=False)
    assert item_item.sources_of(data) == sources


def test_walks_of_large_catalogues_go_to_fewer_neighbours() -> None:
    reached = [item_item.hop_neighbours(n) for n in (0, 5000, 20_000, 50_000, 10**6)]
    assert reached == [100, 100, 100, 63, 50]
