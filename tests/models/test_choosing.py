"""The search of settings: what it tries, and that shared work changes no result."""

import msgspec
import numpy as np

from endcap.data.interactions import Interactions, from_sequences
from endcap.models import item_item, training
from endcap.models.choosing import RANKS, Budget, Chooser, nearest_values
from endcap.models.holdout import excluded, hold_out
from endcap.models.item_item import EASE, Family, Room
from endcap.models.judging import Judge
from endcap.models.mixture import Reading
from endcap.models.recipe import Recipe

ROOM = Room(memory_bytes=1 << 30, threads=1, keep=99, seed=0)


def tastes(seed: int = 0) -> Interactions:
    """Three groups of users, each with twelve items of their own; in no order."""
    draw = np.random.default_rng(seed)
    return from_sequences(
        [(draw.choice(12, 6, replace=False) + 12 * (u % 3)).tolist() for u in range(150)],
        36,
        ordered=False,
    )


def chooser(budget: float | None = None) -> Chooser:
    data = tastes()
    held = hold_out(data, 100, 0)
    judge = Judge(held, excluded(held.queries, "exclude_seen", data.event_types))
    return Chooser(judge, ROOM, Budget(budget))


def test_second_look_tries_the_neighbours_of_the_best_value() -> None:
    assert nearest_values((0.3, 1.0, 2.0, 6.0), 2.0) == [1.0, 6.0]
    assert nearest_values((0.3, 1.0, 2.0, 6.0), 4.0) == [2.0, 6.0]
    assert nearest_values((0.3, 1.0), 0.3) == [1.0]
    assert nearest_values((0.3, 1.0), 5.0) == [1.0]
    assert nearest_values(((1.0, 2.0), ()), ()) == ((1.0, 2.0), ())


def test_one_gram_matrix_serves_all_penalties() -> None:
    tried = chooser()
    data = tried.judge.held.fitting
    found = tried.choose(EASE, lambda stage: None)
    assert found is not None
    trial, fitted = found
    alone = item_item.fit(trial.family, data, ROOM)
    np.testing.assert_array_equal(fitted.columns, alone.columns)
    np.testing.assert_array_equal(fitted.weights, alone.weights)
    assert {t.family.penalty_exponent for t in tried.trials} > {0.0, 0.5, 1.0}
    assert trial.quality.worth == max(t.quality.worth for t in tried.trials)


def test_every_rank_goes_to_the_blend_as_it_would_be_fitted() -> None:
    tried = chooser()
    found = tried.choose_ranks(lambda stage: None)
    assert [trial.family.rank for trial, _ in found] == list(RANKS)
    for trial, fitted in found:
        alone = item_item.fit(trial.family, tried.judge.held.fitting, ROOM)
        np.testing.assert_array_equal(fitted.columns, alone.columns)
        np.testing.assert_array_equal(fitted.weights, alone.weights)


def test_ranks_are_left_out_where_the_budget_has_no_room() -> None:
    assert chooser(budget=0.0).choose_ranks(lambda stage: None) == []


def test_what_was_chosen_before_a_setting_existed_is_fitted_as_then() -> None:
    data = tastes()
    part = {
        **msgspec.to_builtins(Family(EASE, penalty=2.0)),
        "weight": 1.0,
        "reading": msgspec.to_builtins(Reading()),
    }
    older = {k: v for k, v in part.items() if k not in ("penalty_exponent", "rank")}
    prior = {"half_life_days": None, "weight": 0.0}
    fitted = [
        training.refit({"components": [p], "prior": prior, "seed": 0}, data, 1, 1024)
        for p in (part, older)
    ]
    np.testing.assert_array_equal(fitted[0].stack.weights, fitted[1].stack.weights)
    narrow = training.refit({"components": [part], "prior": prior, "seed": 0}, data, 1, 1024, 3)
    assert np.diff(narrow.stack.starts).max() == 3


def test_tastes_are_told_apart() -> None:
    recipe = Recipe.fit(tastes())
    assert {entry["name"] for entry in recipe.info["search"]} >= {"ease", "spectral"}
    assert recipe.info["held_out"]["recall@20"] > 0.95


def test_a_family_is_not_left_out_for_want_of_its_share() -> None:
    whole = Budget(10.0)
    share = whole.part(5)
    assert not share.spend(4.0)
    assert share.spend(4.0, first=True)
    assert (whole.left, share.left) == (6.0, -2.0)
    assert not share.spend(0.1)
    assert not whole.part(1).spend(6.5, first=True)
