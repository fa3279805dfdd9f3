"""Parts of a time in UTC. Plain arithmetic, so that kernels and arrays can use it too."""

from __future__ import annotations

from typing import TypeVar

from endcap.domain.arrays import Int64s
from endcap.domain.times import DAY_US

HOUR_US = DAY_US // 24
Times = TypeVar("Times", int, Int64s)
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday


def hour_of(at: Times) -> Times:
    """0 to 23."""
    return at // HOUR_US % 24


def weekday_of(at: Times) -> Times:
    """0: Monday to 6: Sunday."""
    return (at // DAY_US + _FIRST_WEEKDAY) % 7


def week_of(at: Times) -> Times:
    """Weeks since 1970 that begin on Monday."""
    return (at // DAY_US + _FIRST_WEEKDAY) // 7
