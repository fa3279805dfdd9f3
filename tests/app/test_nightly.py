"""The whole nightly pipeline on a shop: trained, judged, registered, served, stored, told."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from endcap.app import training
from endcap.app.erasure import erasure, forget_stored
from endcap.app.intake import write
from endcap.app.nightly import NIGHT_US, NIGHTLY, Nightly
from endcap.app.receipts import receipts_of
from endcap.control import solution_versions
from endcap.domain.errors import InvalidInput
from endcap.pipeline.runner import DONE, Run, find_run, run_steps
from endcap.ports import Message

pytestmark = pytest.mark.server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that ends at once: what it finds is asserted elsewhere."""
    fit = training.fit
    monkeypatch.setattr(
        training, "fit", lambda shop, version, progress, _, __=True, **more: fit(
            shop, version, progress, 0.0, ranker=False, **more
        ),
    )  # fmt: skip


def run(board: Any, run_id: str, told: list[Message]) -> Run:
    night = Nightly(board.shop, lambda: board.at, lambda *_: None, lambda *_: {}, told.append)
    begun = find_run(board.shop.documents, run_id) or Run(
        run_id, "running", board.at,
        {"source": "", "interactions": "", "k": 4, "budget_s": 0.0},
    )  # fmt: skip
    return run_steps(NIGHTLY.bound(night), begun, board.shop.documents, sleep=lambda _: None)


def test_a_night_from_the_log_to_stored_answers(board: Any) -> None:
    told: list[Message] = []
    board.post(("s0", "black-1", "view"))
    ended = run(board, "night", told)
    assert (ended.status, ended.skipped) == (DONE, ())
    assert (ended.facts["version"], ended.facts["serves"]) == ("v0002", "v0002")
    assert ended.facts["tables"]["made"] > 5
    version = solution_versions.version(board.shop.documents, "v0002")
    assert (version.status, version.lineage["lake_version"]) == (
        "active", ended.facts["lake_version"],
    )  # fmt: skip
    assert version.gate is not None
    assert version.gate.outcome == ended.facts["verdict"]
    assert version.info["drift"] is None  # one event more than v0001 had says nothing
    board.reopen()
    assert board.shop.now.serving.version == "v0002"
    assert ended.facts["stored"] == 60
    item = board.shop.documents.get("storeRecommendations", "s0").body
    assert (len(item["recommendations"]), item["model_version"]) == (4, "v0002")
    (message,) = told
    assert "stored: 60" in message.text
    assert message.attributes["status"] == "done"


def test_a_step_that_fails_is_told_and_a_resumed_run_trains_the_same_version(
    board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Message] = []
    board.post(("s0", "black-1", "view"))
    judge = training.judge_version

    def broken(*_: Any) -> None:
        raise InvalidInput("bad_setting", field="of s0", permitted="")

    monkeypatch.setattr(training, "judge_version", broken)
    with pytest.raises(InvalidInput):
        run(board, "night", told)
    assert told[0].attributes["status"] == "failed"
    assert "step: evaluate\nerror: bad_setting" in told[0].text
    assert "s0" not in told[0].text
    versions = solution_versions.versions(board.shop.documents)
    assert [version.status for version in versions] == ["active", "trained"]
    monkeypatch.setattr(training, "judge_version", judge)
    assert run(board, "night", told).facts["serves"] == "v0002"


def test_a_night_without_anything_new_trains_nothing(board: Any) -> None:
    told: list[Message] = []
    ended = run(board, "night", told)
    assert ended.status == DONE
    assert ended.skipped == ("features", "train", "evaluate", "register", "deploy")
    assert (ended.facts["version"], ended.facts["serves"]) == ("v0001", "v0001")
    assert ended.facts["stored"] == 60
    assert [v.name for v in solution_versions.versions(board.shop.documents)] == ["v0001"]
    assert "gate: nothing new since v0001" in told[0].text
    board.post(("s0", "black-1", "view"))
    assert run(board, "later", told).facts["version"] == "v0002"


def test_what_never_served_and_was_not_refused_is_made_anew(board: Any) -> None:
    board.shop.documents.delete("campaign", "default")
    assert run(board, "night", []).facts["serves"] == "v0002"


def test_training_again_after_a_failure_replaces_what_there_is(board: Any) -> None:
    at = board.shop.lake.manifest().version
    name = solution_versions.reserve(board.shop.documents, board.at).name
    for _ in range(2):
        made = training.train_reserved(board.shop, name, at, progress=lambda *_: None)
        assert (made.name, made.status) == ("v0002", "trained")
    assert [v.status for v in solution_versions.versions(board.shop.documents)] == [
        "active", "trained",
    ]  # fmt: skip


def test_a_shop_without_events_is_told_so(empty_board: Any) -> None:
    told: list[Message] = []
    with pytest.raises(InvalidInput) as raised:
        run(empty_board, "night", told)
    assert raised.value.code == "nothing_to_train_on"
    assert "step: check\nerror: nothing_to_train_on" in told[0].text


@pytest.mark.parametrize("nights", [1, 3])
def test_a_night_purges_what_no_later_night_would_purge_in_time(
    board: Any, nights: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only functions serve there is no keeper."""
    hours = {"purge_hours": 24 * nights}
    monkeypatch.setattr(board.shop, "settings", replace(board.shop.settings, **hours))
    write(board.shop, erasure("s1", board.at))
    made = forget_stored(board.shop, "s1", board.at)
    assert made.pending
    night = Nightly(board.shop, lambda: board.at, lambda *_: None, lambda *_: {}, lambda _: None)
    for left in reversed(range(nights)):
        board.at += NIGHT_US // 2
        night.settle({})
        (receipt,) = receipts_of(board.shop, "s1")
        assert (bool(receipt.purged_at), receipt.pending) == (left == 0, ())
        assert receipt.purged_at <= receipt.purge_at
        board.at += NIGHT_US // 2
    assert receipt.purged["rows of the lake"] > 0
