"""What a person asks for: the size, period and seed of a synthetic shop."""

from __future__ import annotations

from msgspec import Struct

from endcap.domain.errors import InvalidInput

DAY_S = 86_400
MOST_EVENTS_PER_SHOPPER = 50_000  # a shopper's events are made in one piece
MOST_EVENTS_PER_DAY = 500
LAST_SECOND = 253_402_300_799  # the end of the year 9999


class Plan(Struct, frozen=True):
    """``start_s`` is a midnight UTC in epoch seconds. ``events`` is the expected number."""

    users: int = 2_000
    items: int = 1_000
    events: int = 100_000
    days: int = 90
    seed: int = 0
    start_s: int = 1_735_689_600  # 2025-01-01

    @property
    def split_day(self) -> int:
        """The first day of the last tenth of the period, at least one day before its end."""
        return self.days - max(1, round(self.days / 10))

    @property
    def split_s(self) -> int:
        return self.start_s + self.split_day * DAY_S

    @property
    def end_s(self) -> int:
        return self.start_s + self.days * DAY_S


_RANGES = {
    "users": (1, 50_000_000),
    "items": (100, 2_000_000),
    "events": (1, 5_000_000_000),
    "days": (2, 3_650),
    "seed": (0, 2**31 - 1),
}


def check(plan: Plan) -> None:
    """Raises InvalidInput (count_out_of_range, too_many_events, start_out_of_range)."""
    for name, (least, most) in _RANGES.items():
        value = getattr(plan, name)
        if not least <= value <= most:
            raise InvalidInput(
                "count_out_of_range", field=name, value=value, least=least, most=most
            )
    most = min(MOST_EVENTS_PER_SHOPPER, plan.days * MOST_EVENTS_PER_DAY)
    if plan.events > plan.users * most:
        raise InvalidInput(
            "too_many_events", field="events", value=plan.events, most=plan.users * most
        )
    if plan.start_s < 0 or plan.start_s % DAY_S or plan.end_s > LAST_SECOND:
        raise InvalidInput("start_out_of_range", field="start", value=plan.start_s)
