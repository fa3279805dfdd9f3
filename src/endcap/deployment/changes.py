"""What a plan of Terraform would do, in a few lines: by module, with what would be lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

# What holds data that nothing else holds.
STATEFUL = ("aws_cognito_user_pool", "aws_db_instance", "aws_dynamodb_table", "aws_ecr_repository",
            "aws_kinesis_stream", "aws_kms_key", "aws_s3_bucket")  # fmt: skip


class Changes(Struct, frozen=True):
    """``modules``: (module, created, changed, destroyed); a replacement is created and destroyed.
    ``lost``: what holds data and would go; ``tainted``: what an earlier apply left half made."""

    modules: list[tuple[str, int, int, int]]
    lost: list[str]
    tainted: list[str]

    @property
    def nothing(self) -> bool:
        return not self.modules


def changes_of(plan: Mapping[str, Any]) -> Changes:
    """Of a plan as ``terraform show -json`` describes it."""
    counts: dict[str, Counter[str]] = {}
    lost, tainted = [], []
    for one in plan.get("resource_changes", []):
        actions = set(one["change"]["actions"]) - {"no-op", "read"}
        if not actions:
            continue
        counts.setdefault(short_module(one["address"]), Counter()).update(actions)
        if "delete" in actions and one["type"] in STATEFUL:
            lost.append(one["address"])
        if one.get("action_reason") == "replace_because_tainted":
            tainted.append(one["address"])
    modules = [(m, n["create"], n["update"], n["delete"]) for m, n in sorted(counts.items())]
    return Changes(modules, lost, tainted)


def short_module(address: str) -> str:
    """``module.endcap.module.lake.aws_s3_bucket.this`` → ``lake``."""
    words = address.replace("[0]", "").split(".")
    names = [words[n + 1] for n, word in enumerate(words) if word == "module"]
    return names[1] if len(names) > 1 else names[0] if names else "root"


class Standing(NamedTuple):
    address: str
    kind: str
    values: Mapping[str, Any]


def standing(state: Mapping[str, Any]) -> Iterator[Standing]:
    """Resources of a state file (version 4), with their addresses."""
    for one in state.get("resources", []):
        if one["mode"] != "managed":
            continue
        place = ".".join(filter(None, (one.get("module"), one["type"], one["name"])))
        for instance in one["instances"]:
            key = instance.get("index_key")
            index = "" if key is None else f"[{json.dumps(key)}]"
            yield Standing(place + index, one["type"], instance.get("attributes") or {})


def outputs_of(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: made["value"] for name, made in state.get("outputs", {}).items()}


def protected(state: Mapping[str, Any]) -> list[str]:
    """Addresses whose deletion AWS would refuse."""
    return [
        one.address
        for one in standing(state)
        if one.values.get("deletion_protection_enabled") is True
        or one.values.get("deletion_protection") in (True, "ACTIVE")
    ]


class Progress:
    """Terraform's lines as one line for each module, told when it changes."""

    def __init__(self, tell: Any) -> None:
        self.tell = tell
        self.begun: Counter[str] = Counter()
        self.done: Counter[str] = Counter()

    def __call__(self, line: Mapping[str, Any]) -> None:
        kind = line.get("type")
        if kind not in ("apply_start", "apply_complete", "apply_errored"):
            return
        module = short_module(line["hook"]["resource"]["addr"])
        self.begun[module] += kind == "apply_start"
        self.done[module] += kind != "apply_start"
        if kind == "apply_errored":
            self.tell(f"{module}: {line['hook']['resource']['addr']} failed")
        elif self.done[module] == self.begun[module]:
            self.tell(f"{module}: {self.done[module]} done")
