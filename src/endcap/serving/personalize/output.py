"""Answers as their shape has them: its members alone, times as seconds, no NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from endcap.serving.personalize.shapes import Operation, Shape

MICROSECONDS = 1_000_000
PLAIN = frozenset({"string", "boolean", "integer"})


def body_of(operation: Operation, answer: Mapping[str, Any] | None) -> Any:
    """What to send as JSON; None: an empty body. Times in ``answer`` are µs since 1970. What is
    None, or a number that JSON does not have, is left out."""
    if operation.output is None:
        return None
    return _structure(operation.output, answer or {})


def _structure(shape: Shape, value: Mapping[str, Any]) -> dict[str, Any]:
    found, members = {}, shape.members
    for name, one in value.items():
        below = members.get(name)
        if below is None or one is None:
            continue
        if below.type in PLAIN:  # most members are: no call for each
            found[name] = one
        elif not _is_lacking(one):
            found[name] = _value(below, one)
    return found


def _value(shape: Shape, value: Any) -> Any:
    if shape.type == "structure":
        return _structure(shape, value)
    if shape.type == "list":
        assert shape.member is not None  # noqa: S101 - every list has one
        return _list(shape.member, value)
    if shape.type == "map":
        assert shape.value is not None  # noqa: S101 - every map has one
        return {k: _value(shape.value, v) for k, v in value.items() if not _is_lacking(v)}
    return round(value / MICROSECONDS, 3) if shape.type == "timestamp" else value


def _list(shape: Shape, values: Sequence[Any]) -> list[Any]:
    return [_value(shape, value) for value in values if not _is_lacking(value)]


def _is_lacking(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
