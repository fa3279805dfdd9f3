"""Counting pairs item by item: compiled and numpy forms agree, and long rows are cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from endcap.models import pair_kernel, pair_numpy, pairs


def both_forms(kernel: str, parts: tuple, n: int, room: int) -> list[tuple]:
    """What the compiled and the numpy form write, buffer by buffer."""
    found = []
    for form in (getattr(pair_kernel, f"_{kernel}"), getattr(pair_numpy, kernel)):
        counts, first, out = np.zeros(n, np.int64), 0, []
        columns, values = np.zeros(room, "i4"), np.zeros(room, "f4")
        while first < n:
            done = form(*parts, first, n, counts, columns, values)
            size = counts[first:done].sum()
            owner = np.repeat(np.arange(first, done), counts[first:done])
            order = np.lexsort((columns[:size], owner))
            out.append((columns[:size][order], values[:size][order]))
            first = done
        found.append((counts, *map(np.concatenate, zip(*out, strict=True))))
    return found


def assert_same(forms: list[tuple]) -> None:
    (counts, columns, values), (expected, *cells) = forms
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(columns, cells[0])
    np.testing.assert_allclose(values, cells[1], rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40))
def test_gram_rows_equal_the_reference(seed: int, n: int) -> None:
    draw = np.random.default_rng(seed)
    dense = (draw.random((50, n)) < 0.2) * draw.integers(1, 3, (50, 1)).astype("f4")
    by_user, by_item = sparse.csr_matrix(dense), sparse.csc_matrix(dense)
    parts = (*pairs._parts(by_item), *pairs._parts(by_user))
    assert_same(both_forms("gram_rows", parts, n, n + seed % 50))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40))
def test_near_rows_equal_the_reference(seed: int, n: int) -> None:
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, 8, 30)
    user = np.repeat(np.arange(30), lengths).astype("i4")
    near = pairs._Near(user, draw.integers(0, n, len(user)).astype("i4"), n)
    ahead, back = np.array([0, 1, 0.5, 0.25], "f4"), np.array([1, 0.75], "f4")[: 1 + seed % 2]
    cuts = np.arange(1, 9).astype("f4")[: 8 * (seed % 3 > 0)]
    weights = draw.integers(1, 5, len(user)).astype("f4")
    parts = (
        near.starts,
        near.places,
        near.item,
        near.after,
        near.before,
        ahead,
        back,
        cuts,
        weights,
    )
    assert_same(both_forms("near_rows", parts, n, n))


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


@pytest.mark.parametrize("threads", [1, 3])
def test_buffers_and_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = sparse.random(200, 30, 0.1, "csr", np.float32, random_state=3)
    whole = pairs.gram(x, 30, 0, 10**6).toarray()
    monkeypatch.setattr(pairs, "BUFFER", 40)
    np.testing.assert_array_equal(pairs.gram(x, 30, 0, 10**6, threads).toarray(), whole)


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
