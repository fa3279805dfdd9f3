"""Resources of the control plane go with their data, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from endcap.app.answers import answer
from endcap.app.control_work import run
from endcap.app.reloading import MODELS
from endcap.bootstrap.removal import remove_group
from endcap.control import campaigns, solution_versions
from endcap.control.registry.arns import DATASET, GROUP, SOLUTION, VERSION
from endcap.control.registry.datasets import INTERACTIONS, USERS, Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import ImportJob
from endcap.control.registry.resource import DELETE, Resource, Work
from endcap.control.registry.solutions import Solution
from endcap.control.registry.statuses import DELETE_PENDING, FAILED
from endcap.control.registry.versions import Version
from endcap.domain.errors import InUse
from endcap.domain.values import Query
from endcap.settings import load_settings

NOW = 1_700_000_000_000_000


def delete(plane: Any, shape: type[Resource], arn: str) -> Any:
    """Delete it as a job does; what is left of it."""
    plane.registry.move(shape, arn, NOW, DELETE_PENDING)
    plane.registry.ask(Work(arn, DELETE, NOW))
    run(plane.means, plane.registry, arn, lambda _stage, _share: None)
    assert plane.registry.works() == []
    return plane.registry.get(shape, arn)


def test_a_dataset_goes_with_its_rows_and_the_others_stay(plane: Any) -> None:
    header = "USER_ID,ITEM_ID,TIMESTAMP"
    plane.bring(INTERACTIONS, plane.write("e.csv", header, "u,a,1600000000", "u,b,1600000001"))
    plane.bring(USERS, plane.write("u.csv", "USER_ID,AGE", "u,30"))
    arn = plane.registry.arn(DATASET, f"shop/{INTERACTIONS}")
    assert delete(plane, Dataset, arn) is None
    assert plane.rows("events") == []
    assert [row["user_id"] for row in plane.rows("users")] == ["u"]
    found = answer(plane.shop(), Query(surface="popular", at=NOW, k=5))
    assert found.items == ()
    assert [job.dataset_arn for job in plane.registry.all(ImportJob)] == [
        plane.registry.arn(DATASET, f"shop/{USERS}")
    ]


def test_a_deletion_that_was_cut_short_is_ended_by_the_next(plane: Any) -> None:
    plane.bring(USERS, plane.write("u.csv", "USER_ID,AGE", "u,30"))
    arn = plane.registry.arn(DATASET, f"shop/{USERS}")
    shop = plane.shop()
    shop.lake.publish(lambda now: replace(now, users=()))  # killed before the snapshot
    assert delete(plane, Dataset, arn) is None
    assert plane.shop().now.state.user_attributes("u") == {}


def test_a_group_goes_with_its_folder(plane: Any) -> None:
    plane.bring(USERS, plane.write("u.csv", "USER_ID,AGE", "u,30"))
    folder = plane.home / "groups" / "shop"
    assert folder.is_dir()
    group = plane.registry.arn(GROUP, "shop")
    assert delete(plane, Group, group) is None
    assert not folder.exists()
    assert list((plane.home / "control" / "gone").iterdir()) == []


def test_the_group_that_a_server_was_started_for_stays(plane: Any, tmp_path: Path) -> None:
    settings = load_settings({"ENDCAP_HOME": str(tmp_path), "ENDCAP_GROUP": "shop"})
    with pytest.raises(InUse, match="started for"):
        remove_group(settings, "shop")

    def refuse(name: str) -> None:
        remove_group(settings, name)

    plane.means = plane.means._replace(remove=refuse)
    plane.shop()
    left = delete(plane, Group, plane.registry.arn(GROUP, "shop"))
    assert left.status == FAILED
    assert "started for" in left.failure_reason
    assert (tmp_path / "groups" / "shop").is_dir()


def test_a_solution_goes_with_its_models_but_not_with_what_serves(plane: Any) -> None:
    registry, shop = plane.registry, plane.shop()
    solution, group = registry.arn(SOLUTION, "mine"), registry.arn(GROUP, "shop")
    common = {"group_arn": group, "recipe_arn": "arn:aws:personalize:::recipe/aws-sims"}
    registry.create(Solution(arn=solution, name="mine", **common))
    names = []
    for owner in (f"{solution}/00000001", f"{solution}/00000002", f"{solution}-too/00000003"):
        made = solution_versions.reserve(shop.documents, NOW)
        made = replace(made, status="active", lineage={solution_versions.RESOURCE: owner})
        solution_versions.save(shop.documents, made)
        folder = shop.artifacts.staging(MODELS)
        (folder / "file").write_text("model")
        shop.artifacts.publish(MODELS, made.name, folder)
        names.append(made.name)
    key = "mine/00000001"
    registry.create(
        Version(arn=registry.arn(VERSION, key), name="", solution_arn=solution, **common)
    )
    campaigns.promote(shop.documents, names[1], NOW)
    assert delete(plane, Solution, solution) is None
    assert list(registry.all(Version)) == []
    assert shop.artifacts.names(MODELS) == names[1:]
    assert solution_versions.version(shop.documents, names[0]).status == "failed"
    assert solution_versions.reserve(shop.documents, NOW).name not in names
