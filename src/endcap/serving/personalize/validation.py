"""Checks an input against its shape: types, required members, choices, patterns, lengths, ranges.

All that is wrong is told at once, in the words that clients of this API know, with a hint of what
would be right. Members that the shape does not have are left out, as are those that are null.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from endcap.domain.errors import InvalidInput, shorten
from endcap.serving.personalize.shapes import Operation, Shape

MOST_TOLD = 5  # problems of one input whose text is given; the others are counted
NOT_NULL = "Member must not be null"
MOST_INTEGER = 2**31 - 1
TIMES_S = (-62_135_596_800, 253_402_300_799)  # the years 1 to 9999
LOCATION = "S3Location"
LOCAL = "file://"  # locations of this server's own files: beyond the model

HINTS = {
    "Arn": "such as arn:aws:personalize:us-east-1:123456789012:campaign/mine",
    "RoleArn": "such as arn:aws:iam::123456789012:role/mine",
    "KmsKeyArn": "such as arn:aws:kms:us-east-1:123456789012:key/mine",
    "Name": "letters, digits, - and _, and a letter or digit first",
    "DatasetType": "Interactions, Items or Users",
    LOCATION: "such as s3://bucket/folder, or file:///folder of this server",
    "NextToken": "what the page before gave",
    "EventPropertiesJSON": "JSON as text",
    "ItemProperties": "JSON as text",
    "UserProperties": "JSON as text",
    "SchedulingExpression": "such as rate(7 days)",
}
_WORDS = {
    "string": "a string",
    "boolean": "true or false",
    "integer": "a whole number",
    "float": "a number",
    "double": "a number",
    "timestamp": "a number of seconds since 1970",
    "list": "a list",
    "map": "an object",
    "structure": "an object",
}


class Problem(NamedTuple):
    """``value``: as it is shown."""

    path: str
    value: str
    constraint: str

    def __str__(self) -> str:
        shown = f"Value {self.value}" if self.value else "Value"
        return f"{shown} at '{self.path}' failed to satisfy constraint: {self.constraint}"


def validated(operation: Operation, given: Any) -> dict[str, Any]:
    """The input with the members of its shape alone. Raises InvalidInput (wire_input)."""
    problems: list[Problem] = []
    checked = _check(operation.input, given, "", problems)
    if problems:
        told = "; ".join(map(str, problems[:MOST_TOLD]))
        raise InvalidInput(
            "wire_input",
            field=problems[0].path,
            count=len(problems),
            noun="error" if len(problems) == 1 else "errors",
            problems=told,
        )
    assert isinstance(checked, dict)  # noqa: S101 - every input is a structure
    return checked


def _check(shape: Shape, value: Any, path: str, problems: list[Problem]) -> Any:
    if not _TYPES[shape.type](value):
        wanted = NOT_NULL if value is None else f"Member must be {_WORDS[shape.type]}"
        _refuse(problems, shape, path, value, wanted)
        return None
    if shape.type == "structure":
        return _structure(shape, value, path, problems)
    for constraint in _broken(shape, value):
        _refuse(problems, shape, path, value, constraint)
    if shape.type == "list":
        assert shape.member is not None  # noqa: S101 - every list has one
        return [
            _check(shape.member, one, f"{path}.{place}.member", problems)
            for place, one in enumerate(value, 1)
        ]
    if shape.type == "map":
        return _map(shape, value, path, problems)
    return int(value) if shape.type == "integer" else value


def _structure(
    shape: Shape, value: Mapping[str, Any], path: str, problems: list[Problem]
) -> dict[str, Any]:
    checked = {}
    for name, one in value.items():
        if one is not None and name in shape.members:
            at = f"{path}.{name}" if path else name
            checked[name] = _check(shape.members[name], one, at, problems)
    for name in shape.required:
        if name not in checked:
            at = f"{path}.{name}" if path else name
            problems.append(Problem(at, "null", NOT_NULL + _meant(name, value)))
    return checked


def _meant(name: str, given: Mapping[str, Any]) -> str:
    """A member that is missing may stand there under another spelling."""
    lower = {str(key).lower().replace("_", ""): key for key in given}
    found = get_close_matches(name.lower(), lower, n=1, cutoff=0.8)
    return f" (it is written {name}, not {shorten(lower[found[0]])})" if found else ""


def _map(
    shape: Shape, value: Mapping[str, Any], path: str, problems: list[Problem]
) -> dict[str, Any]:
    assert shape.key is not None  # noqa: S101 - every map has both
    assert shape.value is not None  # noqa: S101
    for key in value:
        if broken := _broken(shape.key, key):
            text = f"Map keys must satisfy constraint: [{'; '.join(broken)}]"
            _refuse(problems, shape.key, path, key, text)
    return {
        key: _check(shape.value, one, f"{path}.{shorten(key)}", problems)
        for key, one in value.items()
    }


def _broken(shape: Shape, value: Any) -> list[str]:
    """The constraints of ``shape`` that a value of its type does not satisfy."""
    found = []
    if shape.type in ("string", "list", "map"):
        if shape.most is not None and len(value) > shape.most:
            found.append(f"Member must have length less than or equal to {shape.most:.0f}")
        if shape.least is not None and len(value) < shape.least:
            found.append(f"Member must have length greater than or equal to {shape.least:.0f}")
    elif shape.most is not None and value > shape.most:
        found.append(f"Member must have value less than or equal to {shape.most:g}")
    elif shape.least is not None and value < shape.least:
        found.append(f"Member must have value greater than or equal to {shape.least:g}")
    if shape.choices and value not in shape.choices:
        found.append(f"Member must satisfy enum value set: [{', '.join(shape.choices)}]")
    if shape.pattern and not _matches(shape, value):
        found.append(f"Member must satisfy regular expression pattern: {shape.pattern}")
    return found


def _matches(shape: Shape, value: str) -> bool:
    if shape.name == LOCATION and value.startswith(LOCAL):
        return True
    return shape.matches(value)


def _refuse(problems: list[Problem], shape: Shape, path: str, value: Any, constraint: str) -> None:
    shown = "" if shape.sensitive or isinstance(value, list | dict) else _shown(value)
    hint = f" ({HINTS[shape.name]})" if shape.name in HINTS else ""
    problems.append(Problem(path or "body", shown, constraint + hint))


def _shown(value: Any) -> str:
    plain = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return plain[value]
    return f"'{shorten(str(value))}'"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _is_integer(value: Any) -> bool:
    return _is_number(value) and value == int(value) and abs(value) <= MOST_INTEGER


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "float": _is_number,
    "double": _is_number,
    "timestamp": lambda value: _is_number(value) and TIMES_S[0] <= value <= TIMES_S[1],
    "list": lambda value: isinstance(value, list),
    "map": lambda value: isinstance(value, dict),
    "structure": lambda value: isinstance(value, dict),
}
