"""Any text as PostgreSQL can hold it: text of its own has no U+0000.

U+0000 becomes U+0001 U+0001, and U+0001 becomes U+0001 U+0002: texts keep their order.
"""

from __future__ import annotations

_ZERO, _ONE = "\0", "\1"


def stored(text: str) -> str:
    """``text`` as it stands in a table."""
    if _ZERO not in text and _ONE not in text:
        return text
    return text.replace(_ONE, "\1\2").replace(_ZERO, "\1\1")


def told(text: str) -> str:
    """What ``stored`` was given."""
    if _ONE not in text:
        return text
    return text.replace("\1\1", _ZERO).replace("\1\2", _ONE)
