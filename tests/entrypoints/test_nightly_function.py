"""The function of the nightly pipeline: each step by its name, as the state machine asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.domain.errors import InvalidInput, NotFound
from endcap.entrypoints.lambdas import nightly, surroundings
from endcap.entrypoints.lambdas.table import FUNCTIONS


@pytest.fixture(autouse=True)
def opened_anew(board: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ENDCAP_HOME", str(board.home))
    surroundings.settings.cache_clear()
    yield
    surroundings.settings.cache_clear()


def step(name: str, **facts: Any) -> dict[str, Any]:
    return nightly.handler({"step": name, "pipeline": "nightly", "run_id": "r", **facts}, None)


def test_steps_give_what_the_machine_hands_on(board: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "interactions.csv").write_text(
        "user_id,item_id,ts,event_type\ns0,black-1,1750000000,view\n"
    )
    imported = step("import", source=str(tmp_path / "in"), interactions="")["imported"]
    assert imported["events"]["accepted"] == 1
    settled = step("settle")
    checked = step("check", lake_version=settled["lake_version"])
    assert (checked["version"], checked["events"]) == ("v0002", settled_events(board))
    assert (checked["due"], checked["standing"]) == (True, "")
    gate = step("gate", version="v0001", due=True, standing="")
    assert (gate["promoted"], gate["serves"], gate["serving"]) == (True, "v0001", True)
    assert step("store", k=2) == {"stored": 60}


@pytest.mark.parametrize(
    ("name", "asked", "given", "metrics"),
    [
        ("evaluate", {}, {"metrics": {"drift": 0.2, "ndcg@20": 0.1}}, {"drift": 0.2}),
        ("evaluate", {}, {"metrics": {"ndcg@20": 0.1}}, {}),
        ("gate", {"due": True}, {"promoted": True}, {"promoted": 1}),
        ("gate", {"due": True}, {"promoted": False}, {"refused": 1}),
        ("gate", {"due": False}, {"promoted": False}, {}),
        ("store", {}, {"stored": 60}, {"stored": 60}),
        ("check", {}, {}, {}),
    ],
)
def test_what_a_step_found_is_a_metric(
    name: str, asked: dict[str, Any], given: dict[str, Any], metrics: dict[str, float]
) -> None:
    assert nightly.counted(name, asked, given) == metrics
    assert set(metrics) <= set(FUNCTIONS["Nightly"].metrics)


def settled_events(board: Any) -> int:
    return sum(part.rows for part in board.open().lake.manifest().events)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    assert step("import", source="", interactions="") == {"imported": {}}
    with pytest.raises(NotFound):
        step("import", source=str(tmp_path / "nowhere"), interactions="")
    with pytest.raises(InvalidInput) as raised:
        step("dance")
    assert raised.value.code == "unknown_step"
