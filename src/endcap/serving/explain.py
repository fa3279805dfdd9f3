"""From msgspec's account of a wrong body to our error: code, member, value, what is permitted."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from endcap.domain.errors import EndcapError, InvalidInput
from endcap.domain.values import EVENT_TYPES, SEEN_POLICIES
from endcap.serving.shapes import MOST_ID, MOST_K

_AT = re.compile(r"(?s)(.*?)(?: - at `\$(.*)`)?")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_EXPECTED = re.compile(r"Expected `(\w+)")

_CHOICES = {
    "event_type": EVENT_TYPES,
    "seen": SEEN_POLICIES,
    "event": ("get_recommendations",),
}
# Members that a body cannot do without: null counts as missing.
_REQUIRED = frozenset(
    ("userId", "itemId", "event_type", "user_id", "event", "customer_id", "interest", "location")
)
_TYPES = {
    "str": "not_a_string",
    "float": "not_a_number",
    "int": "not_an_integer",
    "array": "not_a_list",
    "object": "not_an_object",
}


def explain(account: str, raw: bytes) -> EndcapError:
    """``account``: the text of msgspec's ValidationError for the body ``raw``."""
    matched = _AT.fullmatch(account)
    said, path = (matched.group(1), matched.group(2) or "") if matched else (account, "")
    if said == "Number out of range":
        field = path.replace("[...]", "").lstrip(".")
        return InvalidInput("number_out_of_range", field=field or "body")
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return InvalidInput("bad_json", field="body", reason=str(error))
    field, value, attribute = _locate(body, path)
    if missing := _MISSING.search(said):
        name = missing.group(1)
        return InvalidInput("missing_member", field=f"{field}.{name}" if field else name)
    if attribute:
        return InvalidInput("bad_attribute", field=field, value=value)
    return _of_member(said, field, value)


def _of_member(said: str, field: str, value: Any) -> EndcapError:
    name = field.rpartition(".")[2]
    if name == "k":
        return InvalidInput("k_out_of_range", field=field, value=value, most=MOST_K)
    if "length >=" in said or (value is None and name in _REQUIRED):
        return InvalidInput("missing_member", field=field)
    if "length <=" in said:
        return InvalidInput(
            "id_too_long", field=field, value=value, most=MOST_ID, length=len(value)
        )
    if name in _CHOICES:
        permitted = ", ".join(_CHOICES[name])
        return InvalidInput("bad_choice", field=field, value=value, permitted=permitted)
    expected = _EXPECTED.match(said)
    code = _TYPES.get(expected.group(1), "") if expected else ""
    if not code:
        return InvalidInput("bad_json", field=field or "body", reason=said)
    return InvalidInput(code, field=field or "body", value=value)


def _locate(body: Any, path: str) -> tuple[str, Any, bool]:
    """(member's name as people write it, its value, whether it lies among free attributes)."""
    field, value = "", body
    for name, position in _STEP.findall(path):
        if position == "...":
            key = next((k for k, v in value.items() if not _is_attribute(v)), "")
            return f"{field}.{key}" if field else key, value.get(key), True
        if position:
            field, value = f"{field}[{position}]", value[int(position)]
        else:
            field, value = f"{field}.{name}" if field else name, value[name]
    return field, value, False


def _is_attribute(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(text, str) for text in value)
    if isinstance(value, float):
        return abs(value) != float("inf")
    return value is None or isinstance(value, str | int | bool)
