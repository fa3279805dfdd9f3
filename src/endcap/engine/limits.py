"""How much the state of a shop keeps, and how fast its counts fade."""

from __future__ import annotations

from msgspec import Struct

from endcap.domain.errors import InvalidInput
from endcap.settings import Settings

MICROSECONDS_PER_HOUR = 3_600_000_000
MICROSECONDS_PER_DAY = 24 * MICROSECONDS_PER_HOUR


class StateLimits(Struct, frozen=True):
    """``repeat_horizon`` is in µs; both builders of a snapshot and every worker share one value.

    A change of ``history_events`` to a smaller number takes effect as users act again.
    """

    history_events: int = 500
    repeat_horizon: int = 72 * MICROSECONDS_PER_HOUR
    popular_half_life_days: float = 14.0
    trending_half_life_days: float = 1.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not getattr(self, name) > 0:
                value = getattr(self, name)
                raise InvalidInput("bad_setting", field=name, value=value, permitted="above 0")


def limits_of(settings: Settings) -> StateLimits:
    """The limits that the settings ask for."""
    return StateLimits(
        history_events=settings.history_events,
        repeat_horizon=int(settings.repeat_horizon_hours * MICROSECONDS_PER_HOUR),
        popular_half_life_days=settings.popular_half_life_days,
        trending_half_life_days=settings.trending_half_life_days,
    )


def half_life_of(days: float) -> int:
    """In µs, at least one."""
    return max(1, round(days * MICROSECONDS_PER_DAY))
