"""The columns that re-ordering reads: compiled form and reference agree, and what they mean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from endcap.models import reorder_kernel, reorder_numpy
from endcap.models.live_numpy import packed
from endcap.models.mixture import Mixture
from endcap.models.neighbours import PairNeighbours, from_matrix, layered
from endcap.models.queries import ModelQuery, Queries, batch
from endcap.models.reading import PAIR, Component, Reading
from endcap.models.reorder_numpy import (
    BEHIND,
    LINEAR,
    NEWEST_PRIOR,
    NEWEST_TIMES,
    REACHED,
    TIMES,
    TRAITS,
    TYPE,
    width,
)

ITEMS = 12


def reading(draw: np.random.Generator) -> Reading:
    return Reading(
        decay=float(draw.choice([0.3, 1.0])),
        half_life_s=float(draw.choice([0.0, 3600.0])),
        last_n=int(draw.choice([0, 3])),
        type_weights=((), (1.0, 0.0, 2.0))[int(draw.integers(0, 2))],
        length_exponent=float(draw.choice([0.0, 0.5])),
    )


def mixture_of(draw: np.random.Generator) -> Mixture:
    """Two families and pairs, over ``ITEMS`` items."""
    parts: list[object] = []
    for _ in range(2):
        dense = draw.normal(size=(ITEMS, ITEMS)) * (draw.random((ITEMS, ITEMS)) < 0.4)
        parts.append(from_matrix(sparse.csr_matrix(dense), ITEMS)[0])
    keys = np.flatnonzero(draw.random(ITEMS * ITEMS) < 0.6).astype(np.int64)
    rows = sparse.random(len(keys), ITEMS, 0.4, random_state=int(draw.integers(1000)))
    parts.append(PairNeighbours(keys, from_matrix(rows, ITEMS)[0]))
    stack, pair_keys = layered(parts, ITEMS)  # type: ignore[arg-type]
    names = ("ease", "walk", PAIR)
    components = [Component(n, float(draw.uniform(0.5, 3)), reading(draw)) for n in names]
    return Mixture(stack, components, draw.random(ITEMS).astype("f4"), pair_keys=pair_keys)


def histories(draw: np.random.Generator) -> Queries:
    def one() -> ModelQuery:
        h = int(draw.integers(0, 7))
        ages = np.sort(draw.uniform(0, 9000, h))[::-1]
        return ModelQuery(
            draw.integers(-1, ITEMS + 1, h).astype(np.int32),
            draw.integers(0, 4, h).astype(np.uint8),
            ages.astype(np.float32),
        )

    return batch([one() for _ in range(3)])


def columns(
    form: object, mixture: Mixture, queries: Queries, starts: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    traits = np.arange(2.0 * ITEMS, dtype="f4").reshape(ITEMS, 2)
    out = np.full((len(rows), width(len(mixture.components), 2)), 9.0, np.float32)
    marks = np.zeros(ITEMS, np.int32)
    form(  # type: ignore[operator]
        *mixture.stack, mixture.pair_keys, mixture.prior, packed(mixture.components), traits,
        *queries, starts, rows, marks, out,
    )  # fmt: skip
    assert not marks.any()
    return out


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_the_compiled_form_fills_what_its_reference_fills(seed: int) -> None:
    draw = np.random.default_rng(seed)
    mixture, queries = mixture_of(draw), histories(draw)
    starts = np.array([0, 5, 5, 11], np.int64)
    rows = draw.integers(0, ITEMS, 11).astype(np.int32)  # some of them twice
    found = columns(reorder_kernel.features, mixture, queries, starts, rows)
    expected = columns(reorder_numpy.features, mixture, queries, starts, rows)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_the_linear_column_is_the_linear_score(seed: int) -> None:
    draw = np.random.default_rng(seed)
    mixture, queries = mixture_of(draw), histories(draw)
    starts = np.array([0, 4, 8, 12], np.int64)
    rows = np.concatenate([draw.permutation(ITEMS)[:4] for _ in range(3)]).astype(np.int32)
    found = columns(reorder_kernel.features, mixture, queries, starts, rows)
    linear = mixture.linear_scores(queries, starts, rows)
    np.testing.assert_allclose(found[:, 9 + LINEAR], linear, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("form", [reorder_kernel.features, reorder_numpy.features])
def test_what_the_columns_say_of_a_history(form: object) -> None:
    links = sparse.csr_matrix(([0.5, 0.25], ([0, 1], [2, 2])), shape=(4, 4))
    stack, keys = layered([from_matrix(links, 4)[0]], 4)
    prior = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    mixture = Mixture(stack, [Component("ease", 2.0, Reading(decay=0.5))], prior, pair_keys=keys)
    history = ModelQuery(
        np.array([0, 3, 0, 1], np.int32), np.array([1, 0, 2, 0], np.uint8), np.zeros(4, "f4")
    )
    out = np.empty((2, width(1, 1)), np.float32)
    form(  # type: ignore[operator]
        *mixture.stack, keys, prior, packed(mixture.components), prior[:, None],
        *batch([history]), np.array([0, 2]), np.array([2, 0], np.int32), np.zeros(4, "i4"), out,
    )  # fmt: skip
    # item 2: ¼ from item 1, ½ · ½ from item 0 before it and ⅛ · ½ from its first event, twice
    given_all = 2 * (0.25 + 0.25 + 0.0625)
    assert out[0, :3] == pytest.approx([given_all, 0.5, 1.0])
    tail = out[:, 3:]
    assert tail[0, LINEAR] == pytest.approx(given_all + 0.3)
    assert tail[0, REACHED] == 3
    assert tail[0, TIMES] == 0
    assert np.isnan(tail[0, BEHIND])
    assert (tail[1, BEHIND], tail[1, TIMES], tail[1, TYPE]) == (1, 2, 2)
    assert tail[1, NEWEST_PRIOR] == np.float32(0.2)
    assert tail[1, NEWEST_TIMES] == 1
    assert tail[1, TRAITS:].tolist() == [np.float32(0.1), np.float32(0.2)]
