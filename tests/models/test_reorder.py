"""Learning to re-order: found where there is something to find, and consistent when it serves."""

from pathlib import Path

import numpy as np
import pytest

from endcap.data.interactions import Interactions, from_sequences
from endcap.domain.errors import Damaged
from endcap.models import training
from endcap.models.holdout import excluded, hold_out
from endcap.models.judging import Judge
from endcap.models.queries import LiveQuery, ModelQuery, batch
from endcap.models.recipe import Recipe
from endcap.models.reorder_training import SERVES, by_owner, learn

GROUPS, SIZE = 20, 6
ITEMS = GROUPS * SIZE
LINEAR = {
    "components": [
        {"name": "cooccurrence", "penalty": 1.0, "target_exponent": 0.5, "weight": 1.0,
         "reading": {"decay": 0.8}},
    ],
    "prior": {"half_life_days": None, "weight": 0.0},
    "seen_policy": "none",
    "seed": 3,
}  # fmt: skip


def turning(n: int, seed: int = 0) -> Interactions:
    """Sessions that end as no weighted sum can say: two or three items of a group, then the first
    of the group or the last, by whether the newest is even and, the other way round, how many."""
    draw = np.random.default_rng(seed)

    def session() -> list[int]:
        group, many = SIZE * int(draw.integers(GROUPS)), int(draw.integers(2, 4))
        begin = draw.choice(np.arange(1, SIZE - 1), many, replace=False).tolist()
        return [*(i + group for i in begin), group + (SIZE - 1) * ((begin[-1] + many) % 2)]

    return from_sequences([session() for _ in range(n)], ITEMS, ordered=True)


def ask(*rows: int) -> ModelQuery:
    return ModelQuery(
        np.array(rows, np.int32), np.zeros(len(rows), np.uint8), np.zeros(len(rows), "f4")
    )


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Co-occurrence, with the order of its head learnt on a tail of the sessions."""
    data = turning(3000)
    held = hold_out(data, 3000, 3)
    judge = Judge(held, excluded(held.queries, "none", data.event_types))
    found = learn(judge, training.refit(LINEAR, held.fitting, 1, 512), 3, lambda _: True)
    mixture = training.refit(LINEAR, data, 1, 512)
    mixture.reordering = found.reordering
    return Recipe(data.item_ids, mixture, {**LINEAR, "reordering": found.info})


def right_at_the_end(recipe: Recipe, sessions: Interactions) -> tuple[int, int]:
    """How many last items are answered first, re-ordered and linearly."""
    moved = linear = 0
    for session in np.split(sessions.item, sessions.starts()[1:-1]):
        query = ask(*session[:-1])
        moved += int(recipe.candidates(query, 1).rows[0] == session[-1])
        linear += int(recipe.mixture.linear_top(batch([query]), 1)[0][0, 0] == session[-1])
    return moved, linear


def test_it_serves_where_it_wins_on_queries_that_it_did_not_learn_from(recipe: Recipe) -> None:
    found = recipe.info["reordering"]
    assert found["status"] == SERVES
    assert found["gain"]["ndcg@20"][1] > 0
    moved, linear = right_at_the_end(recipe, turning(200, seed=9))
    assert linear < 100
    assert moved > linear + 20


def test_scores_and_candidates_agree_whatever_is_left_out(recipe: Recipe) -> None:
    query = ask(1, 3)
    everything = recipe.candidates(query, ITEMS)
    assert (np.diff(everything.scores) <= 0).all()
    np.testing.assert_array_equal(recipe.score(query, everything.rows), everything.scores)
    allowed = np.arange(ITEMS) % 3 > 0
    few = recipe.candidates(query, 10, allowed, np.array([4], np.int32))
    kept = allowed[everything.rows] & (everything.rows != 4)
    np.testing.assert_array_equal(few.rows, everything.rows[kept][:10])
    np.testing.assert_array_equal(recipe.score(query, few.rows), few.scores)
    twice = recipe.score(query, np.array([2, 2, 5, 2, -1], np.int32))
    assert twice[0] == twice[1] == twice[3]
    assert np.isnan(twice[4])


def test_many_at_once_and_live_histories_get_the_same_answers(recipe: Recipe) -> None:
    queries = [ask(1, 3), ask(), ask(7, 8, 6), ask(20)]
    rows, scores = recipe.candidates_many(batch(queries), 15)
    for at, query in enumerate(queries):
        alone = recipe.candidates(query, 15)
        np.testing.assert_array_equal(rows[at], alone.rows)
        np.testing.assert_array_equal(scores[at], alone.scores)
        live = recipe.live_candidates(
            LiveQuery(
                query.rows, query.types, np.zeros(len(query.rows), np.int64), 0,
                np.arange(ITEMS, dtype=np.int32), np.arange(256).astype(np.uint8), -1,
            ),
            15,
        )  # fmt: skip
        assert live is not None
        np.testing.assert_array_equal(live.rows, alone.rows)
        np.testing.assert_allclose(live.scores, alone.scores, rtol=1e-5)


def test_accounts_add_up_to_the_moved_score_and_related_items_stay_as_they_were(
    recipe: Recipe,
) -> None:
    query = ask(1, 3)
    moved = 0
    for row, score in zip(*recipe.candidates(query, 30), strict=True):
        prior, table = recipe.account(query, int(row))
        assert prior + table.sum() == pytest.approx(score, rel=1e-4, abs=1e-9)
        given = recipe.contributions(query, int(row))
        assert given.sum() + prior == pytest.approx(score, rel=1e-4, abs=1e-9)
        moved += not np.isclose(recipe.account(query, int(row), reordered=False)[1], table).all()
    assert moved
    linear = Recipe(recipe.item_ids, recipe.mixture, recipe.info)
    expected = linear.mixture.linear_top(
        batch([ask(4)]), 8, None, np.array([0, 1]), np.array([4], np.int32)
    )
    np.testing.assert_array_equal(recipe.related(4, 8).rows, expected[0][0])
    for row, score in zip(*recipe.related(4, 8), strict=True):
        prior, table = recipe.account(ask(4), int(row), reordered=False)
        assert prior + table.sum() == pytest.approx(score, rel=1e-5)


def test_it_is_saved_with_the_model_and_a_strange_one_is_refused(
    recipe: Recipe, tmp_path: Path
) -> None:
    recipe.save(tmp_path)
    opened = Recipe.load(tmp_path)
    for query in (ask(1, 3), ask(2), ask()):
        for a, b in zip(opened.candidates(query, 20), recipe.candidates(query, 20), strict=True):
            np.testing.assert_array_equal(a, b)
    np.save(tmp_path / "reordering" / "traits.npy", np.zeros((7, 5), np.float32))
    with pytest.raises(Damaged):
        Recipe.load(tmp_path)


def test_it_is_learnt_anew_for_other_events(recipe: Recipe) -> None:
    again = recipe.refitted(turning(2000, seed=4))
    assert again.mixture.reordering is not None
    assert recipe.mixture.reordering is not None
    assert not np.array_equal(again.mixture.reordering.traits, recipe.mixture.reordering.traits)
    moved, linear = right_at_the_end(again, turning(100, seed=8))
    assert moved > linear + 10
    linear = training.refit(recipe.info, turning(500), 1, 512, reorder=False)
    assert linear.reordering is None


def test_it_is_left_out_where_nothing_is_to_be_won() -> None:
    draw = np.random.default_rng(0)
    noise = from_sequences(draw.integers(0, 60, (4000, 3)).tolist(), 60, ordered=True)
    held = hold_out(noise, 3000, 0)
    judge = Judge(held, excluded(held.queries, "none", noise.event_types))
    mixture = training.refit(LINEAR, held.fitting, 1, 512)
    found = learn(judge, mixture, 0, lambda _: True)
    assert (found.info["status"], found.reordering) == ("left out", None)
    poor = learn(judge, mixture, 0, lambda seconds: seconds < 0)
    assert poor.info == {"status": "left out", "reason": "the budget was spent"}


@pytest.mark.server
def test_the_default_recipe_finds_out_by_itself() -> None:
    first, again = (Recipe.fit(turning(3000), seed=1, budget_s=60.0) for _ in range(2))
    assert first.info["reordering"]["status"] == SERVES
    assert first.info == again.info
    for a, b in zip(first.candidates(ask(1, 3), 20), again.candidates(ask(1, 3), 20), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_the_history_does_not_reach_keeps_its_score(recipe: Recipe) -> None:
    own = np.arange(SIZE, dtype=np.int32)
    for rows in (np.arange(ITEMS, dtype=np.int32), np.arange(SIZE, ITEMS, dtype=np.int32)):
        asked = np.array([0, len(rows)], np.int64)
        linear = recipe.mixture.linear_scores(batch([ask(1, 3)]), asked, rows)
        kept = recipe.score(ask(1, 3), rows) == linear
        assert kept[~np.isin(rows, own)].all()
        assert not kept[np.isin(rows, own)].any()


def test_queries_of_one_owner_count_as_one_witness() -> None:
    values = by_owner(np.array([1.0, 1.0, 0.0, 4.0]), np.array([3, 3, 3, 8]))
    assert values.tolist() == [1.0, 2.0]
    assert values.mean() == 1.5
