"""The shop that a server serves by itself is no group's of the API."""

from __future__ import annotations

from pathlib import Path

from endcap.bootstrap.control import open_control
from endcap.control.registry.groups import Group
from endcap.control.registry.operations.groups import create_dataset_group
from endcap.settings import load_settings


def test_a_group_called_as_the_servers_own_has_a_shop_of_its_own(tmp_path: Path) -> None:
    settings = load_settings({"ENDCAP_HOME": str(tmp_path)}, group="mine")
    control = open_control(settings)
    made = {
        name: create_dataset_group(control, {"name": name}, 1)["datasetGroupArn"]
        for name in ("mine", "other")
    }
    shops = {name: control.registry.find(Group, arn).shop for name, arn in made.items()}
    assert shops["other"] == "other"
    assert shops["mine"] != "mine"
    assert open_control(settings).registry.find(Group, made["mine"]).shop == shops["mine"]
