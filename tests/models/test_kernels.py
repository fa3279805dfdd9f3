"""Every compiled kernel gives what its numpy reference gives."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from endcap.features import compiled
from endcap.models import closed_form, kernels, kernels_numpy, local_solve
from endcap.models.neighbours import from_matrix


class Case:
    """A random stack, queries over it, exclusions and a mask."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        self.n = n = int(draw.integers(1, 30))
        parts = int(draw.integers(1, 4))
        dense = np.round(draw.normal(size=(parts * n, n)), 1) * (draw.random((parts * n, n)) < 0.3)
        self.stack = from_matrix(sparse.csr_matrix(dense), n)[0]
        self.starts = np.concatenate(([0], np.cumsum(draw.integers(0, 8, 5)))).astype(np.int64)
        self.rows = draw.integers(0, parts * n, self.starts[-1]).astype(np.int32)
        self.weights = np.round(draw.normal(size=len(self.rows)), 1).astype(np.float32)
        self.prior = np.round(draw.random(n), 1).astype(np.float32)
        self.prior[draw.random(n) < 0.2] = np.nan
        order = np.argsort(-self.prior, kind="stable")
        self.order = order[: np.count_nonzero(~np.isnan(self.prior))].astype(np.int32)
        self.allowed = draw.random(n) < 0.7 if draw.random() < 0.5 else np.zeros(0, bool)
        self.cuts = np.concatenate(([0], np.cumsum(draw.integers(0, 4, 5)))).astype(np.int64)
        self.items = draw.integers(0, n, self.cuts[-1]).astype(np.int32)
        self.k = int(draw.integers(0, n + 3))

    def scratch(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return np.zeros(self.n, "f4"), np.zeros(self.n, "i4"), np.zeros(self.n, "i4")

    def query(self) -> tuple[np.ndarray, ...]:
        return (*self.stack, self.starts, self.rows, self.weights, self.prior)


@given(st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_top_items_equal_the_reference_and_leave_no_trace(seed: int) -> None:
    case, found = Case(seed), []
    for form in (kernels.top_items, kernels_numpy.top_items):
        rows, scores = np.zeros((5, case.k), "i4"), np.zeros((5, case.k), "f4")
        values, marks, touched = case.scratch()
        form(
            *case.query(), case.order, case.allowed, case.cuts, case.items, values, marks, touched,
            rows, scores,
        )  # fmt: skip
        assert not values.any()
        assert not marks.any()
        found.append((rows, scores))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6, atol=1e-6)


@given(st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_scores_of_given_rows_equal_the_reference(seed: int) -> None:
    case, found = Case(seed), []
    for form in (kernels.score_rows, kernels_numpy.score_rows):
        out = np.zeros(len(case.items), "f4")
        form(*case.query(), case.cuts, case.items, *case.scratch(), out)
        found.append(out)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6, atol=1e-6)


@given(st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_contributions_equal_the_reference_and_sum_to_the_score(seed: int) -> None:
    case, found = Case(seed), []
    target = seed % case.n
    for form in (kernels.contributions, kernels_numpy.contributions):
        out = np.zeros(len(case.rows), "f4")
        form(*case.stack, case.rows, case.weights, target, out)
        found.append(out)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    score = np.zeros(1, "f4")
    one = np.array([0, len(case.rows)], np.int64)
    kernels.score_rows(
        *case.stack, one, case.rows, case.weights, np.zeros(case.n, "f4"),
        np.array([0, 1]), np.array([target], "i4"), *case.scratch(), score,
    )  # fmt: skip
    assert score[0] == pytest.approx(found[0].sum(), abs=1e-4)


@given(st.integers(0, 10**6), st.sampled_from([(12, 5), (12, 12), (200, 2)]))
@settings(max_examples=40, deadline=None)
def test_local_regressions_equal_the_reference(seed: int, size: tuple[int, int]) -> None:
    """Also where rows are so much longer than what is chosen that they are searched."""
    n, sources = size
    draw = np.random.default_rng(seed)
    x = sparse.csr_matrix((draw.random((40, n)) < 0.3).astype(np.float32))
    gram = (x.T @ x).tocsr()
    gram.sort_indices()
    right = gram.tocsc() if seed % 2 else sparse.random(n, n, 0.4, "csc", "f4", rng=draw)
    arguments = (
        *closed_form._parts(gram), *closed_form._parts(right), np.full(n, 2.0, "f4"),
        bool(seed % 2), sources, 0, n,
    )  # fmt: skip
    found = [
        sparse.coo_matrix((w[r >= 0], (r[r >= 0], np.nonzero(r >= 0)[0]))).toarray()
        for r, w in (local_solve.columns(*arguments), local_solve.columns_numpy(*arguments))
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-4)


def test_a_regression_of_no_positive_definite_matrix_is_solved_as_far_as_it_goes() -> None:
    square = np.array([[2.0, 1, 3], [1, 2, 0], [3, 0, 1]])  # its last pivot is negative
    found = local_solve._solved(square, np.array([3.0, 3, 5]))
    np.testing.assert_allclose(found, [1, 1, 0])


def test_the_kernels_are_compiled_here() -> None:
    """Otherwise the tests above would compare the reference with itself."""
    assert kernels.COMPILED


def test_without_a_cache_folder_numpy_runs_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(compiled, "njit", refuse)
    with pytest.warns(UserWarning, match="numpy runs"):
        assert not compiled._compiles()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.undo()
        assert compiled._compiles()
