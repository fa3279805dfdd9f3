"""``endcap resources``: the registry of a home, on the terminal and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.bootstrap.control import open_control
from endcap.cli.main import main
from endcap.control.registry.arns import Place
from endcap.control.registry.operations import OPERATIONS
from endcap.settings import load_settings

ARN = "arn:aws:personalize:us-east-1:123456789012:dataset-group/shop"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    control = open_control(load_settings({}, home=str(tmp_path)))
    make = OPERATIONS["CreateDatasetGroup"]
    make(control, {"name": "shop", "domain": "ECOMMERCE"}, 1_600_000_000_000_000)
    make(control.elsewhere(Place("eu-west-1")), {"name": "there"}, 1_600_000_000_000_000)
    tracker = {"name": "t", "datasetGroupArn": ARN}
    OPERATIONS["CreateEventTracker"](control, tracker, 1_600_000_000_000_001)
    return tmp_path


def run(capsys: Any, home: Path, *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(home), "resources", *words])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_a_list_of_everything_but_recipes(home: Path, capsys: Any) -> None:
    code, out, _ = run(capsys, home, "list")
    assert code == 0
    assert [line.split() for line in out.splitlines()[2:]] == [
        ["dataset-group", "ACTIVE", "2020-09-13T12:26:40Z", ARN],
        ["event-tracker", "ACTIVE", "2020-09-13T12:26:40.000001Z",
         "arn:aws:personalize:us-east-1:123456789012:event-tracker/t"],
    ]  # fmt: skip


def test_kinds_regions_and_json(home: Path, capsys: Any) -> None:
    words = ("list", "dataset-group", "campaign", "--region", "eu-west-1", "--json")
    code, out, _ = run(capsys, home, *words)
    assert code == 0
    found = json.loads(out)
    assert [each["name"] for each in found["dataset-group"]] == ["there"]
    assert found["campaign"] == []
    assert "aws-sims" in run(capsys, home, "list", "recipe")[1]
    code, out, err = run(capsys, home, "list", "--region", "eu-north-1")
    assert (code, out) == (0, "")
    assert "eu-north-1" in err


def test_one_is_described_wherever_it_is(home: Path, capsys: Any) -> None:
    code, out, _ = run(capsys, home, "describe", ARN)
    assert code == 0
    assert json.loads(out) == {
        "name": "shop",
        "datasetGroupArn": ARN,
        "domain": "ECOMMERCE",
        "status": "ACTIVE",
        "creationDateTime": "2020-09-13T12:26:40Z",
        "lastUpdatedDateTime": "2020-09-13T12:26:40Z",
    }
    there = "arn:aws:personalize:eu-west-1:123456789012:dataset-group/there"
    assert json.loads(run(capsys, home, "describe", there)[1])["name"] == "there"
    recipe = "arn:aws:personalize:::recipe/aws-sims"
    assert json.loads(run(capsys, home, "describe", recipe)[1])["recipeType"] == "RELATED_ITEMS"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("list", "campaigns"), "KIND must be one of"),
        (("describe", "x"), "must be an ARN"),
        (("describe", f"{ARN}s"), "there is no dataset-group"),
        (("describe", "arn:aws:personalize:us-east-1:1234567890" + "12:algorithm/a"),
         "must be of one of these kinds"),
    ],
)  # fmt: skip
def test_refusals(home: Path, capsys: Any, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(capsys, home, *words)
    assert (code > 0, out) == (True, "")
    assert said in err
