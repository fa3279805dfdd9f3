"""The error tree. Every failure that a person may see is one of these.

An error carries a ``code`` (a key of ``MESSAGES``), and where they apply the ``field``, the
``value`` that was given, and what is ``permitted``. The prose lives in ``messages.py`` alone.
"""

from __future__ import annotations

from typing import Any

from endcap.domain.messages import MESSAGES


class EndcapError(Exception):
    """Base of all errors. ``status`` is the HTTP status that the API answers with."""

    status = 500

    def __init__(self, code: str, *, field: str = "", value: Any = None, **facts: Any) -> None:
        self.code = code
        self.field = field
        self.value = value
        self.facts = facts
        super().__init__(MESSAGES[code].format(field=field, value=shorten(value), **facts))


class InvalidInput(EndcapError):
    """The caller can mend it: a bad value, file, row or setting."""

    status = 400


class Unauthorized(EndcapError):
    """Nobody we know asks: the key or token is missing, wrong or no longer valid."""

    status = 401


class Forbidden(EndcapError):
    """Who asks is known, or plainly foreign, and may not do this."""

    status = 403


class NotFound(EndcapError):
    """There is none of that name."""

    status = 404


class Conflict(EndcapError):
    """The resource exists already, or changed since it was read."""

    status = 409


class InUse(EndcapError):
    """The resource cannot be changed or deleted now: others need it, or work at it."""

    status = 409


class OverLimit(EndcapError):
    """More resources of a kind than are permitted."""

    status = 400


class BadToken(InvalidInput):
    """A token that asks for the next page, and is none that we gave."""


class TooManyTags(InvalidInput):
    """More tags than a resource may have."""


class TooManyTagKeys(InvalidInput):
    """More keys of tags than one call may name."""


class TooLarge(EndcapError):
    """More than Endcap takes at once."""

    status = 413


class Mismatch(EndcapError):
    """An idempotency key that was used with another body."""

    status = 422


class Damaged(EndcapError):
    """A file of Endcap's own state does not hold what its checksum says."""

    status = 500


class Unavailable(EndcapError):
    """For the moment only: try again after ``retry_after_s`` seconds."""

    status = 503

    def __init__(self, code: str, *, retry_after_s: int = 1, **facts: Any) -> None:
        super().__init__(code, **facts)
        self.retry_after_s = retry_after_s


class OverRate(EndcapError):
    """More requests than one asker may send: try again after ``retry_after_s`` seconds."""

    status = 429

    def __init__(self, code: str, *, retry_after_s: int = 1, **facts: Any) -> None:
        super().__init__(code, retry_after_s=retry_after_s, **facts)
        self.retry_after_s = retry_after_s


def shorten(value: Any, limit: int = 80) -> str:
    """A value as an error shows it: one line, at most ``limit`` characters."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else "·" for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
