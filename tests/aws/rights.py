"""Roles as they stand in an account, beside what their functions asked (``calls.py``)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import unquote

# What Lambda and the services do with a function's role, not its code: no call of its own shows it.
BY_SERVICES = {
    "logs:CreateLogStream": "Lambda writes the log",
    "logs:PutLogEvents": "Lambda writes the log",
    "xray:PutTraceSegments": "Lambda's daemon sends the traces",
    "xray:PutTelemetryRecords": "Lambda's daemon sends the traces",
    "kms:Decrypt": "S3, DynamoDB, Kinesis and SNS ask for the key in the name of who asks them",
    "kms:GenerateDataKey": "S3, Kinesis and SNS ask for the key in the name of who asks them",
}
# The stream's records are read by the event source mapping of Lambda, with the function's role.
BY_MAPPING = (
    "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords",
    "kinesis:GetShardIterator", "kinesis:ListShards",
)  # fmt: skip


class Right(NamedTuple):
    action: str
    resource: str  # a pattern of ARNs

    def said(self, name: str) -> str:
        """As the list of unused rights has it: ``action resource``, without account and prefix."""
        resource = re.sub(rf"{name}-|-\d{{12}}\b", "", self.resource.rpartition(":")[2])
        return f"{self.action} {resource}"


def policies_of(iam: Any, role: str) -> list[dict[str, Any]]:
    """The documents of a role's own policies; it must have no others."""
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    found = [iam.get_role_policy(RoleName=role, PolicyName=n)["PolicyDocument"] for n in names]
    return [json.loads(unquote(one)) if isinstance(one, str) else one for one in found]


def rights_of(policies: Iterable[Mapping[str, Any]]) -> set[Right]:
    return {
        Right(action, resource)
        for policy in policies
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def missing(asked: Iterable[tuple[str, str]], rights: Iterable[Right]) -> set[tuple[str, str]]:
    """The calls, (action, ARN), that no right allows."""
    held = list(rights)
    return {call for call in asked if not any(allows(right, call) for right in held)}


def unused(asked: Iterable[tuple[str, str]], rights: Iterable[Right]) -> set[Right]:
    """The rights that no call needed, beside those that only services use."""
    calls = list(asked)
    by_services = {*BY_SERVICES, *BY_MAPPING}
    return {
        right
        for right in rights
        if right.action not in by_services and not any(allows(right, call) for call in calls)
    }


def allows(right: Right, call: tuple[str, str]) -> bool:
    return right.action == call[0] and fnmatchcase(call[1], right.resource)


def listed(one_or_many: str | Iterable[str]) -> list[str]:
    return [one_or_many] if isinstance(one_or_many, str) else list(one_or_many)
