"""What the gate refuses is registered and does not serve, whoever asks; a reason forces it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from endcap.app.intake import write
from endcap.app.nightly import NIGHTLY, Nightly
from endcap.app.training import train
from endcap.bootstrap import open_shop
from endcap.cli.train import check_force, gate_rows, sentence
from endcap.control import solution_versions
from endcap.control.campaigns import campaign
from endcap.domain.records import EventsPosted
from endcap.domain.values import Event
from endcap.pipeline.runner import DONE, Run, run_steps
from endcap.ports import Message
from endcap.settings import load_settings

START, DAY_US = 1_750_000_000_000_000, 86_400_000_000
AT = START + 20 * DAY_US
SHOPPERS, ITEMS, STEPS = 130, 30, 12


def silent(stage: str, share: float) -> None:
    """Nobody watches."""


def opened(home: Path) -> Any:
    return open_shop(load_settings({"ENDCAP_HOME": str(home)}))


def step(draw: random.Random, onward: int) -> int:
    return draw.randrange(ITEMS) if draw.random() < 0.3 else onward % ITEMS


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shoppers who walk item → next item around a circle, a step a day, sometimes astray, and a
    version that was given the time to see it."""
    draw = random.Random(1)
    home = tmp_path_factory.mktemp("walked")
    shop = opened(home)
    for day in range(STEPS):
        at = START + day * DAY_US
        events = tuple(
            Event(f"s{n}", f"i{step(draw, n * 7 + day)}", "view", at, f"{n} {day}")
            for n in range(SHOPPERS)
        )
        write(shop, EventsPosted(at, b"", b"", events))
    train(shop, AT, progress=silent, budget_s=5.0, ranker=False)
    return home


@pytest.fixture
def shop(walked: Path, tmp_path: Path) -> Any:
    shutil.copytree(walked, tmp_path / "home")
    return opened(tmp_path / "home")


def test_the_first_version_passed_the_baselines(shop: Any) -> None:
    first = solution_versions.version(shop.documents, "v0001")
    assert first.gate is not None
    assert (first.gate.outcome, len(first.gate.rivals)) == ("passed", 2)
    assert campaign(shop.documents).version == "v0001"
    assert [row[-1] for row in gate_rows(first)] == ["yes", "yes"]
    assert sentence(first, False) == "v0001 serves: endcap versions"


def test_a_worse_version_is_registered_and_does_not_serve(shop: Any) -> None:
    worse = train(shop, AT + 1, progress=silent, budget_s=0.0, ranker=False)
    kept = solution_versions.version(shop.documents, "v0002")
    assert kept.gate == worse.gate
    assert (kept.status, kept.forced) == ("active", "")
    assert kept.gate is not None
    assert kept.gate.refused
    assert campaign(shop.documents).version == "v0001"
    told = sentence(kept, False)
    assert told.startswith("v0002 is registered and does not serve: NDCG@20 ")
    assert "endcap rollback v0002" in told


def test_a_reason_forces_it_and_is_kept(shop: Any) -> None:
    train(shop, AT + 1, progress=silent, budget_s=0.0, ranker=False, force="the old one is buggy")
    kept = solution_versions.version(shop.documents, "v0002")
    assert kept.forced == "the old one is buggy"
    assert kept.gate is not None
    assert kept.gate.refused
    assert campaign(shop.documents).version == "v0002"
    assert "because: the old one is buggy" in sentence(kept, False)


def test_a_refit_of_the_same_choices_is_promoted(shop: Any) -> None:
    again = train(shop, AT + 1, progress=silent, budget_s=5.0, ranker=False)
    assert again.gate is not None
    assert (again.gate.outcome, again.gate.rivals[-1].name) == ("passed", "v0001")
    assert campaign(shop.documents).version == "v0002"


@pytest.mark.parametrize("serves", [True, False])
def test_the_pipeline_keeps_what_serves(shop: Any, serves: bool) -> None:
    """Nothing serves: after a refused first version there is nothing to store."""
    worse = train(shop, AT + 1, progress=silent, budget_s=0.0, ranker=False, serve=False)
    if not serves:
        shop.documents.delete("campaign", "default")
    told: list[Message] = []
    night = Nightly(shop, lambda: AT + 2, silent, lambda *_: {}, told.append)
    wanted = ("gate", "register", "deploy", "store", "notify")
    steps = tuple(step for step in NIGHTLY.bound(night) if step.name in wanted)
    facts = {"version": worse.name, "k": 3, "due": True, "standing": ""}
    begun = Run("night", "running", AT, facts)
    ended = run_steps(steps, begun, shop.documents, sleep=lambda _: None)
    assert ended.status == DONE
    assert ended.skipped == (("deploy",) if serves else ("deploy", "store"))
    assert ended.facts["promoted"] is False
    assert ended.facts["serves"] == ("v0001" if serves else "")
    assert ended.facts.get("stored", 0) == (SHOPPERS if serves else 0)
    assert ended.reason == worse.gate.reason
    assert worse.gate.reason[:100] in told[0].text
    assert told[0].attributes["status"] == "done"


def test_a_current_version_without_files_defends_no_place(shop: Any) -> None:
    shop.artifacts.delete("models", "v0001")
    poor = train(shop, AT + 1, progress=silent, budget_s=0.0, ranker=False)
    assert poor.gate is not None
    assert [rival.name for rival in poor.gate.rivals] == ["popularity", "recent"]


@pytest.mark.parametrize(
    ("given", "told"),
    [((True, " ", False), "--force needs --reason"), ((False, "why", False), "needs --force"),
     ((True, "why", True), "choose one")],
)  # fmt: skip
def test_force_and_reason_come_together(given: tuple[bool, str, bool], told: str) -> None:
    with pytest.raises(Exception, match=told):
        check_force(*given)
    check_force(True, "why", False)
    check_force(False, "", True)
