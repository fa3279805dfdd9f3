"""Training, promoting, rolling back, and taking up what is sound."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.app import training
from endcap.app.reloading import MODELS, prepare, reload, take_up
from endcap.app.training import drop_old_versions, train
from endcap.app.versions import promote, rollback
from endcap.control import solution_versions
from endcap.control.campaigns import campaign
from endcap.domain.errors import Damaged, InvalidInput, NotFound
from endcap.models.recipe import Recipe


def silent(stage: str, share: float) -> None:
    """Nobody watches."""


def test_a_trained_version_says_where_it_came_from(board: Any) -> None:
    version = solution_versions.version(board.shop.documents, "v0001")
    assert (version.status, version.reason) == ("active", "")
    assert version.lineage["users"] == 60
    assert version.lineage["items"] == 24
    assert version.lineage["log_offset"] == board.shop.lake.manifest().log_offset
    assert version.info["event_types"][:3] == ["view", "add_to_cart", "purchase"]
    assert campaign(board.shop.documents).version == "v0001"


def test_training_an_empty_shop_is_refused(empty_board: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        train(empty_board.shop, empty_board.at, progress=silent)
    assert (caught.value.code, caught.value.field) == ("nothing_to_train_on", "events")
    (failed,) = solution_versions.versions(empty_board.shop.documents)
    assert (failed.name, failed.status) == ("v0001", "failed")
    assert "no events" in failed.reason


@pytest.mark.parametrize("failure", [RuntimeError("out of luck"), KeyboardInterrupt()])
def test_a_failed_training_leaves_what_serves(
    board: Any, monkeypatch: Any, failure: BaseException
) -> None:
    before = board.answer(user_id="s1")

    def fail(*_: Any, **__: Any) -> Recipe:
        raise failure

    monkeypatch.setattr(training.Recipe, "fit", fail)
    with pytest.raises(type(failure)):
        train(board.shop, board.at, progress=silent)
    failed = solution_versions.version(board.shop.documents, "v0002")
    assert (failed.status, failed.reason) == ("failed", str(failure) or type(failure).__name__)
    assert (failed.lineage["parent"], failed.lineage["trained"]) == ("v0001", {"by": "endcap"})
    assert campaign(board.shop.documents).version == "v0001"
    assert board.answer(user_id="s1") == before
    with pytest.raises(NotFound):
        promote(board.shop, "v0002", board.at)


def test_promote_and_roll_back(board: Any, second_version: Any) -> None:
    name = second_version(board)
    moved = promote(board.shop, name, board.at)
    assert (moved.version, moved.history) == (name, ("v0001",))
    reload(board.shop)
    assert board.answer().model_version == name
    back = rollback(board.shop, board.at)
    assert (back.version, back.history) == ("v0001", ())
    reload(board.shop)
    assert board.answer().model_version == "v0001"
    with pytest.raises(InvalidInput) as caught:
        rollback(board.shop, board.at)
    assert caught.value.code == "nothing_to_roll_back"


def test_what_cannot_serve_cannot_be_promoted(board: Any, second_version: Any, damage: Any) -> None:
    with pytest.raises(NotFound) as caught:
        promote(board.shop, "v0009", board.at)
    assert (caught.value.code, caught.value.value) == ("unknown_version", "v0009")
    name = second_version(board)
    damage(board, MODELS, name)
    with pytest.raises(Damaged):
        promote(board.shop, name, board.at)
    assert campaign(board.shop.documents).version == "v0001"


def test_a_damaged_model_falls_back_to_the_one_before(
    board: Any, second_version: Any, damage: Any
) -> None:
    name = second_version(board)
    promote(board.shop, name, board.at)
    damage(board, MODELS, name)
    assert board.open().now.serving.version == "v0001"
    damage(board, MODELS, "v0001")
    last = board.open()
    assert last.now.serving.version == ""  # nothing sound is left: answers without a model
    assert board.answer(shop=last, user_id="s1").strategy == "affinity"


def test_a_running_shop_refuses_a_damaged_version_and_serves_on(
    board: Any, second_version: Any, damage: Any
) -> None:
    before = board.answer(user_id="s1")
    promote(board.shop, second_version(board), board.at)
    for name in ("v0001", "v0002"):
        damage(board, MODELS, name)
    loaded = prepare(board.shop)
    assert [failure.code for failure in loaded.failures] == ["artifact_damaged"]
    board.post(("s1", "black-7", "view"))  # between preparing and taking up
    take_up(board.shop, loaded)
    assert board.shop.now.serving.version == "v0001"  # the one in memory is sound
    assert board.shop.telemetry.counters["load_failures_total", (("code", "artifact_damaged"),)]
    told = board.answer(user_id="s1")
    assert (told.model_version, told.strategy) == (before.model_version, "personal")
    history = board.shop.now.state.history("s1").items
    assert board.shop.now.state.items.id(int(history[-1])) == "black-7"


def test_two_trainings_at_once_get_names_of_their_own(board: Any, monkeypatch: Any) -> None:
    other = board.open()
    fit = training.fit

    def meanwhile(shop: Any, version: Any, *more: Any) -> Any:
        monkeypatch.setattr(training, "fit", fit)
        train(other, board.at, progress=silent, budget_s=0.1)
        return fit(shop, version, *more)

    monkeypatch.setattr(training, "fit", meanwhile)
    mine = train(board.shop, board.at, progress=silent, budget_s=0.1)
    names = [v.name for v in solution_versions.versions(board.shop.documents)]
    assert (mine.name, names) == ("v0002", ["v0001", "v0002", "v0003"])
    assert campaign(board.shop.documents).history == ("v0003", "v0001")
    assert board.shop.artifacts.names(MODELS) == names


def test_old_versions_go_but_not_those_a_rollback_returns_to(
    board: Any, second_version: Any
) -> None:
    small = type(board)(board.home, ENDCAP_KEEP_VERSIONS="2")
    names = ["v0001", *(second_version(small) for _ in range(4))]
    for name in names[1:3]:
        promote(small.shop, name, board.at)
    drop_old_versions(small.shop)
    assert small.shop.artifacts.names(MODELS) == names
    promote(small.shop, names[4], board.at)
    drop_old_versions(small.shop)
    assert small.shop.artifacts.names(MODELS) == names[1:]
