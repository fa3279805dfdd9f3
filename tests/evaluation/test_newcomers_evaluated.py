"""Shoppers without a history in an evaluation: their lists, and what is said of them."""

import numpy as np
import pytest

from endcap.data.interactions import Interactions
from endcap.domain.values import EXCLUDE_NONE, Attributes
from endcap.evaluation.newcomers import Arrivals, newcomer_recommender
from endcap.evaluation.protocols import UserBatch, temporal_split
from endcap.evaluation.recommenders import recipe_recommender
from endcap.evaluation.report import Report, render_report
from endcap.evaluation.tables import newcomers_sentence
from endcap.models.newcomer_fields import Field
from endcap.models.newcomers import Newcomers
from endcap.models.recipe import Recipe

DAY = 86_400_000_000
POOL = np.array([1, 2, 3], np.int32)
MAP = Newcomers(
    [Field("side", ("left", "right"))], POOL, np.array([[9, 0, 0], [0, 0, 9]], np.float32), {}
)
KNOWN: dict[int, Attributes] = {30: {"side": "left"}, 31: {"side": "right"}, 32: {}}
INFO = {
    "status": "kept", "shoppers": 1200, "recall@20": 0.2, "popularity_recall@20": 0.1,
    "ndcg@20": 0.3, "popularity_ndcg@20": 0.25, "difference": 0.05, "low": 0.01, "high": 0.09,
    "recall_difference": 0.1, "recall_low": 0.05, "recall_high": 0.15,
    "fields": {"side": {"weight": 1.5, "shrinkage": 20.0, "values": 2},
               "coin": {"weight": 0.0, "shrinkage": 1e4, "values": 2}},
}  # fmt: skip


def shop() -> Interactions:
    """30 shoppers take item 0 and, one in three, another; three more come on the last day."""
    user = np.repeat(np.arange(33, dtype=np.int32), 2)
    other = 1 + np.arange(33) % 5
    item = np.stack((np.zeros(33, np.int64), other), axis=1).ravel()
    ts = user.astype(np.int64) // 3 * DAY + np.tile([0, 1], 33)
    return Interactions(
        user, item.astype(np.int32), np.zeros(66, np.uint8), ts,
        [f"u{u:02d}" for u in range(33)], [f"i{i}" for i in range(6)],
    )  # fmt: skip


SPLIT = temporal_split(shop(), at=10 * DAY)


def batch_of(users: list[int], k: int = 3) -> UserBatch:
    none = np.zeros(0, np.int32)
    starts = np.zeros(len(users) + 1, np.int64)
    at = np.full(len(users), 10 * DAY)
    return UserBatch(np.array(users, "i4"), at, starts, none, none.astype("u1"), at[:0], k)


def test_lists_follow_what_is_known_of_each() -> None:
    recommend = newcomer_recommender(Arrivals(MAP, KNOWN.__getitem__), SPLIT.train, 14.0)
    lists = recommend(batch_of([30, 31, 32]))
    assert lists[0, :2].tolist() == [1, 0]  # what its side wants, then what is popular
    assert lists[1, :2].tolist() == [3, 0]
    assert lists[2].tolist() == [-1, -1, -1]


def test_those_without_a_history_get_them_and_nobody_else() -> None:
    recipe = Recipe.fit(SPLIT.train, None, budget_s=1.0)
    arrivals = Arrivals(MAP, KNOWN.__getitem__)
    plain, with_map = (
        recipe_recommender(recipe, SPLIT.train, EXCLUDE_NONE, arrivals=given)
        for given in (None, arrivals)
    )
    assert with_map(batch_of([30, 31]))[:, 0].tolist() == [1, 3]
    assert np.array_equal(with_map(batch_of([32])), plain(batch_of([32])))
    starts = SPLIT.train.starts()
    events = slice(starts[4], starts[5])
    warm = batch_of([4])._replace(
        starts=np.array([0, 2]), items=SPLIT.train.item[events],
        types=SPLIT.train.type[events], ts=SPLIT.train.ts[events],
    )  # fmt: skip
    assert np.array_equal(with_map(warm), plain(warm))


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (INFO, "are answered by side (1,200 shoppers withheld"),
        (INFO | {"status": "left out", "low": -0.01}, "attributes did not win (1,200"),
        ({"status": "skipped", "reason": "too few"}, "get what is popular: too few."),
    ],
)
def test_the_report_says_what_it_is_worth(info: dict[str, object], words: str) -> None:
    assert words in newcomers_sentence(info)
    page = render_report(Report("Training", 0, newcomers=info))
    assert words in page
    assert ("weight beside popularity" in page) == ("fields" in info)


def test_without_anything_found_out_nothing_is_said() -> None:
    assert newcomers_sentence({}) == ""
    assert "without a history" not in render_report(Report("Training", 0))
