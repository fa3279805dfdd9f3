"""What newcomers want: learnt where attributes say something, left out where they do not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.data.interactions import Interactions
from endcap.domain.errors import Damaged
from endcap.domain.values import Attributes
from endcap.models.newcomer_asking import Asked
from endcap.models.newcomer_counts import MOST_PEOPLE, People, Table, moments_of, people_rows
from endcap.models.newcomer_fields import LEAST_HOLDERS, Field, learn_fields
from endcap.models.newcomer_training import KEPT, LEFT_OUT, SKIPPED, fit_newcomers, weigh_fields
from endcap.models.newcomers import Newcomers

HOUR = 3_600_000_000
ITEMS = 60


def shop(matters: bool, users: int = 600, seed: int = 0) -> tuple[Interactions, People]:
    """Shoppers of the north and the south, who where it matters take mostly different halves."""
    draw = np.random.default_rng(seed)
    south = draw.integers(0, 2, users)
    popular = 1 / (np.arange(ITEMS // 2) + 3.0)
    taken = []
    for user in range(users):
        half = south[user] if matters and draw.random() < 0.8 else draw.integers(0, 2)
        first = draw.choice(ITEMS // 2, 6, replace=False, p=popular / popular.sum())
        taken.append(first * 2 + half)
    known: list[Attributes] = [
        {"region": ("north", "south")[south[user]], "coin": bool(draw.integers(0, 2)),
         "name": f"person {user}", "created": user}
        for user in range(users)
    ]  # fmt: skip
    begin = draw.integers(0, 90 * 24, users) * HOUR
    data = Interactions(
        user=np.repeat(np.arange(users, dtype=np.int32), 6),
        item=np.concatenate(taken).astype(np.int32),
        type=np.zeros(users * 6, np.uint8),
        ts=(begin[:, None] + np.arange(6) * 1_000_000).ravel(),
        user_ids=[f"u{user}" for user in range(users)],
        item_ids=[f"i{item}" for item in range(ITEMS)],
    )
    return data, People(np.arange(users), known)


def fit(data: Interactions, people: People) -> tuple[Newcomers | None, dict[str, Any]]:
    return fit_newcomers(data, people, half_life_days=14.0, seed=0)


Learnt = tuple[Newcomers, dict[str, Any]]


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    found, told = fit(*shop(matters=True))
    assert found is not None
    return found, told


def test_what_matters_is_kept_and_what_does_not_weighs_nothing(learnt: Learnt) -> None:
    found, told = learnt
    assert told["status"] == KEPT
    assert told["low"] > 0
    assert told["ndcg@20"] > told["popularity_ndcg@20"]
    assert told["fields"]["region"]["weight"] > 10 * told["fields"]["coin"]["weight"]
    north, south = (found.lift(found.told({"region": name}, 0)) for name in ("north", "south"))
    even = found.pool % 2 == 0
    assert north[even].mean() > 0 > north[~even].mean()
    assert south[~even].mean() > 0 > south[even].mean()


def test_the_map_holds_nobody_and_no_text_of_anybody(learnt: Learnt) -> None:
    found, told = learnt
    assert set(told["fields"]) == {"region", "coin", "hour", "weekday"}
    assert all("person" not in value for field in found.fields for value in field.values)


def test_attributes_that_say_nothing_are_left_out() -> None:
    found, told = fit(*shop(matters=False))
    assert (found, told["status"]) == (None, LEFT_OUT)
    assert told["low"] <= 0


def test_too_few_shoppers_and_no_events_are_skipped() -> None:
    data, people = shop(matters=True, users=60)
    assert fit(data, people)[1]["status"] == SKIPPED
    empty = data.where(np.zeros(len(data), np.bool_))
    assert fit(empty, People(np.zeros(0, np.int64), []))[1]["status"] == SKIPPED


def test_the_same_data_and_seed_give_the_same_map(learnt: Learnt) -> None:
    again, told = fit(*shop(matters=True))
    assert again is not None
    assert np.array_equal(learnt[0].lifts, again.lifts)
    assert told == learnt[1]


def test_a_shopper_is_asked_about_with_what_was_known_before_they_came() -> None:
    data, people = shop(matters=True)
    moments = moments_of(data, people)
    assert np.array_equal(moments.before.reshape(-1, 6), np.tile(np.arange(6), (600, 1)))
    twice = data.where(np.arange(len(data)) < 12)
    again = Interactions(
        np.repeat(twice.user, 2), np.repeat(twice.item, 2), np.repeat(twice.type, 2),
        np.repeat(twice.ts, 2), twice.user_ids, twice.item_ids,
    )  # fmt: skip
    found = moments_of(again, People(people.rows[:2], people.known[:2]))
    assert found.before.tolist() == [0, 2, 4, 6, 8, 10] * 2


def test_lifts_are_shrunk_counts_against_chance() -> None:
    code = np.array([0, 0, 0, 1, 1, -1], np.int32)
    place = np.array([0, 0, 1, 1, -1, 0])  # the fifth took what is not in the pool
    table = Table.of(2, 2, code, place)
    assert table.taken.tolist() == [[2, 1], [0, 1]]
    assert table.expected.tolist() == [[3 / 5 * 2, 3 / 5 * 2], [2 / 5 * 2, 2 / 5 * 2]]
    assert table.lifts(10.0)[0, 0] == pytest.approx(np.log(12 / 11.2))


def test_counts_by_chance_alone_are_shrunk_to_nothing() -> None:
    draw = np.random.default_rng(3)
    expected = np.full((4, 500), 20.0)
    chance = Table(draw.poisson(expected).astype(float), expected)
    real = Table(draw.poisson(expected * draw.gamma(5, 1 / 5, (4, 500))).astype(float), expected)
    assert chance.shape() >= 500
    assert 2 <= real.shape() <= 10


def test_weights_are_those_of_the_greatest_likelihood() -> None:
    draw = np.random.default_rng(4)
    lifts = np.append(draw.normal(size=(8, 40)), np.zeros((1, 40)), axis=0).astype(np.float32)
    rows = np.stack((draw.integers(0, 4, 1500), draw.integers(4, 8, 1500)), axis=1)
    base = np.tile(draw.normal(size=40).astype(np.float32), (1500, 1))
    scores = base + 2 * lifts[rows[:, 0]]  # the second field plays no part
    taken = np.argmax(scores + draw.gumbel(size=scores.shape), axis=1)
    wanted = np.eye(40, dtype=np.float32)[taken]
    weights = weigh_fields([Asked(base, rows, wanted, np.ones(1500, np.int64), lifts)])
    assert weights[0] == pytest.approx(2, abs=0.25)
    assert weights[1] < 0.1


def test_values_that_few_share_are_none() -> None:
    people: list[dict[str, Any]] = [{"city": "a" if n % 2 else "b"} for n in range(60)]
    people += [{"city": "tiny"}] * (LEAST_HOLDERS - 1)
    (field,) = learn_fields(people, timed=False)
    assert sorted(field.values) == ["a", "b"]
    assert field.code({"city": "tiny"}, 0) == field.code({}, 0) == -1
    assert field.values[field.code({"city": ["b", "a"]}, 0)] == "b"


def test_numbers_become_ranges_of_as_many_shoppers() -> None:
    people: list[dict[str, Any]] = [{"age": 10 + n % 80} for n in range(800)]
    (field,) = learn_fields(people, timed=False)
    codes = [field.code(told, 0) for told in people]
    assert np.bincount(codes).min() >= 90
    assert len(field.values) == len(field.edges) + 1 == 8
    assert field.values[field.code({"age": 11}, 0)].startswith("below")
    assert field.code({"age": "unknown"}, 0) == -1


@given(st.integers(-(10**17), 10**17))
def test_the_hour_and_the_day_are_those_of_the_calendar(at: int) -> None:
    hour, weekday = (Field(name, tuple("abcdefg"), clock=True) for name in ("hour", "weekday"))
    moment = np.datetime64(at, "us")
    of_day = int((moment - moment.astype("datetime64[D]")) // np.timedelta64(4, "h"))
    day = moment.astype("datetime64[D]").item().weekday() if abs(at) < 6e16 else None
    assert hour.code({}, at) == of_day
    assert day is None or weekday.code({}, at) == day


def test_a_large_shop_is_learnt_from_in_part() -> None:
    users = MOST_PEOPLE + 100_000
    data = Interactions(
        user=np.arange(users, dtype=np.int32), item=np.zeros(users, np.int32),
        type=np.zeros(users, np.uint8), ts=np.zeros(users, np.int64),
        user_ids=range(users), item_ids=["one"],  # type: ignore[arg-type]
    )  # fmt: skip
    rows = people_rows(data, seed=0)
    assert len(rows) == MOST_PEOPLE
    assert (np.diff(rows) > 0).all()


def test_a_saved_map_says_the_same(tmp_path: Path, learnt: Learnt) -> None:
    found, _ = learnt
    found.save(tmp_path)
    again = Newcomers.load(tmp_path, ITEMS)
    told = again.told({"region": "south"}, 7 * HOUR)
    assert told == found.told({"region": "south"}, 7 * HOUR)
    assert np.array_equal(again.lift(told), found.lift(told))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("pool", np.array([0, 0, 1], np.int32)),
        ("pool", np.array([0, 1, 99], np.int32)),
        ("pool", np.array([0, 1], np.int32)),
        ("lifts", np.full((2, 3), np.nan, np.float32)),
        ("lifts", np.zeros((3, 3), np.float32)),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(
    tmp_path: Path, name: str, array: np.ndarray
) -> None:
    field = Field("region", ("north", "south"))
    Newcomers([field], np.arange(3, dtype=np.int32), np.ones((2, 3), "f4"), {}).save(tmp_path)
    assert len(Newcomers.load(tmp_path, 3).pool) == 3
    np.save(tmp_path / f"{name}.npy", array)
    with pytest.raises(Damaged) as refused:
        Newcomers.load(tmp_path, 3)
    assert refused.value.code == "newcomers_unreadable"
