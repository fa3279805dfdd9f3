"""Times on the wire (ISO 8601) to microseconds since 1970 UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from endcap.domain.errors import InvalidInput

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DAY_US = 86_400_000_000


def read_time(text: str, field: str, now: int) -> int:
    """µs UTC. Without an offset the time is UTC; digits beyond the microsecond are dropped.

    Raises InvalidInput: bad_time, or time_out_of_range before 1970 and more than a day after
    ``now`` (µs).
    """
    match = _TIME.fullmatch(text) if len(text) <= 40 else None
    if match is None:
        raise InvalidInput("bad_time", field=field, value=text)
    day, minute, second, fraction, offset = match.groups()
    leap = second == "60"  # a leap second counts as the first of the next minute
    try:
        moment = datetime.fromisoformat(
            f"{day}T{minute}:{'59' if leap else second or '00'}{_offset(offset)}"
        )
        at = (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        raise InvalidInput("bad_time", field=field, value=text) from None
    at += leap * 1_000_000 + int((fraction or "0").ljust(6, "0")[:6])
    if not 0 <= at <= now + DAY_US:
        raise InvalidInput("time_out_of_range", field=field, value=text)
    return at


def _offset(offset: str | None) -> str:
    return "+00:00" if offset in (None, "Z", "z") else str(offset)
