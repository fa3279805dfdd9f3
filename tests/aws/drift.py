"""What a second plan shows though nothing changed, and why: of the emulator, not of ``infra/``.

(the end of a resource's address, without indices) → (attributes, reason).
"""

from __future__ import annotations

import re
from typing import Any

KNOWN: dict[str, tuple[tuple[str, ...], str]] = {
    "aws_s3_bucket_notification.this": (
        ("eventbridge",),
        "moto keeps the notifications to EventBridge, sends them, and answers without them",
    ),
}


def unexplained(plan: dict[str, Any]) -> dict[str, list[str]]:
    """address → attributes that would change, beside those that are known."""
    found = {}
    for change in plan.get("resource_changes", ()):
        told = change["change"]
        if told["actions"] in (["no-op"], ["read"]) or change["mode"] == "data":
            continue
        kind = re.sub(r"\[[^\]]*\]", "", f"{change['type']}.{change['name']}")
        allowed = KNOWN[kind][0] if kind in KNOWN and told["actions"] == ["update"] else ()
        more = [name for name in differing(told) if name not in allowed]
        if more or told["actions"] != ["update"]:
            found[change["address"]] = [*told["actions"], *more]
    return found


def differing(told: dict[str, Any]) -> list[str]:
    before, after = told["before"] or {}, told["after"] or {}
    unknown = told.get("after_unknown") or {}
    names = {*before, *after, *(name for name, value in unknown.items() if value)}
    return sorted(n for n in names if unknown.get(n) or before.get(n) != after.get(n))
