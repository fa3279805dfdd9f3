"""A failing or slow stage gives a popular answer that says so, and leaves nothing behind."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from endcap.app.answers import answer
from endcap.app.compaction import settle
from endcap.app.explanations import explained
from endcap.domain.errors import Damaged, NotFound
from endcap.domain.values import Query
from endcap.engine.guarding import Deadline
from endcap.engine.moment import Moment
from endcap.models.recipe import Recipe

SURFACES: dict[str, dict[str, Any]] = {
    "personal": {"user_id": "fan"},
    "related": {"item_id": "black-3"},
    "popular": {},
    "trending": {},
    "rerank": {"user_id": "fan", "item_ids": ("white-0", "black-0", "?")},
}


class Broken(Exception):
    """What a test raises inside a stage."""


def broken(*_: Any, **__: Any) -> Any:
    raise Broken


@pytest.fixture
def fan(board: Any) -> Any:
    board.post(("fan", "black-3", "view"), ("fan", "black-1", "purchase"))
    return board


def fallbacks(board: Any) -> dict[tuple[str, str], float]:
    counters = board.shop.telemetry.counters.items()
    named = {labels: n for (name, labels), n in counters if name == "fallbacks_total"}
    return {(dict(labels)["stage"], dict(labels)["reason"]): n for labels, n in named.items()}


# stage → what breaks in it, on the live shop
STAGES = {
    "observe": lambda now, patch: patch.setattr(now.state, "history", broken),
    "candidates": lambda now, patch: patch.setattr(Recipe, "live_candidates", broken),
    "cold": lambda now, patch: patch.setattr(now.cold, "pool", broken),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_failing_stage_gives_a_popular_answer_and_is_forgotten(
    fan: Any, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = fan.answer(user_id="fan")
    with monkeypatch.context() as patch:
        STAGES[stage](fan.shop.now, patch)
        told = fan.answer(user_id="fan")
    assert (told.strategy, told.fallback) == ("popular", f"{stage}:error")
    assert len(told.items) == 5
    assert fallbacks(fan) == {(stage, "error"): 1}
    again = fan.answer(user_id="fan")
    assert (again.items, again.strategy, again.fallback) == (sound.items, "personal", "")


def test_the_seen_policy_holds_in_a_fallback(fan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recipe, "live_candidates", broken)
    assert "black-1" not in fan.ids(user_id="fan", k=24, seen="exclude_purchased")
    assert "black-3" not in fan.ids("related", item_id="black-3", k=24)


@pytest.mark.parametrize("surface", SURFACES)
def test_no_surface_ever_raises(fan: Any, surface: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = fan.shop.now
    for owner, name in (
        (now.state, "history"), (Recipe, "candidates"), (Recipe, "live_candidates"),
        (Recipe, "score"), (Recipe, "related"),
        (now.state, "popular"), (now.state, "trending"), (now.state, "popularity"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, broken)
    told = fan.answer(surface, **SURFACES[surface])
    assert told.fallback
    assert told.strategy == "popular"
    monkeypatch.setattr(Moment, "newest", broken)
    assert fan.answer(surface, **SURFACES[surface]).strategy in ("popular", "none")


def test_explanations_survive_a_failing_stage(fan: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recipe, "live_candidates", broken)
    told = explained(fan.shop, Query("personal", fan.at, user_id="fan"))
    assert {item.explanation.source for item in told.items} == {"popular"}
    monkeypatch.undo()
    monkeypatch.setattr(Recipe, "account", broken)
    told = explained(fan.shop, Query("personal", fan.at, user_id="fan"))
    assert (told.strategy, told.fallback) == ("personal", "")
    assert ("explain", "error") in fallbacks(fan)


@pytest.mark.parametrize(("steps", "stage"), [(0, "observe"), (1, "candidates")])
def test_time_is_looked_at_between_stages(fan: Any, steps: int, stage: str) -> None:
    ticks = count()
    deadline = Deadline(lambda: float(next(ticks)), steps - 0.5)
    told = answer(fan.shop, Query("personal", fan.at, user_id="fan"), deadline)
    assert (told.strategy, told.fallback) == ("popular", f"{stage}:deadline")
    assert fallbacks(fan) == {(stage, "deadline"): 1}


def test_a_slow_search_for_neighbours_is_left_and_gone_on_with(board: Any) -> None:
    board.post(("fan", "black-3", "view"))
    for number in range(20):
        board.put(f"new-{number}", department="black", name=f"black thing {number}")
    query, ticks = Query("personal", board.at, user_id="fan"), count()
    told = answer(board.shop, query, Deadline(lambda: float(next(ticks)), 9.5))
    assert told.fallback == "cold:deadline"
    ticks = count()
    enough = Deadline(lambda: float(next(ticks)), 25.5)  # what was found is not searched again
    assert answer(board.shop, query, enough).strategy == "personal"


def test_an_unreadable_log_is_answered_from_the_state_at_hand(
    fan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = fan.answer(user_id="fan")
    with monkeypatch.context() as patch:

        def unreadable(*_: Any) -> Any:
            raise Damaged("log_damaged", field="log", value=1)

        patch.setattr(type(fan.shop.log), "end", lambda _: fan.shop.now.state.offset + 1)
        patch.setattr(type(fan.shop.log), "read", unreadable)
        told = fan.answer(user_id="fan")
        assert (told.items, told.strategy) == (sound.items, "personal")
        assert told.fallback == "log:log_damaged"
        patch.setattr(Recipe, "live_candidates", broken)
        both = fan.answer(user_id="fan")
        assert (both.strategy, both.fallback) == ("popular", "log:log_damaged, candidates:error")
    assert fan.answer(user_id="fan").fallback == ""


def test_who_slept_through_two_snapshots_goes_on(board: Any) -> None:
    board.settings = msgspec.structs.replace(board.settings, segment_mb=0.0001)
    board.reopen()
    sleeper = board.open()
    for number in range(3):
        for event in range(10):
            board.post((f"u{number}", f"black-{event}", "view"))
        settle(board.shop, board.at)
    board.shop.log.trim(board.shop.now.state.base.log_offset)
    with pytest.raises(NotFound):
        sleeper.log.read(sleeper.now.state.offset)
    told = board.answer(user_id="u2", shop=sleeper)
    assert (told.items, told.fallback) == (board.answer(user_id="u2").items, "")


def damage(folder: Path) -> None:
    """Flip a byte in the middle of the greatest file, before anybody maps it."""
    path = max(folder.rglob("*.npy"), key=lambda file: file.stat().st_size)
    path.chmod(0o644)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)


@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_a_shop_whose_only_model_is_gone_answers_and_says_so(board: Any, how: str) -> None:
    board.post(("fan", "black-3", "view"))
    (model,) = board.home.glob("groups/default/artifacts/models/v0001")
    if how == "damaged":
        damage(model)
    else:
        shutil.rmtree(model)
    board.reopen()
    told = board.answer(user_id="fan")
    code = {"damaged": "artifact_damaged", "missing": "unknown_artifact"}[how]
    assert (told.model_version, told.fallback) == ("", f"model:{code}")
    assert told.strategy in ("affinity", "popular")
    assert len(told.items) == 5
    assert fallbacks(board) == {("model", code): 1}


def test_scores_that_are_no_numbers_are_never_shown(
    fan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = fan.shop.now.serving.recipe
    ruined = np.full(len(recipe.mixture.prior), np.nan, np.float32)
    monkeypatch.setattr(recipe.mixture, "prior", ruined)
    told = fan.answer(user_id="fan")
    assert (len(told.items), told.strategy, told.fallback) == (5, "popular", "show:error")
    assert all(np.isfinite(item.score) for item in told.items)
