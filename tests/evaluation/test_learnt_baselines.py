"""The learnt baselines against their formulas, written down plainly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from endcap.data.interactions import Interactions, from_sequences
from endcap.domain.values import EXCLUDE_NONE, EXCLUDE_SEEN
from endcap.evaluation import als, learnt_baselines
from endcap.evaluation.baselines import ALS, EASE, ITEM_KNN
from endcap.evaluation.protocols import UserBatch, leave_last_split

ITEMS = 16


def tastes(users: int = 80, seed: int = 0) -> Interactions:
    """Even users take even items, odd users odd ones; some have an item twice."""
    draw = np.random.default_rng(seed)
    lists = [(draw.choice(ITEMS // 2, 4, replace=False) * 2 + u % 2).tolist() for u in range(users)]
    return from_sequences([[*own, own[0]] for own in lists], ITEMS, ordered=True)


DATA = tastes()
SPLIT = leave_last_split(DATA)


def ask(data: Interactions, *histories: list[int], k: int = 5) -> UserBatch:
    lengths = [len(history) for history in histories]
    items = np.array([i for history in histories for i in history], "i4")
    return UserBatch(
        users=np.arange(len(histories), dtype="i4"),
        at=np.zeros(len(histories), "i8"),
        starts=np.concatenate(([0], np.cumsum(lengths))).astype("i8"),
        items=items,
        types=np.zeros(len(items), "u1"),
        ts=np.zeros(len(items), "i8"),
        k=k,
    )


def binary(data: Interactions) -> np.ndarray:
    x = np.zeros((data.n_users, data.n_items))
    x[data.user, data.item] = 1
    return x


def best(scores: np.ndarray, left_out: list[int], k: int) -> list[int]:
    scores = scores.copy()
    scores[left_out] = -np.inf
    return np.argsort(-scores, kind="stable")[:k].tolist()


@pytest.mark.parametrize("name", [ITEM_KNN, EASE, ALS])
def test_taste_is_answered_with_taste(name: str) -> None:
    recommend = learnt_baselines.learnt_baselines(DATA, seen=EXCLUDE_SEEN, seed=0)[name]
    for colour in (0, 1):
        (row,) = recommend(ask(DATA, [colour, colour + 2, colour])).tolist()
        assert {item % 2 for item in row} == {colour}
        assert not {colour, colour + 2} & set(row)


def test_item_knn_is_cosine_and_ease_its_closed_form() -> None:
    x = binary(DATA)
    gram = x.T @ x
    own = np.diag(gram)
    cosine = gram / np.sqrt(np.outer(own, own))
    np.fill_diagonal(cosine, 0)
    inverse = np.linalg.inv(gram + learnt_baselines.EASE_PENALTY * own.mean() * np.eye(ITEMS))
    ease = -inverse / np.diag(inverse)
    np.fill_diagonal(ease, 0)
    found = learnt_baselines.learnt_baselines(DATA, seen=EXCLUDE_NONE, seed=0)
    for name, weights in ((ITEM_KNN, cosine), (EASE, ease)):
        history = [0, 4, 6, 4]  # a repeat counts once
        expected = best(weights[[0, 4, 6]].sum(axis=0), [], 5)
        assert found[name](ask(DATA, history)).tolist() == [expected]


def test_a_half_step_of_als_is_the_exact_solution() -> None:
    draw = np.random.default_rng(3)
    items = draw.normal(size=(ITEMS, 8)).astype("f4")
    histories = [[0, 3, 5], [2], [], [1, 2, 3, 4, 5, 6]]
    starts = np.concatenate(([0], np.cumsum([len(h) for h in histories]))).astype("i8")
    flat = np.array([i for h in histories for i in h], "i4")
    factors = als.Factors(items, als.gram_of(items, 3.0))
    found = als.folded(starts, flat, factors)
    for history, x in zip(histories, found, strict=True):
        y = items.astype(float)
        weights = np.ones(ITEMS)
        weights[history] += als.CONFIDENCE
        wanted = np.zeros(ITEMS)
        wanted[history] = 1
        left = (y.T * weights) @ y + 3.0 * np.eye(8)
        np.testing.assert_allclose(x, np.linalg.solve(left, (y.T * weights) @ wanted), atol=1e-4)


def loss(x: np.ndarray, users: np.ndarray, items: np.ndarray) -> float:
    error = (1 + als.CONFIDENCE * x) * (x - users @ items.T) ** 2
    return float(
        error.sum() + als.penalty_of(sparse.csr_matrix(x)) * ((users**2).sum() + (items**2).sum())
    )


def test_more_sweeps_lower_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    x = binary(DATA)
    matrix = sparse.csr_matrix(x)
    found = []
    for sweeps in (1, 3, 12):
        monkeypatch.setattr(als, "SWEEPS", sweeps)
        factors = als.factorise(matrix, 0)
        users = als.folded(*als.parts(matrix), factors)
        found.append(loss(x, users, factors.items))
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.9 * found[0]


@pytest.fixture
def few_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learnt_baselines, "MOST_EVENTS", 100)


@pytest.mark.usefixtures("few_events")
def test_of_very_many_events_whole_users_are_drawn() -> None:
    part = learnt_baselines.drawn(DATA, 0)
    assert 40 <= len(part) <= 180
    lengths = np.bincount(part.user, minlength=DATA.n_users)
    assert set(lengths.tolist()) == {0, 5}
    np.testing.assert_array_equal(part.item, learnt_baselines.drawn(DATA, 0).item)


@pytest.mark.parametrize("name", [ITEM_KNN, EASE, ALS])
def test_strangers_get_what_is_popular_and_nobody_what_nobody_had(name: str) -> None:
    wider = replace(DATA, item_ids=[str(i) for i in range(ITEMS + 4)])
    recommend = learnt_baselines.learnt_baselines(wider, seen=EXCLUDE_NONE, seed=0)[name]
    counts = np.bincount(DATA.item, minlength=ITEMS)
    (stranger, known) = recommend(ask(wider, [], [0, 2], k=ITEMS + 4))
    assert (np.diff(counts[stranger[:ITEMS]]) <= 0).all()
    assert stranger[ITEMS:].tolist() == [-1] * 4
    assert known[ITEMS:].tolist() == [-1] * 4
