"""Query strings and path segments: decoded strictly, each parameter at most once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from endcap.domain.errors import InvalidInput
from endcap.domain.filter_values import needs_item, read_filtering, read_values
from endcap.domain.filters import Filtering
from endcap.domain.values import OF_PAGE, OF_VISITOR, Attributes
from endcap.serving.shapes import DEFAULT_K, MOST_ID, MOST_K

MOST_QUERY_BYTES = 8192
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

CONTEXT = (*OF_PAGE, *OF_VISITOR)  # what a client may say about the page and about who asks

Parameters = dict[str, str]


def parse_query(raw: bytes) -> Parameters:
    """Raises InvalidInput: query_too_long, bad_encoding, duplicate_parameter."""
    if not raw:
        return {}
    if len(raw) > MOST_QUERY_BYTES:
        raise InvalidInput("query_too_long", field="query", length=len(raw), most=MOST_QUERY_BYTES)
    if b"%" not in raw and b"+" not in raw and raw.isascii():  # the usual: as it is
        plain = [part.partition("=") for part in raw.decode().split("&") if part]
        usual = {name: value for name, _, value in plain}
        if len(usual) == len(plain):
            return usual
    found: Parameters = {}
    pairs = [part.partition(b"=") for part in raw.split(b"&") if part]
    for raw_name, _, raw_value in pairs:
        name = _text(raw_name, "query")
        if name in found:
            count = sum(_text(other, "query") == name for other, _, _ in pairs)
            raise InvalidInput("duplicate_parameter", field=name, count=count)
        found[name] = _text(raw_value, name)
    return found


def _text(raw: bytes, field: str) -> str:
    return decode_segment(raw.replace(b"+", b" "), field)


def decode_segment(raw: bytes, field: str) -> str:
    """Percent-decoded UTF-8. Raises InvalidInput (bad_encoding)."""
    try:
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        raise InvalidInput("bad_encoding", field=field) from None


def check_id(value: str, field: str) -> str:
    """The id as it came. Raises InvalidInput: missing_member, id_too_long, id_unprintable."""
    if not value:
        raise InvalidInput("missing_member", field=field)
    if len(value) > MOST_ID:
        raise InvalidInput("id_too_long", field=field, value=value, most=MOST_ID, length=len(value))
    if not value.isprintable() and _CONTROL.search(value):
        raise InvalidInput("id_unprintable", field=field, value=value)
    return value


def read_id(parameters: Parameters, field: str) -> str:
    return check_id(parameters.get(field, ""), field)


def read_k(parameters: Parameters) -> int:
    """Raises InvalidInput (k_out_of_range) for anything but a whole number from 1 to 100."""
    text = parameters.get("k")
    if text is None:
        return DEFAULT_K
    if len(text) < 10 and text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_K:
        return int(text)
    raise InvalidInput("k_out_of_range", field="k", value=text, most=MOST_K)


def read_choice(parameters: Parameters, field: str, permitted: Sequence[str]) -> str | None:
    """None when absent. Raises InvalidInput (bad_choice)."""
    text = parameters.get(field)
    if text is None or text in permitted:
        return text
    raise InvalidInput("bad_choice", field=field, value=text, permitted=", ".join(permitted))


def read_context(parameters: Parameters) -> Attributes:
    """Raises InvalidInput as ``check_id`` does."""
    said = [name for name in CONTEXT if name in parameters]
    return {name: check_id(parameters[name], name) for name in said} if said else {}


def read_filter(parameters: Parameters) -> Filtering | None:
    """None when absent. Raises InvalidInput: filter_without_text, and what ``read_values`` and
    ``read_filtering`` raise."""
    text, values = parameters.get("filter"), parameters.get("filterValues")
    if text is None and values is None:
        return None
    return filter_of(text, {} if values is None else read_values(values))


def filter_of(text: str | None, values: Mapping[str, Any] | None) -> Filtering | None:
    """What a request gave; None: nothing."""
    if text is not None:
        return read_filtering(text, values or {})
    if values is not None:
        raise InvalidInput("filter_without_text", field="filterValues")
    return None


def about_no_item(asked: Filtering | None) -> Filtering | None:
    """The same. Raises InvalidInput (filter_needs_item) where it speaks of the current item."""
    if asked is not None and needs_item(asked):
        raise InvalidInput("filter_needs_item", field="filter", value=asked.text)
    return asked


def read_flag(parameters: Parameters, field: str) -> bool:
    """False when absent. Raises InvalidInput (bad_choice)."""
    return read_choice(parameters, field, ("true", "false")) == "true"
