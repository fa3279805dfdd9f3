"""Estimated work: every family has one, and beyond the dense form it grows with the shop's size."""

import numpy as np
import pytest

from endcap.data.interactions import Interactions
from endcap.models.choosing import _FAMILIES
from endcap.models.costs import fit_seconds, pairs_of
from endcap.models.item_item import ALIKE, EASE, FAMILIES, REPEAT, SPECTRAL, WALK, Family, Room

ROOM = Room(memory_bytes=4 << 30, threads=1, keep=100, seed=0)


def shop(users: int, items: int, each: int = 20) -> Interactions:
    user = np.repeat(np.arange(users, dtype="i4"), each)
    item = (np.arange(len(user)) % items).astype("i4")
    names = [""] * max(users, items)
    ts = np.arange(len(user))
    return Interactions(user, item, np.zeros(len(user), "u1"), ts, names[:users], names[:items])


def first(name: str) -> Family:
    return _FAMILIES[name][0]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_a_cost_and_none_of_it_without_events(name: str) -> None:
    assert (fit_seconds(first(name), shop(100, 50), ROOM) > 0) == (name != REPEAT)
    assert fit_seconds(first(name), shop(0, 50), ROOM) == 0


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {REPEAT, SPECTRAL, ALIKE}))
def test_twice_the_shop_is_at_most_twice_the_work(name: str) -> None:
    small, large = shop(5000, 20_000), shop(10_000, 40_000)
    seconds = [fit_seconds(first(name), data, ROOM) for data in (small, large)]
    assert seconds[0] < seconds[1] < 2.1 * seconds[0]


def test_the_dense_form_costs_the_cube_of_the_items_while_it_is_used() -> None:
    seconds = [fit_seconds(first(EASE), shop(100, n), ROOM) for n in (4000, 8000, 16_000)]
    assert seconds[1] > 6 * seconds[0]
    assert seconds[2] < seconds[1]


def test_a_walk_of_one_step_costs_less() -> None:
    data = shop(1000, 5000)
    assert fit_seconds(Family(WALK), data, ROOM) < fit_seconds(Family(WALK, hops=0.5), data, ROOM)


def test_long_histories_are_counted_as_far_as_they_are_sampled() -> None:
    assert pairs_of(shop(3, 50, each=20)) == 3 * 400
    assert pairs_of(shop(1, 50, each=5000)) == 1000**2
