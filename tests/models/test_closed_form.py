"""Closed forms against the equations they solve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from endcap.models import closed_form, pairs
from endcap.models.neighbours import from_dense, from_matrix, stacked, to_matrix


def gram_of(n: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).random((3 * n, n)).astype(np.float32)
    return x.T @ x


@pytest.mark.parametrize("block", [3, 7, 64])
def test_blocked_cholesky_and_solve_invert(block: int) -> None:
    gram = gram_of(20) + np.eye(20, dtype="f4")
    factor = closed_form.cholesky(gram.copy(), block)
    inverse = closed_form.solve(factor, np.eye(20, dtype="f4"), block)
    np.testing.assert_allclose(inverse @ gram, np.eye(20), atol=2e-3)


def test_zero_diagonal_solves_each_column_without_its_own_item() -> None:
    gram, penalty = gram_of(8), np.full(8, 3.0, "f4")
    found = closed_form.zero_diagonal(gram.copy(), penalty)
    for j in range(8):
        others = np.delete(np.arange(8), j)
        square = gram[np.ix_(others, others)] + 3 * np.eye(7)
        np.testing.assert_allclose(
            found[others, j], np.linalg.solve(square, gram[others, j]), rtol=1e-2, atol=1e-3
        )
        assert found[j, j] == 0


def test_local_with_all_sources_is_the_exact_form() -> None:
    gram, penalty = gram_of(9), np.full(9, 2.0, "f4")
    exact = closed_form.zero_diagonal(gram.copy(), penalty)
    local = closed_form.local(sparse.csr_matrix(gram), None, penalty, 9, 9, 2)
    np.testing.assert_allclose(to_matrix(local, 9).toarray(), exact, rtol=1e-2, atol=1e-3)
    right = sparse.csr_matrix(np.random.default_rng(1).random((9, 9)).astype("f4"))
    exact = closed_form.regression(gram.copy(), right, penalty)
    local = closed_form.local(sparse.csr_matrix(gram), right, penalty, 9, 9, 1)
    np.testing.assert_allclose(to_matrix(local, 9).toarray(), exact, rtol=1e-2, atol=1e-3)


def test_keeping_the_strongest_states_the_loss() -> None:
    dense = np.array([[0, 3, -4, 1], [0, 0, 0, 2], [0, 0, 0, 0], [1, 1, 1, 1]], "f4")
    for found, loss in (from_dense(dense, 2), from_matrix(sparse.csr_matrix(dense), 2)):
        kept = to_matrix(found, 4).toarray()
        np.testing.assert_array_equal(kept[0], [0, 3, -4, 0])
        assert [np.count_nonzero(row) for row in kept] == [2, 1, 0, 2]
        assert loss == pytest.approx(3 / 14)
    both = stacked([found, found])
    np.testing.assert_array_equal(to_matrix(both, 4).toarray(), np.vstack([kept, kept]))


def sequences() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(3)
    lengths = draw.integers(1, 7, 30)
    user = np.repeat(np.arange(30), lengths).astype("i4")
    return user, draw.integers(0, 6, len(user)).astype("i4")


@pytest.mark.parametrize(("decay", "future"), [(0.5, 0.3), (0.8, 0.0), (1.0, 1.0)])
def test_partial_session_pairs_are_the_products_of_all_cuts(decay: float, future: float) -> None:
    user, item = sequences()
    past, ahead = np.zeros((6, 6)), np.zeros((6, 6))
    for u in range(30):
        own = item[user == u]
        for t in range(len(own) - 1):
            s, f = np.zeros(6), np.zeros(6)
            for p in range(t + 1):
                s[own[p]] += decay ** (t - p)
            for q in range(t + 1, len(own)):
                f[own[q]] += future ** (q - t - 1)
            past += np.outer(s, s)
            ahead += np.outer(s, f)
    got = pairs.partial_session_pairs(user, item, 6, decay, future, 99, 10**6)
    np.testing.assert_allclose(got[0].toarray(), past, rtol=1e-4)
    np.testing.assert_allclose(got[1].toarray(), ahead, rtol=1e-3, atol=1e-3)


def test_followers_count_pairs_by_distance() -> None:
    user, item = np.array([0, 0, 0, 1, 1], "i4"), np.array([0, 1, 2, 2, 0], "i4")
    ones = np.ones(5, "f4")
    found, sums = pairs.followers(user, item, ones, 3, 0.5, 0.0, 9, 9)
    np.testing.assert_allclose(to_matrix(found, 3).toarray(), [[0, 1, 0.5], [0, 0, 1], [1, 0, 0]])
    np.testing.assert_allclose(sums, [1.5, 1, 1])
    weights = np.array([2, 3, 1, 5, 7], "f4")  # what comes after counts by what came before
    found, sums = pairs.followers(user, item, weights, 3, 0.5, 0.0, 9, 1)
    np.testing.assert_allclose(to_matrix(found, 3).toarray(), [[0, 2, 0], [0, 0, 3], [5, 0, 0]])
    np.testing.assert_allclose(sums, [3, 3, 5])  # of what was cut too
    found, _ = pairs.followers(user, item, weights, 3, 0.5, 0.25, 9, 9)
    both = np.array([[0, 2, 1], [0, 0, 3], [5, 0, 0]])
    np.testing.assert_allclose(to_matrix(found, 3).toarray(), both + both.T / 4)


def test_gram_forms_agree_in_blocks_and_sampling_keeps_short_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = sparse.csr_matrix((np.random.default_rng(0).random((30, 8)) < 0.4).astype("f4"))
    expected = (x.T @ x).toarray()
    np.testing.assert_allclose(pairs.gram(x, 8, 0, 10**6).toarray(), expected)
    np.testing.assert_allclose(pairs.dense_gram(x), expected)
    monkeypatch.setattr(pairs, "_BLOCK_CELLS", 8 * 7)
    np.testing.assert_allclose(pairs.dense_gram(x), expected)
    sampled = pairs.gram(x, 3, 0, 10**6).toarray()
    assert sampled.sum() == pytest.approx(expected.sum(), rel=0.05)


def test_pair_counts_are_bounded_and_keep_the_strongest_of_each_item() -> None:
    x = sparse.csr_matrix((np.random.default_rng(0).random((60, 10)) < 0.5).astype("f4"))
    found = pairs.gram(x, 10, 0, 30)
    assert found.nnz <= 30
    np.testing.assert_array_equal(found.diagonal(), np.asarray(x.sum(axis=0)).ravel())


@settings(max_examples=20)
@given(hnp.arrays(np.float32, (7, 30), elements=st.sampled_from([0, 0.5, -0.5, 1, -2, 3, 1e-30])))
def test_the_largest_of_a_row_are_kept_equal_ones_by_column(dense: np.ndarray) -> None:
    for keep in (0, 1, 4, 29, 30, 99):
        found, loss = from_dense(dense, keep)
        sparsely, left_out = from_matrix(sparse.csr_matrix(dense), keep)
        for a, b in zip(found, sparsely, strict=True):
            np.testing.assert_array_equal(a, b)
        assert loss == pytest.approx(left_out, abs=1e-6)
        for row, weights in enumerate(dense):
            order = np.lexsort((np.arange(30), -np.abs(weights)))[:keep]
            expected = np.sort(order[weights[order] != 0])
            columns = found.columns[found.starts[row] : found.starts[row + 1]]
            np.testing.assert_array_equal(columns, expected)
