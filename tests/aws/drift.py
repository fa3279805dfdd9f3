"""What a second plan, or a step that has no business with it, shows though nothing changed, and
why. What the emulator would answer otherwise than it was told stands in ``terraform_answers.py``.

(the end of a resource's address, without indices) → (attributes, reason).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

KNOWN: dict[str, tuple[tuple[str, ...], str]] = {
    f"aws_glue_catalog_table.{tables}": (
        ("partition_index",),
        "the provider keeps nothing of it at first, and an empty list from the next plan on",
    )
    for tables in ("closed", "open", "lines")
}


def unexplained(plan: dict[str, Any]) -> dict[str, list[str]]:
    """address → attributes that would change, beside those that are known."""
    found = {}
    for change in plan.get("resource_changes", ()):
        told = change["change"]
        if told["actions"] in (["no-op"], ["read"]) or change["mode"] == "data":
            continue
        more = beside_known(change["address"], differing(told))
        if more or told["actions"] != ["update"]:
            found[change["address"]] = [*told["actions"], *more]
    return found


def beside_known(address: str, names: Iterable[str]) -> list[str]:
    """Those attributes of a resource whose difference nothing here explains."""
    kind = ".".join(re.sub(r"\[[^\]]*\]", "", address).rsplit(".", 2)[-2:])
    allowed = KNOWN[kind][0] if kind in KNOWN else ()
    return [name for name in names if name not in allowed]


def differing(told: dict[str, Any]) -> list[str]:
    before, after = told["before"] or {}, told["after"] or {}
    unknown = told.get("after_unknown") or {}
    names = {*before, *after, *(name for name, value in unknown.items() if value)}
    return sorted(n for n in names if unknown.get(n) or before.get(n) != after.get(n))
