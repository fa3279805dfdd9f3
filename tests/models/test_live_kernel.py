"""The live kernel gives what its numpy reference gives, and what the general path gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from endcap.models import live_kernel, live_numpy
from endcap.models.live_numpy import LEFT_OUT_ALL, LEFT_OUT_NONE, UNKNOWN, packed
from endcap.models.mixture import Mixture
from endcap.models.neighbours import PairNeighbours, from_matrix, layered
from endcap.models.queries import LiveQuery, ModelQuery, one
from endcap.models.reading import PAIR, Component, Reading

PURCHASE = 2


class Case:
    """A random mixture, a history in the rows of a vocabulary, what is left out and a mask."""

    def __init__(self, seed: int, strange: bool = False, items: int = 30) -> None:
        draw = np.random.default_rng(seed)
        self.n = n = int(draw.integers(1, items))
        components = [component(draw) for _ in range(int(draw.integers(1, 4)))]
        shape = (len(components) * n, n)
        dense = draw.normal(size=shape) * (draw.random(shape) < draw.choice([0.01, 0.3]))
        prior = draw.random(n).astype(np.float32)
        prior[draw.random(n) < 0.2] = np.nan
        parts = [
            from_matrix(sparse.csr_matrix(block), n)[0]
            for block in np.split(dense, len(dense) // n)
        ]
        if draw.random() < 0.7:
            paired = int(draw.integers(0, len(components)))
            components[paired] = Component(PAIR, 2.0, components[paired].reading)
            keys = np.flatnonzero(draw.random(n * n) < 0.6)
            rows = sparse.random(len(keys), n, 0.4, random_state=seed)
            parts[paired] = PairNeighbours(keys, from_matrix(rows, n)[0])  # type: ignore[call-overload]
        stack, keys = layered(parts, n)
        self.mixture = Mixture(stack, components, prior, pair_keys=keys)
        order = draw.permutation(n + 5).astype(np.int32)  # vocabulary row -> model row
        to_model = np.where(order < n, order, -1).astype(np.int32)
        rows = np.arange(n + 9) if strange else np.flatnonzero(to_model >= 0)
        h = int(draw.integers(0, 12))
        self.query = LiveQuery(
            draw.choice(rows, h).astype(np.int32),
            draw.integers(0, 4, h).astype(np.uint8),
            np.sort(draw.integers(0, 10**12, h)).astype(np.int64),
            int(draw.integers(10**11, 10**12)),
            to_model,
            draw.integers(0, 5, 256).astype(np.uint8),
            int(draw.choice([LEFT_OUT_NONE, LEFT_OUT_ALL, PURCHASE])),
        )
        self.allowed = draw.random(n) < 0.7 if draw.random() < 0.5 else None
        self.exclude = draw.integers(0, n, draw.integers(0, 4)).astype(np.int32)
        self.k = int(draw.integers(1, n + 3))

    def ask(self, form: object) -> tuple[int, np.ndarray, np.ndarray]:
        values = np.zeros(self.n, "f4")
        rows, scores = np.zeros(self.k, "i4"), np.zeros(self.k, "f4")
        mixture = self.mixture
        allowed = np.zeros(0, bool) if self.allowed is None else self.allowed
        found = form(  # type: ignore[operator]
            *mixture.stack, mixture.pair_keys, mixture.prior, mixture.prior_order,
            packed(mixture.components), *self.query, allowed, self.exclude, values, rows, scores,
        )  # fmt: skip
        assert not values.any()
        return found, rows[: max(found, 0)], scores[: max(found, 0)]


def component(draw: np.random.Generator) -> Component:
    reading = Reading(
        decay=float(draw.choice([1.0, 0.8, 0.001])),
        half_life_s=float(draw.choice([0, 3600, 10**6])),
        last_n=int(draw.choice([0, 1, 5])),
        type_weights=tuple(draw.choice([0.0, 1.0, 2.5], int(draw.integers(0, 4))).tolist()),
        length_exponent=float(draw.choice([0.0, 0.5])),
    )
    return Component("any", float(draw.choice([-0.5, 1.0, 3.0])), reading)


@given(st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_the_kernel_equals_its_reference_and_leaves_no_trace(seed: int) -> None:
    case = Case(seed)
    found, rows, scores = case.ask(live_kernel.live_top)
    expected, expected_rows, expected_scores = case.ask(live_numpy.live_top)
    assert found == expected
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-4, atol=1e-5)


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_lists_that_are_narrowed_again_and_again_equal_the_reference(seed: int) -> None:
    case = Case(seed, items=150)
    case.k = min(case.k, 30)
    found, _, scores = case.ask(live_kernel.live_top)
    expected, _, expected_scores = case.ask(live_numpy.live_top)
    assert found == expected
    np.testing.assert_allclose(scores, expected_scores, rtol=1e-4, atol=1e-5)


@given(st.integers(0, 10**6))
@settings(max_examples=100, deadline=None)
def test_it_answers_what_the_general_path_answers(seed: int) -> None:
    case = Case(seed)
    query, mixture = case.query, case.mixture
    known = ModelQuery(
        query.to_model[query.items],
        query.model_codes[query.codes],
        (np.maximum(query.at - query.ts, 0) / 1e6).astype(np.float32),
    )
    own = known.rows[(query.codes == query.policy) | (query.policy == LEFT_OUT_ALL)]
    exclude = np.concatenate((case.exclude, own)).astype(np.int32)
    starts = np.array([0, len(exclude)], np.int64)
    rows, scores = mixture.top(one(known), case.k, case.allowed, starts, exclude)
    found = mixture.live_top(query, case.k, case.allowed, case.exclude)
    assert found is not None
    there = rows[0] >= 0
    np.testing.assert_array_equal(found.rows, rows[0][there])
    np.testing.assert_allclose(found.scores, scores[0][there], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", [live_kernel.live_top, live_numpy.live_top])
def test_an_item_that_the_model_does_not_know_is_said(form: object) -> None:
    seeds = [seed for seed in range(50) if is_strange(Case(seed, strange=True).query)]
    assert len(seeds) > 10
    for seed in seeds:
        assert Case(seed, strange=True).ask(form)[0] == UNKNOWN


def is_strange(query: LiveQuery) -> bool:
    return bool((live_numpy.mapped(query.items, query.to_model) < 0).any())
