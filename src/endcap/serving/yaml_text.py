"""JSON-like values as YAML text: block style, strings quoted as JSON quotes them.

Only what the OpenAPI document needs, so that writing it takes no further library.
"""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN_KEY = re.compile(r"[A-Za-z/$][A-Za-z0-9_/{}$.-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"}


def to_yaml(value: Any) -> str:
    """Ends with a line break. Members keep their order."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, member in value.items() for line in _member(f"{_key(key)}:", member)]
    if isinstance(value, list | tuple) and value:
        return [line for member in value for line in _entry(member)]
    return [_scalar(value)]


def _member(head: str, value: Any) -> list[str]:
    lines = _lines(value)
    if isinstance(value, dict | list | tuple) and value:
        return [head, *(f"  {line}" for line in lines)]
    return [f"{head} {lines[0]}"]


def _entry(value: Any) -> list[str]:
    first, *rest = _lines(value)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _key(key: str) -> str:
    plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS
    return key if plain else _quoted(key)


def _scalar(value: Any) -> str:
    if isinstance(value, dict | list | tuple):
        return "{}" if isinstance(value, dict) else "[]"
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    """JSON's quotes and escapes; YAML wants more characters escaped, and no surrogate pairs."""
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else _escape(ord(c)) for c in plain)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
