"""Worked examples by hand, and every metric against a slow, separate form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.evaluation import metrics
from endcap.evaluation.truth import judge, truth_of_lists

Lists = list[list[int]]


def rows(lists: Lists, k: int) -> np.ndarray:
    return np.array([[*found, *[-1] * (k - len(found))] for found in lists], np.int32)


# The list [3, 1, 4, 2] for somebody who took items 1, 2 and 9: ranks 2 and 4 hit.
DCG = 1 / math.log2(3) + 1 / math.log2(5)
BY_HAND = {
    "recall": 2 / 3,
    "precision": 2 / 4,
    "hr": 1.0,
    "mrr": 1 / 2,
    "ndcg": DCG / (1 + 1 / math.log2(3) + 1 / 2),
    "ndcg_over_k": DCG / (1 + 1 / math.log2(3) + 1 / 2 + 1 / math.log2(5)),
    "map": (1 / 2 + 2 / 4) / 3,
}


@pytest.mark.parametrize(("name", "expected"), BY_HAND.items())
def test_worked_example(name: str, expected: float) -> None:
    judged = judge(rows([[3, 1, 4, 2]], 4), truth_of_lists([[9, 1, 2]]))
    assert metrics.ACCURACY[name](judged) == pytest.approx([expected])


def test_every_accuracy_metric_has_a_worked_example_and_a_line() -> None:
    assert set(BY_HAND) == set(metrics.ACCURACY)
    assert set(metrics.METRICS) == set(metrics.ACCURACY) | set(metrics.LISTS)


# ---- the separate form: plain Python over lists and sets


def naive_hits(found: Sequence[int], taken: set[int]) -> list[bool]:
    return [item in taken and item not in found[:j] for j, item in enumerate(found)]


def naive_dcg(hits: Sequence[bool]) -> float:
    return sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit)


def naive_mrr(hits: list[bool], taken: set[int], k: int) -> float:
    return next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0)


def naive_map(hits: list[bool], taken: set[int], k: int) -> float:
    total = sum(sum(hits[:rank]) / rank for rank in range(1, len(hits) + 1) if hits[rank - 1])
    return total / min(k, len(taken))


NAIVE: dict[str, Callable[[list[bool], set[int], int], float]] = {
    "recall": lambda hits, taken, k: sum(hits) / len(taken),
    "precision": lambda hits, taken, k: sum(hits) / k,
    "hr": lambda hits, taken, k: float(any(hits)),
    "mrr": naive_mrr,
    "ndcg": lambda hits, taken, k: naive_dcg(hits) / naive_dcg([True] * min(k, len(taken))),
    "ndcg_over_k": lambda hits, taken, k: naive_dcg(hits) / naive_dcg([True] * k),
    "map": naive_map,
}

ITEMS = 8


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, Lists, Lists]:
    """k, one list for each user (shorter than k at times, with repeats at times), truths."""
    k, users = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    item = st.integers(0, ITEMS - 1)
    lists = draw(st.lists(st.lists(item, max_size=k), min_size=users, max_size=users))
    taken = draw(st.lists(st.lists(item, max_size=ITEMS), min_size=users, max_size=users))
    return k, lists, taken


@given(cases(), st.sampled_from(sorted(NAIVE)))
def test_accuracy_equals_the_naive_form(case: tuple[int, Lists, Lists], name: str) -> None:
    k, lists, taken = case
    found = metrics.ACCURACY[name](judge(rows(lists, k), truth_of_lists(taken)))
    expected = [
        NAIVE[name](naive_hits(mine, set(want)), set(want), k) if want else math.nan
        for mine, want in zip(lists, taken, strict=True)
    ]
    assert found == pytest.approx(expected, nan_ok=True)
    assert ((found >= 0) & (found <= 1 + 1e-12) | np.isnan(found)).all()


@given(cases())
def test_the_recall_curve_is_recall_at_each_k(case: tuple[int, Lists, Lists]) -> None:
    k, lists, taken = case
    truth = truth_of_lists(taken)
    curve = metrics.recall_curve(judge(rows(lists, k), truth))
    for j in range(k):
        values = metrics.recall(judge(rows(lists, k)[:, : j + 1], truth))
        values = values[~np.isnan(values)]
        expected = values.mean() if len(values) else math.nan
        assert curve[j] == pytest.approx(expected, nan_ok=True)


@st.composite
def distinct_lists(draw: st.DrawFn) -> tuple[int, Lists]:
    k, users = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    item = st.integers(0, ITEMS - 1)
    one = st.lists(item, max_size=k, unique=True)
    return k, draw(st.lists(one, min_size=users, max_size=users))


@given(distinct_lists(), st.lists(st.integers(0, 9), min_size=ITEMS, max_size=ITEMS))
def test_novelty_equals_the_naive_form(case: tuple[int, Lists], owners: list[int]) -> None:
    k, lists = case
    found = metrics.novelty(rows(lists, k), np.array(owners), 10)
    expected = [
        sum(-math.log2(max(owners[i], 1) / 10) for i in mine) / len(mine) if mine else math.nan
        for mine in lists
    ]
    assert found == pytest.approx(expected, nan_ok=True)


@given(distinct_lists(), st.lists(st.integers(-1, 2), min_size=ITEMS, max_size=ITEMS))
def test_diversity_equals_the_naive_form(case: tuple[int, Lists], kinds: list[int]) -> None:
    k, lists = case
    found = metrics.intra_list_diversity(rows(lists, k), np.array(kinds, np.int32))
    pairs = [[(a, b) for x, a in enumerate(m) for b in m[x + 1 :]] for m in lists]
    expected = [
        sum(kinds[a] != kinds[b] for a, b in some) / len(some) if some else math.nan
        for some in pairs
    ]
    assert found == pytest.approx(expected, nan_ok=True)


@given(
    distinct_lists(),
    st.lists(st.integers(-1, 2), min_size=ITEMS, max_size=ITEMS),
    st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=6, max_size=6),
)
def test_miscalibration_equals_the_naive_form(
    case: tuple[int, Lists], kinds: list[int], histories: list[list[int]]
) -> None:
    k, lists = case
    own = histories[: len(lists)]
    found = metrics.miscalibration(rows(lists, k), np.array(kinds, "i4"), np.array(own, float))
    expected = []
    for mine, had in zip(lists, own, strict=True):
        listed = [kinds[i] for i in mine if kinds[i] >= 0]
        if not listed or not sum(had):
            expected.append(math.nan)
            continue
        p = [count / sum(had) for count in had]
        q = [0.99 * listed.count(c) / len(listed) + 0.01 * p[c] for c in range(3)]
        expected.append(sum(p[c] * math.log2(p[c] / q[c]) for c in range(3) if p[c]))
    assert found == pytest.approx(expected, nan_ok=True)


def test_the_mix_of_the_history_is_calibrated_and_another_is_not() -> None:
    history, kinds = np.array([[2.0, 2.0]]), np.array([0, 0, 1, 1], "i4")
    assert metrics.miscalibration(rows([[0, 2]], 2), kinds, history) == pytest.approx([0])
    one_sided = metrics.miscalibration(rows([[0, 1]], 2), kinds, history)
    assert one_sided == pytest.approx([0.5 * math.log2(0.5 / 0.995) + 0.5 * math.log2(100)])


@given(distinct_lists())
def test_metrics_of_all_lists_equal_their_naive_forms(case: tuple[int, Lists]) -> None:
    k, lists = case
    exposed = metrics.exposure(rows(lists, k), ITEMS)
    flat = [i for mine in lists for i in mine]
    assert exposed.tolist() == [flat.count(i) for i in range(ITEMS)]
    assert metrics.coverage(exposed) == len(set(flat)) / ITEMS

    gaps = sum(abs(int(a) - int(b)) for a in exposed for b in exposed)
    expected = gaps / (2 * ITEMS * len(flat)) if flat else math.nan  # half the mean difference
    assert metrics.gini(exposed) == pytest.approx(expected, nan_ok=True)

    pairs = [(a, b) for x, a in enumerate(lists) for b in lists[x + 1 :]]
    shared = [len(set(a) & set(b)) / k for a, b in pairs]
    expected = 1 - sum(shared) / len(shared) if shared else math.nan
    found = metrics.personalisation(exposed, len(lists), k)
    assert found == pytest.approx(expected, nan_ok=True)


def test_list_metrics_by_hand() -> None:
    lists = rows([[0, 1], [0, 2]], 2)
    exposed = metrics.exposure(lists, 4)
    assert metrics.coverage(exposed) == 3 / 4
    assert metrics.gini(exposed) == pytest.approx(((-3) * 0 + (-1) * 1 + 1 * 1 + 3 * 2) / (4 * 4))
    assert metrics.personalisation(exposed, 2, 2) == 1 / 2
    assert metrics.novelty(lists, np.array([4, 2, 1, 0]), 8) == pytest.approx([1.5, 2.0])
    kinds = np.array([0, 0, 1, 1], np.int32)
    assert metrics.intra_list_diversity(lists, kinds).tolist() == [0.0, 1.0]


def test_a_repeat_in_a_list_wins_nothing() -> None:
    judged = judge(rows([[5, 5, 6]], 3), truth_of_lists([[5, 6]]))
    assert judged.hits.tolist() == [[True, False, True]]
    assert metrics.recall(judged).tolist() == [1.0]
