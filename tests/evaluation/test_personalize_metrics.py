"""Metrics by Personalize's definitions: its worked example, its split, and lists by hand."""

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.data.interactions import Interactions
from endcap.evaluation.personalize_metrics import (
    LONGEST,
    Exam,
    measures,
    ndcg,
    nothing_measured,
    reciprocal_rank,
    split,
)
from endcap.models.queries import Queries


def made(lengths: list[int], items: int = 50, seed: int = 0) -> Interactions:
    draw = np.random.default_rng(seed)
    n = sum(lengths)
    ts = np.concatenate([np.arange(length) for length in lengths]) * 1_000_000
    return Interactions(
        user=np.repeat(np.arange(len(lengths)), lengths).astype("i4"),
        item=draw.integers(0, items, n).astype("i4"),
        type=np.zeros(n, "u1"),
        ts=ts.astype("i8"),
        user_ids=[f"u{row}" for row in range(len(lengths))],
        item_ids=[f"i{row}" for row in range(items)],
    )


def test_the_worked_example_of_the_guide() -> None:
    hits = np.array([[False, True, False, False, True]])
    expected = (1 / log(3) + 1 / log(6)) / (1 / log(2) + 1 / log(3))
    assert ndcg(hits)[0] == pytest.approx(expected)
    assert ndcg(hits)[0] == pytest.approx(0.6241, abs=5e-5)


def test_lists_without_a_hit_are_worth_nothing_and_perfect_ones_one() -> None:
    hits = np.array([[False] * 5, [True] * 5, [True, True, False, False, False]])
    assert ndcg(hits) == pytest.approx([0, 1, 1])
    assert reciprocal_rank(hits).tolist() == [0, 1, 1]


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(0, 40), min_size=12, max_size=60), seed=st.integers(0, 10**6))
def test_the_split(lengths: list[int], seed: int) -> None:
    data = made(lengths)
    exam = split(data, seed)
    users, able = sum(n > 0 for n in lengths), sum(n >= 2 for n in lengths)
    if users < 10 or not able:
        assert exam is None
        return
    assert exam is not None
    tested = sorted(set(range(len(lengths))) - set(exam.fitting.user.tolist()))
    tested = [row for row in tested if lengths[row]]
    assert len(tested) == exam.queries.size == min(max(1, round(0.1 * users)), able)
    bounds = data.starts()
    for place, row in enumerate(tested):
        own = data.item[bounds[row] : bounds[row + 1]]
        newest = max(1, round(0.1 * lengths[row]))
        asked = exam.queries.rows[exam.queries.starts[place] : exam.queries.starts[place + 1]]
        taken = exam.targets[exam.starts[place] : exam.starts[place + 1]]
        assert asked.tolist() == own[:-newest].tolist()
        assert taken.tolist() == sorted(set(own[-newest:].tolist()))
        ages = exam.queries.ages_s[exam.queries.starts[place] : exam.queries.starts[place + 1]]
        assert ages.tolist() == list(range(len(asked), 0, -1))


def test_the_same_seed_draws_the_same_users() -> None:
    data = made([5] * 100)
    one, same, other = split(data, 1), split(data, 1), split(data, 2)
    assert one is not None
    assert same is not None
    assert other is not None
    assert one.targets.tolist() == same.targets.tolist()
    assert one.targets.tolist() != other.targets.tolist()


def test_measures_by_hand() -> None:
    """Two users: one took items 1 and 2, of a list 9 1 8 2 7; the other 5, of an empty list."""
    exam = Exam(
        made([1]), Queries(np.zeros(3, "i8"), *(np.zeros(0, t) for t in ("i4", "u1", "f4"))),
        np.array([0, 2, 3]), np.array([1, 2, 5], "i4"),
    )  # fmt: skip
    lists = np.full((2, LONGEST), -1, "i4")
    lists[0, :5] = [9, 1, 8, 2, 7]
    found = measures(exam, lists, 20)
    gain = (1 / log(3) + 1 / log(5)) / (1 / log(2) + 1 / log(3))
    assert found["coverage"] == 5 / 20
    assert found["mean_reciprocal_rank_at_25"] == pytest.approx(0.5 / 2)
    for k in (5, 10, 25):
        name = f"normalized_discounted_cumulative_gain_at_{k}"
        assert found[name] == pytest.approx(gain / 2)
        assert found[f"precision_at_{k}"] == pytest.approx(2 / k / 2)
    assert found.keys() == nothing_measured().keys()
