"""What ``shapes.json`` says: the operations of the three services, with the shapes of their input
and output."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

CONTROL, EVENTS, RUNTIME = "personalize", "personalize-events", "personalize-runtime"
TARGET = "AmazonPersonalize."  # before an operation's name in the header X-Amz-Target
LAST_SPACE = 0x3000  # no character of Unicode's spaces lies behind it


@dataclass(eq=False)
class Shape:
    """One shape of a service model. ``type``: structure, list, map, string, boolean, integer,
    float, double or timestamp. ``least``, ``most``: of a number's value, else of the length."""

    name: str
    type: str
    required: tuple[str, ...] = ()
    members: dict[str, Shape] = field(default_factory=dict)
    member: Shape | None = None
    key: Shape | None = None
    value: Shape | None = None
    least: float | None = None
    most: float | None = None
    pattern: str = ""
    choices: tuple[str, ...] = ()
    sensitive: bool = False

    def matches(self, text: str) -> bool:
        return not self.pattern or compiled(self.pattern).fullmatch(text) is not None


@dataclass(frozen=True, eq=False)
class Operation:
    """``errors``: the modelled ones with their HTTP status, in the model's order."""

    name: str
    service: str
    path: str
    input: Shape
    output: Shape | None
    errors: Mapping[str, int]

    @property
    def is_json(self) -> bool:
        """Asked by the name of a target; the others by their path."""
        return self.service == CONTROL


@cache
def operations() -> dict[str, Operation]:
    """All operations by name."""
    with Path(__file__).with_name("shapes.json").open(encoding="utf-8") as file:
        services = json.load(file)
    found: dict[str, Operation] = {}
    for service, model in services.items():
        known: dict[str, Shape] = {}
        for name, told in model["operations"].items():
            given = _shape(model["shapes"], told["input"], known)
            output = told["output"] and _shape(model["shapes"], told["output"], known)
            found[name] = Operation(
                name, service, told["path"], given, output or None, told["errors"]
            )
    return found


@cache
def by_path() -> dict[str, Operation]:
    """Those operations that are asked by path."""
    return {known.path: known for known in operations().values() if not known.is_json}


def _shape(shapes: Mapping[str, Any], name: str, known: dict[str, Shape]) -> Shape:
    if name in known:
        return known[name]
    told = shapes[name]
    made = known[name] = Shape(
        name,
        told["type"],
        required=tuple(told.get("required", ())),
        least=told.get("min"),
        most=told.get("max"),
        pattern=told.get("pattern", ""),
        choices=tuple(told.get("enum", ())),
        sensitive=told.get("sensitive", False),
    )
    for member, below in told.get("members", {}).items():
        made.members[member] = _shape(shapes, below, known)
    for side in ("member", "key", "value"):
        if side in told:
            setattr(made, side, _shape(shapes, told[side], known))
    return made


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A model's pattern, which is Java's, as one of Python: to be matched against all of a text."""
    if r"\p{L}" not in pattern:
        return re.compile(pattern.replace(r"\p{ASCII}", r"[\x00-\x7f]"), re.ASCII)
    # In Unicode \w is letters and numbers with _, which these patterns permit as well.
    spaces = "".join(
        re.escape(chr(code))
        for code in range(LAST_SPACE + 1)
        if unicodedata.category(chr(code))[0] == "Z"
    )
    mended = pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", "").replace(r"\p{Z}", spaces)
    return re.compile(mended)
