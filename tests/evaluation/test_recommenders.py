"""A trained recipe in evaluation: as good as it should be on a shop whose answer is visible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.data.interactions import Interactions
from endcap.domain.values import EXCLUDE_NONE, EXCLUDE_PURCHASED, EXCLUDE_SEEN
from endcap.evaluation.estimates import Draws
from endcap.evaluation.evaluate import evaluate
from endcap.evaluation.protocols import temporal_split
from endcap.evaluation.recommenders import Reading, filled, match_ids, recipe_recommender
from endcap.models.recipe import ModelQuery, Recipe

USERS, ITEMS, EACH, HOUR = 300, 40, 12, 3_600_000_000


def checkerboard() -> Interactions:
    """Each user takes items of one colour in random order; the last 30 users come late."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(USERS, dtype=np.int32), EACH)
    item = np.concatenate([2 * rng.permutation(ITEMS // 2)[:EACH] + u % 2 for u in range(USERS)])
    ts = np.tile(np.arange(EACH, dtype=np.int64), USERS) * HOUR
    ts[user >= USERS - 30] += EACH * HOUR
    return Interactions(
        user=user,
        item=item.astype(np.int32),
        type=np.where(np.arange(len(user)) % 3 == 0, 2, 0).astype(np.uint8),
        ts=ts,
        user_ids=[f"u{i}" for i in range(USERS)],
        item_ids=[f"i{i}" for i in range(ITEMS)],
    )


SPLIT = temporal_split(checkerboard(), at=8 * HOUR)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.fit(
        SPLIT.train, None, seed=0, threads=1, budget_s=5.0, progress=lambda stage, share: None
    )


def test_the_recipe_beats_popularity_on_the_checkerboard(recipe: Recipe) -> None:
    mine = recipe_recommender(recipe, SPLIT.train, EXCLUDE_SEEN)
    found = evaluate({"mine": mine}, SPLIT, 12, seen=EXCLUDE_SEEN, draws=Draws(resamples=200))
    assert found.row("mine").differences["recall"].verdict == "better"
    warm = next(part for part in found.slices if part.name == "warm")
    assert warm.figures["mine"]["recall"].mean > 0.9  # all unseen items of the colour fit


@pytest.mark.parametrize("seen", [EXCLUDE_SEEN, EXCLUDE_PURCHASED, EXCLUDE_NONE])
def test_lists_are_full_distinct_and_keep_to_the_seen_policy(recipe: Recipe, seen: str) -> None:
    recommend = recipe_recommender(recipe, SPLIT.train, seen)
    for batch in SPLIT.batches(k=35, size=128):
        lists = recommend(batch)
        for b in range(len(batch.users)):
            own = batch.history(b)
            items, types = batch.items[own], batch.types[own]
            out = {EXCLUDE_SEEN: items, EXCLUDE_PURCHASED: items[types == 2]}.get(seen, items[:0])
            given_rows = lists[b][lists[b] >= 0].tolist()
            assert not set(out.tolist()) & set(given_rows)
            assert len(given_rows) == len(set(given_rows)) == min(35, ITEMS - len(out))


def test_a_batch_answers_as_single_queries_do(recipe: Recipe) -> None:
    recommend = recipe_recommender(recipe, SPLIT.train, EXCLUDE_NONE)
    (batch,) = SPLIT.batches(k=5, size=1000)
    lists = recommend(batch)
    for b in (0, 1, 50):
        own = batch.history(b)
        ages = ((batch.at[b] - batch.ts[own]) / 1e6).astype(np.float32)
        alone = recipe.candidates(ModelQuery(batch.items[own], batch.types[own], ages), 5)
        assert lists[b].tolist() == alone.rows.tolist()


def test_cold_users_get_what_is_popular_lately(recipe: Recipe) -> None:
    recommend = recipe_recommender(recipe, SPLIT.train, EXCLUDE_SEEN)
    (batch,) = SPLIT.batches(k=5, size=1000)
    cold = np.diff(batch.starts) == 0
    lists = recommend(batch)
    assert cold.sum() == 30
    assert len({tuple(row) for row in lists[cold].tolist()}) == 1
    assert (lists[cold] >= 0).all()


def test_rows_follow_the_ids_and_not_their_places(recipe: Recipe) -> None:
    order = np.random.default_rng(1).permutation(ITEMS)
    place = np.argsort(order).astype(np.int32)  # old row → new row
    moved = replace(
        SPLIT.train,
        item=place[SPLIT.train.item],
        item_ids=[SPLIT.train.item_ids[i] for i in order],
    )
    here = replace(SPLIT, train=moved)
    (batch,), (other,) = SPLIT.batches(k=5, size=1000), here.batches(k=5, size=1000)
    warm = np.diff(batch.starts) > 0
    lists = recipe_recommender(recipe, SPLIT.train, EXCLUDE_NONE)(batch)
    found = recipe_recommender(recipe, moved, EXCLUDE_NONE)(other)
    assert (place[lists[warm]] == found[warm]).all()


def test_only_the_newest_events_are_read(recipe: Recipe) -> None:
    (batch,) = SPLIT.batches(k=5, size=1000)
    last = np.maximum(batch.starts[1:] - 1, batch.starts[:-1])
    short = recipe_recommender(recipe, SPLIT.train, EXCLUDE_NONE, Reading(history_events=1))(batch)
    event = slice(int(last[0]), int(last[0]) + 1)
    age = ((batch.at[0] - batch.ts[event]) / 1e6).astype(np.float32)
    alone = recipe.candidates(ModelQuery(batch.items[event], batch.types[event], age), 5)
    assert short[0].tolist() == alone.rows.tolist()


def test_ids_are_matched_both_ways() -> None:
    to_model, to_row = match_ids(["a", "b", "c"], ["c", "x", "a"])
    assert to_model.tolist() == [2, -1, 0]
    assert to_row.tolist() == [2, -1, 0]


@given(st.data())
def test_filling_keeps_the_list_and_adds_no_repeat(data: st.DataObject) -> None:
    item = st.integers(0, 9)
    mine = data.draw(st.lists(item, max_size=4, unique=True))
    more = data.draw(st.lists(item, min_size=4, max_size=4, unique=True))
    found = filled(
        np.array([[*mine, *[-1] * (4 - len(mine))]], np.int32), np.array([more], np.int32)
    )[0].tolist()
    assert found[: len(mine)] == mine
    assert len(set(found)) == 4
    assert -1 not in found
