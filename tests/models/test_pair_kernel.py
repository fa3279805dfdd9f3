"""Counting pairs item by item: compiled and numpy forms agree, and long rows are cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from endcap.models import pair_kernel, pair_numpy, pairs
from endcap.models.neighbours import to_matrix

NO_TABLE = np.zeros(0, "f4")


def assert_both_forms_agree(parts: tuple, n: int, most: int) -> None:
    """The compiled and the numpy form write the same rows."""
    found = []
    for form in (pair_kernel._pair_rows, pair_numpy.pair_rows):
        counts, totals = np.zeros(n, np.int64), np.zeros(n)
        columns, values = np.zeros(n * n, "i4"), np.zeros(n * n, "f4")
        end = form(*parts, most, 0, n, counts, totals, columns, values)
        found.append((counts, columns[:end], values[:end], totals))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    np.testing.assert_allclose(found[0][2], found[1][2], rtol=1e-6)
    np.testing.assert_allclose(found[0][3], found[1][3], rtol=1e-6)


def sequences(seed: int, n: int) -> tuple:
    """Events of 30 users with whole weights, so that sums are exact; what the kernel asks first."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(0, 8, 30)
    user = np.repeat(np.arange(30), lengths).astype("i4")
    item = draw.integers(0, n, len(user)).astype("i4")
    starts = np.concatenate(([0], np.cumsum(lengths)))
    events = np.concatenate(([0], np.cumsum(np.bincount(item, minlength=n))))
    weights = draw.integers(1, 5, (2, len(user))).astype("f4")
    return events, np.argsort(item, kind="stable"), starts, user, item, *weights


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), most=st.integers(1, 50))
def test_rows_of_all_pairs_equal_the_reference(seed: int, n: int, most: int) -> None:
    parts = (*sequences(seed, n), NO_TABLE, NO_TABLE, 0.0, NO_TABLE)
    assert_both_forms_agree(parts, n, most)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), most=st.integers(1, 50))
def test_rows_of_near_pairs_equal_the_reference(seed: int, n: int, most: int) -> None:
    ahead, back = np.array([0, 1, 0.5, 0.25], "f4"), np.array([1, 0.75], "f4")[: 1 + seed % 2]
    parts = (*sequences(seed, n), ahead, back, 0.0, NO_TABLE)
    assert_both_forms_agree(parts, n, most)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), most=st.integers(1, 50))
def test_rows_of_similarities_equal_the_reference(seed: int, n: int, most: int) -> None:
    scale = np.exp2(-np.arange(n) % 4).astype("f4")
    parts = (*sequences(seed, n), NO_TABLE, NO_TABLE, float(seed % 3), scale)
    assert_both_forms_agree(parts, n, most)


def test_similarities_are_shrunk_and_divided_by_how_many_have_each() -> None:
    x = (np.random.default_rng(5).random((80, 6)) < 0.4).astype("f4")
    c = x.T @ x
    own = np.diag(c)
    expected = c * c / (c + 3) / np.outer(own, own) ** 0.7
    np.fill_diagonal(expected, 0)
    found = pairs.similar(sparse.csr_matrix(x), 3.0, 0.7, 99, 0, 99)
    np.testing.assert_allclose(to_matrix(found, 6).toarray(), expected, rtol=1e-5)
    assert np.diff(pairs.similar(sparse.csr_matrix(x), 3.0, 0.7, 99, 0, 2).starts).max() == 2


def test_dense_rows_equal_the_reference() -> None:
    x = sparse.random(60, 15, 0.3, "csr", np.float32, random_state=1)
    x.sort_indices()
    found, expected = np.zeros((2, 15, 15), "f4")
    pair_kernel._dense_rows(*pairs._parts(x), found)
    pair_numpy.dense_rows(*pairs._parts(x), expected)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(found, (x.T @ x).toarray(), rtol=1e-5)


@pytest.mark.parametrize("cost", [0, 10**12])
def test_the_dense_gram_is_the_same_by_pairs_and_by_products(
    cost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "PAIR_COST", cost)
    x = sparse.random(60, 15, 0.3, "csr", np.float32, random_state=2)
    x.sort_indices()
    np.testing.assert_allclose(pairs.dense_gram(x), (x.T @ x).toarray(), rtol=1e-5)


def test_threads_change_nothing() -> None:
    x = sparse.random(200, 30, 0.1, "csr", np.float32, random_state=3)
    whole = pairs.gram(x, 30, 0, 10**6).toarray()
    np.testing.assert_allclose(whole, (x.T @ x).toarray(), rtol=1e-5)
    np.testing.assert_array_equal(pairs.gram(x, 30, 0, 10**6, threads=3).toarray(), whole)


def test_only_the_longest_rows_are_cut() -> None:
    reached = np.array([2.0, 3, 10, 20])
    assert pairs._row_limit(reached, 35) == 4  # nothing is cut
    assert pairs._row_limit(reached, 21) == 8  # 2 + 3 + 8 + 8
    assert pairs._row_limit(reached, 4) == 1


def test_a_cut_row_keeps_its_strongest_cells() -> None:
    x = sparse.random(300, 20, 0.3, "csr", np.float32, random_state=4)
    whole = pairs.gram(x, 20, 0, 10**6).toarray()
    found = pairs.gram(x, 20, 0, 100).toarray()
    for row, cells in enumerate(found):
        kept = np.flatnonzero(cells)
        assert set(kept) == set(np.argsort(-whole[row])[:5])
        np.testing.assert_array_equal(cells[kept], whole[row, kept])
