"""Resemblance learnt from events: which fields matter is the shop's own, not ours."""

import numpy as np
import pytest

from endcap.data.interactions import Interactions, described
from endcap.domain.arrays import Float32s
from endcap.domain.values import Attributes
from endcap.models import likeness, pairs
from endcap.models.item_item import ALIKE, Family, Room, fit
from endcap.models.recipe import Recipe
from endcap.models.traits import WIDTHS, Traits, compare, read_traits

ITEMS, USERS, EVENTS = 120, 150, 16
DAY_US = 86_400_000_000


def catalogue() -> list[Attributes]:
    return [
        {"shelf": f"s{row % 6}", "colour": f"c{row // 6 % 5}", "price": 1.0 + row // 6}
        for row in range(ITEMS)
    ]


def shop(by: str = "shelf", seed: int = 0) -> Interactions:
    """Everybody keeps to two values of the field ``by``."""
    draw = np.random.default_rng(seed)
    values = np.array([attributes[by] for attributes in catalogue()])
    names = np.unique(values)
    items = [
        draw.choice(np.flatnonzero(np.isin(values, draw.choice(names, 2, replace=False))), EVENTS)
        for _ in range(USERS)
    ]
    ts = np.sort(draw.integers(0, 60 * DAY_US, (USERS, EVENTS)), axis=1)
    return Interactions(
        user=np.repeat(np.arange(USERS, dtype=np.int32), EVENTS),
        item=np.concatenate(items).astype(np.int32),
        type=np.zeros(USERS * EVENTS, np.uint8),
        ts=ts.ravel().astype(np.int64),
        user_ids=[f"u{user}" for user in range(USERS)],
        item_ids=[f"i{item}" for item in range(ITEMS)],
    )


def learnt(by: str) -> tuple[Traits, likeness.Likeness]:
    traits = read_traits(catalogue())
    counts = pairs.gram(pairs.user_items(shop(by), 0.0), 1000, 0, 10**7)
    return traits, likeness.learn(traits, counts, 0)


@pytest.mark.parametrize("by", ["shelf", "colour"])
def test_the_field_that_shoppers_keep_to_is_what_makes_products_alike(by: str) -> None:
    traits, found = learnt(by)
    fields = ["shelf", "colour"]  # those with most values come first
    same = {
        name: float(found.of(traits, np.array([0]), np.array([other]), np.zeros(1, np.float32))[0])
        for name, other in (("shelf", 66), ("colour", 31))
    }
    assert same[by] > 5 * same[fields[1 - fields.index(by)]]


def test_pairs_are_compared_by_group_and_by_place_in_it() -> None:
    traits = read_traits(catalogue())
    assert traits.groups.shape == (2, ITEMS)
    assert traits.ranks.shape == (1, 3, ITEMS)
    a, b = np.array([0, 0]), np.array([6, 1])  # the same shelf one step dearer; another shelf
    features = compare(traits, a, b, np.array([0.5, 0.25], np.float32))
    assert features.shape == (2, traits.features)
    assert features[:, 0].tolist() == [0.5, 0.25]
    assert features[:, 1].tolist() == [1, 0]
    near = np.exp(-0.5 * (1 / 20 / np.array(WIDTHS)) ** 2)  # 20 items of a shelf
    inside = slice(3 + len(WIDTHS), 3 + 2 * len(WIDTHS))
    np.testing.assert_allclose(features[0, inside], near, rtol=1e-5)
    assert not features[1, inside].any()


def test_what_lacks_attributes_is_like_nothing() -> None:
    traits = read_traits([*catalogue(), {}, {}])
    found = compare(traits, np.array([ITEMS]), np.array([ITEMS + 1]), np.zeros(1, np.float32))
    assert not found.any()


def test_rows_are_shares_without_the_item_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    traits, found = learnt("shelf")
    weight: Float32s = np.arange(ITEMS, dtype=np.float32)  # the first has no user
    whole = likeness.neighbours_by(traits, found, weight, 50)
    rows = np.repeat(np.arange(ITEMS), np.diff(whole.starts))
    assert not (whole.columns == rows).any()
    assert not (whole.columns == 0).any()
    np.testing.assert_allclose(np.bincount(rows, whole.weights, ITEMS), 1, rtol=1e-5)
    monkeypatch.setattr(likeness, "ROWS", 7)
    monkeypatch.setattr(likeness, "BLOCK", 11)
    for one, other in zip(whole, likeness.neighbours_by(traits, found, weight, 50), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_products_with_words_alone_are_alike_by_words() -> None:
    words = ["red tea pot", "blue tea pot", "garden spade steel", "garden rake steel"] * 3
    traits = read_traits([{"name": f"{text} {row % 5}"} for row, text in enumerate(words)])
    assert not len(traits.groups)
    found = likeness.neighbours_by(
        traits, likeness.Likeness(np.ones(traits.features)), np.ones(12, np.float32), 3
    )
    best = found.columns[found.starts[2] : found.starts[3]]
    assert set(best % 4) <= {2, 3}


def test_the_search_tries_it_where_attributes_are_known_and_a_refit_is_the_same() -> None:
    data = shop()
    recipe = Recipe.fit(data, catalogue())
    assert ALIKE in {trial["name"] for trial in recipe.info["search"]}
    assert ALIKE not in {trial["name"] for trial in Recipe.fit(data).info["search"]}
    again = recipe.refitted(data, catalogue())
    np.testing.assert_array_equal(recipe.mixture.stack.weights, again.mixture.stack.weights)
    assert ALIKE in recipe.component_names


def test_without_attributes_it_says_nothing() -> None:
    room = Room(1 << 28, 1, 50, 0)
    assert fit(Family(ALIKE, target_exponent=1.0), shop(), room).starts[-1] == 0
    told = described(shop(), catalogue())
    assert fit(Family(ALIKE, target_exponent=1.0), told, room).starts[-1] > 0
    assert described(shop(), [{}] * ITEMS).catalogue is None
