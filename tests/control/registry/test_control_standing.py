"""Shops that commands made, seen by the control plane; and how a home's is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.sqlite import SqliteDocuments
from endcap.bootstrap.control import hex_digits, open_control, wake_file
from endcap.control import campaigns
from endcap.control.dataset_groups import folder
from endcap.control.registry.arns import Place
from endcap.control.registry.control import Control
from endcap.control.registry.operations import OPERATIONS
from endcap.control.solution_versions import RESOURCE, SolutionVersion, save
from endcap.domain.errors import Conflict, InvalidInput, NotFound
from endcap.settings import Settings, load_settings

HERE = "arn:aws:personalize:us-east-1:123456789012:"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, home=str(tmp_path))


@pytest.fixture
def control(settings: Settings) -> Control:
    """A home with the shop ``demo``, trained and serving, and one that nothing is in."""
    root = folder(settings.home, "demo")
    (root / "lake" / "manifest").mkdir(parents=True)
    (root / "lake" / "manifest" / "1.json").write_text("{}")
    documents = SqliteDocuments(root / "documents.sqlite")
    save(documents, SolutionVersion("v0001", 50, "active", metrics={"ndcg@10": 0.123456}))
    save(documents, SolutionVersion("v0002", 60, "failed", reason="no luck"))
    save(documents, SolutionVersion("v0003", 70, "trained", lineage={RESOURCE: "arn"}))
    campaigns.promote(documents, "v0001", 55)
    folder(settings.home, "empty").mkdir(parents=True)
    return open_control(settings)


def call(control: Control, name: str, /, **given: Any) -> Any:
    return OPERATIONS[name](control, given, 100)


def test_a_shop_of_the_command_line_is_a_group_with_solution_and_campaign(control: Control) -> None:
    groups = call(control, "ListDatasetGroups")["datasetGroups"]
    assert [(group["name"], group["status"]) for group in groups] == [("demo", "ACTIVE")]
    found = call(control, "ListSolutionVersions", solutionArn=f"{HERE}solution/demo")
    assert [(v["solutionVersionArn"], v["status"]) for v in found["solutionVersions"]] == [
        (f"{HERE}solution/demo/v0001", "ACTIVE"),
        (f"{HERE}solution/demo/v0002", "CREATE FAILED"),
    ]
    assert found["solutionVersions"][1]["failureReason"] == "no luck"
    metrics = call(control, "GetSolutionMetrics", solutionVersionArn=f"{HERE}solution/demo/v0001")
    assert metrics["metrics"] == {"ndcg@10": 0.1235}
    said = call(control, "DescribeCampaign", campaignArn=f"{HERE}campaign/demo")["campaign"]
    assert said["solutionVersionArn"] == f"{HERE}solution/demo/v0001"
    solution = call(control, "DescribeSolution", solutionArn=f"{HERE}solution/demo")["solution"]
    assert solution["latestSolutionVersion"]["solutionVersionArn"].endswith("demo/v0002")
    with pytest.raises(NotFound):
        call(control, "DescribeDatasetGroup", datasetGroupArn=f"{HERE}dataset-group/empty")


def test_only_the_shop_that_is_asked_for_is_opened(control: Control, settings: Settings) -> None:
    other = folder(settings.home, "other") / "lake" / "manifest"
    other.mkdir(parents=True)
    (other / "1.json").write_text("{}")
    call(control, "DescribeSolution", solutionArn=f"{HERE}solution/demo")
    call(control, "ListSolutionVersions", solutionArn=f"{HERE}solution/demo")
    documents = other.parents[1] / "documents.sqlite"
    assert not documents.exists()
    call(control, "ListCampaigns")
    assert documents.exists()


def test_it_is_there_in_every_region_and_cannot_be_changed(control: Control) -> None:
    there = control.elsewhere(Place("eu-west-1"))
    arn = "arn:aws:personalize:eu-west-1:123456789012:dataset-group/demo"
    assert call(there, "DescribeDatasetGroup", datasetGroupArn=arn)["datasetGroup"]["name"] == (
        "demo"
    )
    with pytest.raises(Conflict):
        call(control, "CreateDatasetGroup", name="demo")
    for name, given in (
        ("DeleteDatasetGroup", {"datasetGroupArn": f"{HERE}dataset-group/demo"}),
        ("DeleteSolution", {"solutionArn": f"{HERE}solution/demo"}),
        ("DeleteCampaign", {"campaignArn": f"{HERE}campaign/demo"}),
        ("UpdateCampaign", {"campaignArn": f"{HERE}campaign/demo"}),
        ("CreateSolutionVersion", {"solutionArn": f"{HERE}solution/demo"}),
    ):
        with pytest.raises(InvalidInput) as caught:
            call(control, name, **given)
        assert caught.value.code == "made_elsewhere"


def test_resources_can_be_made_in_it(control: Control) -> None:
    group = f"{HERE}dataset-group/demo"
    text = 'INCLUDE ItemID WHERE Items.any IN ("a")'
    call(control, "CreateFilter", name="f", datasetGroupArn=group, filterExpression=text)
    call(control, "CreateEventTracker", name="t", datasetGroupArn=group)
    version = f"{HERE}solution/demo/v0001"
    call(control, "CreateCampaign", name="mine", solutionVersionArn=version)
    found = call(control, "ListCampaigns", solutionArn=f"{HERE}solution/demo")["campaigns"]
    assert {each["name"] for each in found} == {"demo", "mine"}


def test_a_group_of_the_api_is_not_seen_twice(control: Control, settings: Settings) -> None:
    call(control, "CreateDatasetGroup", name="made")
    root = folder(settings.home, "made") / "lake" / "manifest"
    root.mkdir(parents=True)
    (root / "1.json").write_text("{}")
    for place in (Place(), Place("eu-west-1")):
        groups = call(control.elsewhere(place), "ListDatasetGroups")["datasetGroups"]
        assert [g["name"] for g in groups].count("made") == (place == Place())


def test_a_home_keeps_its_registry_and_wakes_whoever_works(settings: Settings) -> None:
    first = open_control(settings)
    call(first, "CreateDatasetGroup", name="shop")
    again = open_control(settings)
    assert call(again, "ListDatasetGroups")["datasetGroups"][0]["name"] == "shop"
    assert not wake_file(settings).exists()
    again.wake()
    assert wake_file(settings).exists()


def test_region_and_account_come_from_the_settings(tmp_path: Path) -> None:
    given = {"ENDCAP_ARN_REGION": "eu-central-1", "ENDCAP_ARN_ACCOUNT": "000000000001"}
    control = open_control(load_settings(given, home=str(tmp_path)))
    made = call(control, "CreateDatasetGroup", name="shop")
    assert made["datasetGroupArn"] == (
        "arn:aws:personalize:eu-central-1:000000000001:dataset-group/shop"
    )


def test_drawn_digits_are_of_the_length_asked() -> None:
    for length in (1, 8, 9, 32):
        drawn = hex_digits(length)
        assert len(drawn) == length
        int(drawn, 16)
    assert hex_digits(32) != hex_digits(32)
