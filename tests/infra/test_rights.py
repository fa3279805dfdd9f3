"""What the role of each function may do, as Terraform plans it: the actions of the table on the
resources given, and beside them only what is named and explained here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from endcap.entrypoints.lambdas.table import FUNCTIONS, Function

pytestmark = pytest.mark.server

KEY = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
REGION, ACCOUNT = "eu-central-1", "123456789012"
PREFIX = "endcap-test"  # of modules/functions/tests/functions.tftest.hcl
OBJECTS = {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"}
MOST = 10_240  # characters, all inline policies of a role together
# Whose stores a function asks, so that they decrypt with its rights: action → service. A service
# that writes encrypted data of its own for a caller makes a data key with the caller's rights;
# DynamoDB has one key for each table, which it only decrypts.
READ_BY = {"dynamodb": "dynamodb", "kinesis:GetRecords": "kinesis", "s3:GetObject": "s3",
           "s3:PutObject": "s3", "sns:Publish": "sns"}  # fmt: skip
WRITTEN_BY = {"kinesis:PutRecords": "kinesis", "s3:PutObject": "s3", "sns:Publish": "sns"}

Statements = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def policies(terraform: Any) -> dict[str, dict[str, Any]]:
    """The policy of each function in the plan of all."""
    plan = terraform.planned("modules/functions", "tests/functions.tftest.hcl", "all")
    changes = plan["resource_changes"]
    return {
        change["index"]: json.loads(change["change"]["after"]["policy"])
        for change in changes
        if change["type"] == "aws_iam_role_policy"
    }


def statements(policy: Mapping[str, Any]) -> Statements:
    found = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert len(found) == len(policy["Statement"])
    return found


def basics(name: str, function: Function) -> dict[str, tuple[set[str], set[str]]]:
    """(actions, resources) of the statements that the table does not name."""
    log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{PREFIX}-{name}:*"
    found = {
        "Log": ({"logs:CreateLogStream", "logs:PutLogEvents"}, {log}),
        # X-Ray has no resources.
        "Trace": ({"xray:PutTelemetryRecords", "xray:PutTraceSegments"}, {"*"}),
    }
    actions = {entry.action for entry in function.actions}
    if services(actions, READ_BY):
        found["KeyToRead"] = ({"kms:Decrypt"}, {KEY})
    if services(actions, WRITTEN_BY):
        found["KeyToWrite"] = ({"kms:GenerateDataKey"}, {KEY})
    return found


def services(actions: set[str], table: Mapping[str, str]) -> set[str]:
    known = {*actions, *(action.partition(":")[0] for action in actions)}
    return {f"{service}.{REGION}.amazonaws.com" for key, service in table.items() if key in known}


def test_every_function_has_a_role_of_its_own(policies: Mapping[str, Any]) -> None:
    assert set(policies) == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_role_has_the_actions_of_the_table_and_the_basics(
    policies: Mapping[str, Any], name: str
) -> None:
    function, found = FUNCTIONS[name], statements(policies[name])
    known = basics(name, function)
    wanted = {(entry.action, words(entry.resource)) for entry in function.actions}
    given = {
        (action, sid.removesuffix("Objects"))
        for sid, statement in found.items()
        for action in statement["Action"]
        if sid not in known
    }
    assert given == wanted
    for sid, (actions, resources) in known.items():
        assert (set(found[sid]["Action"]), set(found[sid]["Resource"])) == (actions, resources)


def words(resource: str) -> str:
    return "".join(part.capitalize() for part in resource.split("_"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_key_is_used_through_the_services_of_its_resources_alone(
    policies: Mapping[str, Any], name: str
) -> None:
    found = statements(policies[name])
    actions = {entry.action for entry in FUNCTIONS[name].actions}
    for sid, table in (("KeyToRead", READ_BY), ("KeyToWrite", WRITTEN_BY)):
        if wanted := services(actions, table):
            condition = found[sid]["Condition"]
            assert set(condition) == {"StringEquals"}
            assert set(condition["StringEquals"]["kms:ViaService"]) == wanted
        else:
            assert sid not in found
    unconditional = {s for s, statement in found.items() if "Condition" not in statement}
    assert unconditional == set(found) - {"KeyToRead", "KeyToWrite"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_a_wildcard_but_what_has_no_name(policies: Mapping[str, Any], name: str) -> None:
    for sid, statement in statements(policies[name]).items():
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action or "?" in action]
        wild = [resource for resource in statement["Resource"] if "*" in resource]
        if sid in ("Log", "Trace"):  # see basics
            continue
        if sid.endswith("Objects"):  # of a named bucket
            assert set(statement["Action"]) <= OBJECTS
            assert all(r.startswith(f"arn:aws:s3:::{PREFIX}-") for r in statement["Resource"])
        elif sid == "MapRuns":  # of a named machine; the rest is the run's own id
            assert wild == [
                f"arn:aws:states:{REGION}:{ACCOUNT}:mapRun:{PREFIX}-users-distributed/users:*"
            ]
        elif sid == "ControlExecutions":  # of a named machine; the rest is the execution's name
            assert wild == [f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{PREFIX}-control:*"]
        else:
            assert wild == []


def test_who_records_preferences_can_do_nothing_but_put_them(policies: Mapping[str, Any]) -> None:
    found = statements(policies["RecordPreference"])
    assert found.pop("InterestsTable")["Action"] == ["dynamodb:PutItem"]
    assert set(found) == {"Log", "Trace", "KeyToRead"}


def test_a_policy_is_no_longer_than_iam_takes(policies: Mapping[str, Any]) -> None:
    """With names of the longest prefix that is permitted."""
    for name, policy in policies.items():
        text = json.dumps(policy, separators=(",", ":"))
        assert len(text.replace(PREFIX, "e" * 31)) < MOST / 2, name
