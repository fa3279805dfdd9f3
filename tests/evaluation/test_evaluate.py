"""A checkerboard shop: half the users take even items only, half odd ones. What is right shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from endcap.data.interactions import Interactions
from endcap.domain.errors import InvalidInput
from endcap.domain.values import EXCLUDE_PURCHASED, EXCLUDE_SEEN
from endcap.evaluation.baselines import BASELINE_NAMES, baselines
from endcap.evaluation.estimates import Draws
from endcap.evaluation.evaluate import evaluate, rank_all
from endcap.evaluation.learnt_baselines import learnt_baselines
from endcap.evaluation.metrics import recall
from endcap.evaluation.protocols import Recommend, UserBatch, temporal_split
from endcap.evaluation.results import Evaluation, read_evaluation, write_evaluation
from endcap.evaluation.slices import standard_slices
from endcap.evaluation.truth import judge

USERS, ITEMS, EACH = 200, 40, 12
DRAWS = Draws(resamples=200)


def checkerboard() -> Interactions:
    """Each user takes 12 items of one colour in random order; the last 20 users come late."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(USERS, dtype=np.int32), EACH)
    item = np.concatenate(
        [2 * rng.permutation(ITEMS // 2)[:EACH] + user_row % 2 for user_row in range(USERS)]
    )
    ts = np.tile(np.arange(EACH, dtype=np.int64), USERS) * 1_000_000
    ts[user >= USERS - 20] += EACH * 1_000_000
    return Interactions(
        user=user,
        item=item.astype(np.int32),
        type=np.where(np.arange(len(user)) % 3 == 0, 2, 0).astype(np.uint8),
        ts=ts,
        user_ids=[f"u{i}" for i in range(USERS)],
        item_ids=[f"i{i}" for i in range(ITEMS)],
    )


def same_colour(batch: UserBatch) -> np.ndarray:
    """The first items of the colour of the newest event that the user has not had."""
    lists = np.full((len(batch.users), batch.k), -1, np.int32)
    for b in range(len(batch.users)):
        known = batch.items[batch.history(b)]
        if len(known):
            fresh = [i for i in range(known[-1] % 2, ITEMS, 2) if i not in known][: batch.k]
            lists[b, : len(fresh)] = fresh
    return lists


SPLIT = temporal_split(checkerboard(), at=8_000_000)
CATALOGUE = [{"department": "even" if i % 2 == 0 else "odd"} for i in range(ITEMS)]


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(
        {"colour": same_colour},
        SPLIT,
        12,
        seen=EXCLUDE_SEEN,
        catalogue=CATALOGUE,
        draws=DRAWS,
    )


def test_the_better_recommender_is_seen_to_be_better(found: Evaluation) -> None:
    assert [row.recommender for row in found.rows] == ["colour", *BASELINE_NAMES]
    change = found.row("colour").differences["recall"]
    assert change.verdict == "better"
    assert change.p_value == pytest.approx(1 / 201)
    assert found.row("random").differences["recall"].verdict == "same"
    # 12 of the 12 unseen items of the colour stand in the list: warm users get all of theirs
    warm = next(part for part in found.slices if part.name == "warm")
    assert warm.figures["colour"]["recall"].mean == 1.0
    assert warm.users == 180


def test_random_has_the_recall_of_chance(found: Evaluation) -> None:
    warm = next(part for part in found.slices if part.name == "warm")
    figure = warm.figures["random"]["recall"]
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low < 12 / 32 < figure.high  # 12 of the 32 items not seen


def test_means_lie_in_their_intervals_and_differences_add_up(found: Evaluation) -> None:
    for row in found.rows:
        for name, figure in row.figures.items():
            if figure.low is not None:
                assert figure.low <= figure.mean <= figure.high, (row.recommender, name)
        for name, change in row.differences.items():
            reference = found.row("popularity").figures[name].mean
            if name not in ("novelty", "diversity"):  # there users without a list are left out
                assert change.mean == pytest.approx(row.figures[name].mean - reference)
    assert found.row("popularity").differences == {}


def test_counts_describe_the_split(found: Evaluation) -> None:
    assert (found.users, found.cold_users, found.items) == (200, 20, 40)
    assert found.train_events == 180 * 8
    assert found.test_events == 180 * 4 + 20 * 12 == found.truth_items
    assert found.demand_curve[0] == 0.0
    assert found.demand_curve[-1] == 1.0
    assert found.headline("colour", ["recall", "nonsense"]).keys() == {"recall@12"}


def test_slices_cover_users_and_items(found: Evaluation) -> None:
    families = {part.family for part in found.slices}
    assert families == {"history", "activity", "item popularity", "department"}
    departments = [part for part in found.slices if part.family == "department"]
    assert sum(part.users for part in departments) == 200  # each user takes of one colour
    assert {part.family for part in found.slices} == families


def test_in_a_slice_of_items_only_those_count(found: Evaluation) -> None:
    popular = baselines(SPLIT.train, seen=EXCLUDE_SEEN, seed=0)["popularity"]
    lists = rank_all("popularity", popular, SPLIT, 12, 64)
    for part in standard_slices(SPLIT):
        if part.items is not None:
            expected = np.nanmean(recall(judge(lists, SPLIT.truth.only(part.items))))
            row = next(r for r in found.slices if (r.family, r.name) == (part.family, part.name))
            assert row.figures["popularity"]["recall"].mean == pytest.approx(expected)


def test_a_repeat_in_a_list_is_taken_out() -> None:
    def repeating(batch: UserBatch) -> np.ndarray:
        return np.tile(np.array([3, 3, 4], np.int32), (len(batch.users), 1))

    assert (rank_all("mine", repeating, SPLIT, 3, 64) == [3, -1, 4]).all()


def test_diversity_is_none_inside_one_colour(found: Evaluation) -> None:
    assert found.row("colour").figures["diversity"].mean == 0.0
    assert found.row("random").figures["diversity"].mean == pytest.approx(0.51, abs=0.05)


def test_an_evaluation_goes_to_json_and_back(found: Evaluation, tmp_path: Path) -> None:
    write_evaluation(found, tmp_path / "evaluation.json")
    assert read_evaluation(tmp_path / "evaluation.json") == found


def test_the_same_seed_gives_the_same_evaluation_in_any_batch_size(found: Evaluation) -> None:
    again = evaluate(
        {"colour": same_colour},
        SPLIT,
        12,
        seen=EXCLUDE_SEEN,
        catalogue=CATALOGUE,
        draws=DRAWS,
        batch=7,
    )
    assert again == found


@pytest.mark.parametrize("seen", [EXCLUDE_SEEN, EXCLUDE_PURCHASED, "none"])
@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_baselines_keep_to_the_seen_policy(seen: str, name: str) -> None:
    own = baselines(SPLIT.train, seen=seen, seed=0)
    own |= learnt_baselines(SPLIT.train, seen=seen, seed=0)
    recommend = own[name]
    for batch in SPLIT.batches(k=36, size=64):
        lists = recommend(batch)
        for b in range(len(batch.users)):
            own = batch.history(b)
            items, types = batch.items[own], batch.types[own]
            out = {EXCLUDE_SEEN: items, EXCLUDE_PURCHASED: items[types == 2], "none": items[:0]}
            given = lists[b][lists[b] >= 0]
            assert not set(out[seen].tolist()) & set(given.tolist())
            assert len(given) == len(set(given.tolist())) == min(36, ITEMS - len(out[seen]))


def test_popularity_and_recent_order_by_their_counts() -> None:
    shop = Interactions(
        user=np.zeros(6, np.int32),
        item=np.array([2, 2, 2, 1, 1, 0], np.int32),
        type=np.zeros(6, np.uint8),
        ts=np.array([0, 0, 0, 30, 30, 30], np.int64) * 86_400_000_000,
        user_ids=["u"],
        item_ids=["a", "b", "c", "d"],
    )
    batch = UserBatch(
        users=np.zeros(1, np.int32),
        at=np.zeros(1, np.int64),
        starts=np.zeros(2, np.int64),
        items=np.zeros(0, np.int32),
        types=np.zeros(0, np.uint8),
        ts=np.zeros(0, np.int64),
        k=5,
    )
    own = baselines(shop, seen="none", seed=0)
    assert own["popularity"](batch).tolist() == [[2, 1, 0, 3, -1]]
    assert own["recent"](batch).tolist() == [[1, 0, 2, 3, -1]]


def test_random_gives_every_item_to_as_many() -> None:
    lists = np.concatenate(
        [baselines(SPLIT.train, seen="none", seed=3)["random"](b) for b in SPLIT.batches(4, 50)]
    )
    counts = np.bincount(lists.ravel(), minlength=ITEMS)
    assert counts.sum() == 800
    assert counts.min() > 5
    assert counts.max() < 45


def test_a_given_recommender_takes_the_place_of_a_baseline() -> None:
    own = baselines(SPLIT.train, seen="none", seed=0)["random"]
    rows = evaluate({"popularity": own}, SPLIT, 5, draws=DRAWS, slices=[]).rows
    same = {row.recommender: row.figures["recall"] for row in rows}
    assert same["popularity"] == same["random"]


def wrong_shape(batch: UserBatch) -> np.ndarray:
    return np.zeros((len(batch.users), batch.k + 1), np.int32)


def wrong_rows(batch: UserBatch) -> np.ndarray:
    return np.full((len(batch.users), batch.k), ITEMS, np.int32)


@pytest.mark.parametrize(
    ("recommend", "code", "value"),
    [(wrong_shape, "bad_lists", (200, 6)), (wrong_rows, "bad_rows", ITEMS)],
)
def test_a_recommender_that_breaks_the_contract_is_named(
    recommend: Recommend, code: str, value: object
) -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate({"mine": recommend}, SPLIT, 5, draws=DRAWS)
    assert (caught.value.code, caught.value.field, caught.value.value) == (code, "mine", value)


def test_a_catalogue_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate({}, SPLIT, 5, catalogue=CATALOGUE[1:])
    assert (caught.value.code, caught.value.field) == ("length_of_catalogue", "catalogue")


def test_standard_slices_part_the_users() -> None:
    parts = standard_slices(SPLIT)
    by_family = {name: [p for p in parts if p.family == name] for name in ("history", "activity")}
    assert sum(p.users.sum() for p in by_family["history"]) == 200
    assert sum(p.users.sum() for p in by_family["activity"]) == 180  # warm ones
    items = np.array([p.items for p in parts if p.family == "item popularity"])
    assert (items.sum(axis=0) == 1).all()
