"""What a plan would do, what stands, and how progress is told."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.deployment.changes import Progress, changes_of, outputs_of, protected, standing
from endcap.deployment.phases import FIRST, after, without
from endcap.domain.errors import Conflict, InvalidInput


def change(address: str, *actions: str, **more: Any) -> dict[str, Any]:
    kind = address.replace("[0]", "").split(".")[-2]
    return {"address": address, "type": kind, "change": {"actions": list(actions)}, **more}


def test_changes_are_counted_by_module_and_losses_named() -> None:
    lake = "module.endcap.module.lake.aws_s3_bucket.this"
    found = changes_of(
        {
            "resource_changes": [
                change(lake, "delete", "create", action_reason="replace_because_tainted"),
                change("module.endcap.module.api[0].aws_api.this", "create"),
                change("module.endcap.module.api[0].aws_api.that", "update"),
                change("module.endcap.aws_sns_topic.of", "no-op"),
                change("module.endcap.aws_iam_role.of", "delete"),
                change("data.aws_region.this", "read"),
            ]
        }
    )
    assert found.modules == [("api", 1, 1, 0), ("endcap", 0, 0, 1), ("lake", 1, 0, 1)]
    assert (found.lost, found.tainted) == ([lake], [lake])
    assert changes_of({}).nothing


STATE = {
    "outputs": {"phases": {"value": ["core"], "type": ["list", "string"]}},
    "resources": [
        {"mode": "data", "type": "aws_region", "name": "this", "instances": [{"attributes": {}}]},
        {"mode": "managed", "type": "aws_dynamodb_table", "name": "of", "module": "module.store",
         "instances": [
             {"index_key": "a", "attributes": {"deletion_protection_enabled": True}},
             {"index_key": 0, "attributes": {"deletion_protection_enabled": False}}]},
        {"mode": "managed", "type": "aws_cognito_user_pool", "name": "this",
         "instances": [{"attributes": {"deletion_protection": "ACTIVE"}}]},
    ],
}  # fmt: skip


def test_what_stands_has_the_addresses_of_plans() -> None:
    assert [one.address for one in standing(STATE)] == [
        'module.store.aws_dynamodb_table.of["a"]',
        "module.store.aws_dynamodb_table.of[0]",
        "aws_cognito_user_pool.this",
    ]
    assert protected(STATE) == [
        'module.store.aws_dynamodb_table.of["a"]',
        "aws_cognito_user_pool.this",
    ]
    assert outputs_of(STATE) == {"phases": ["core"]}
    assert outputs_of({}) == {}


def test_progress_is_a_line_for_a_module_that_has_nothing_under_way() -> None:
    told: list[str] = []
    tell = Progress(told.append)
    for kind, place in [("start", "a"), ("start", "b"), ("complete", "a"), ("errored", "b")]:
        address = f"module.endcap.module.lake.aws_s3_bucket.{place}"
        tell({"type": f"apply_{kind}", "hook": {"resource": {"addr": address}}})
    assert told == ["lake: module.endcap.module.lake.aws_s3_bucket.b failed"]
    tell({"type": "change_summary"})
    tell({"type": "apply_start", "hook": {"resource": {"addr": "aws_s3_bucket.x"}}})
    tell({"type": "apply_complete", "hook": {"resource": {"addr": "aws_s3_bucket.x"}}})
    assert told[1:] == ["root: 1 done"]


def test_phases_are_added_and_kept() -> None:
    assert after((), ()) == list(FIRST)
    assert after(["core"], ["etl"]) == ["core", "etl"]
    assert after(["etl", "core"], ()) == ["core", "etl"]
    with pytest.raises(InvalidInput) as error:
        after(["core"], ["web"])
    assert (error.value.code, error.value.field, error.value.value) == (
        "phase_needs", "web", "application"
    )  # fmt: skip


def test_a_phase_goes_when_nothing_stands_on_it() -> None:
    assert without(["core", "etl"], ["etl"]) == ["core"]
    with pytest.raises(Conflict) as error:
        without(["core", "application", "web"], ["application"])
    assert (error.value.code, error.value.value) == ("phase_needed", "web")
    with pytest.raises(InvalidInput) as absent:
        without(["core"], ["etl"])
    assert absent.value.code == "phase_absent"
