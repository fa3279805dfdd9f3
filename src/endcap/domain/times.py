"""Times: ISO 8601 texts to microseconds since 1970 UTC and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from endcap.domain.errors import InvalidInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY_US = 86_400_000_000


def parse_iso(text: str, field: str = "ts") -> int:
    """µs UTC of an ISO 8601 date or time; without an offset it is UTC.

    Raises InvalidInput (bad_time).
    """
    try:
        moment = datetime.fromisoformat(text)
    except (ValueError, TypeError) as error:
        raise InvalidInput("bad_time", field=field, value=text) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // MICROSECOND


def iso(at: int) -> str:
    """``2025-08-16T18:30:00Z`` (with a fraction only where there is one)."""
    return (EPOCH + at * MICROSECOND).isoformat().replace("+00:00", "Z")
