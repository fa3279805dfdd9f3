"""Taking up what is published while an instance lives that nobody tells."""

from __future__ import annotations

from collections.abc import Callable

from endcap.app.answers import note
from endcap.app.published import published
from endcap.app.reloading import prepare, take_up
from endcap.app.shop import Shop
from endcap.app.totals import Kept, kept
from endcap.domain.errors import Unavailable
from endcap.engine.guarding import reason_of
from endcap.engine.moment import Live

LOOK_EVERY_S = 1.0
TELL_EVERY_S = 60.0


class Follower:
    """``names``: what was published when the shop was opened. ``clock`` gives seconds, those of a
    pause included. ``warm``: what is done with a new
    ``Live`` before it serves."""

    def __init__(
        self,
        shop: Shop,
        names: tuple[str, str],
        clock: Callable[[], float],
        warm: Callable[[Live], None] = lambda _: None,
    ) -> None:
        self._shop, self._names, self._clock, self._warm = shop, names, clock, warm
        self._looked = clock()
        self._told = -TELL_EVERY_S
        self._kept: Kept | None = None  # of what ``names`` name

    def look(self) -> None:
        """Load what the pointers name now, where they moved; at most once in a second. What cannot
        be reached now is left for the next look, what cannot be loaded until a pointer moves again:
        what serves goes on. Raises nothing."""
        if not 0 <= self._clock() - self._told < TELL_EVERY_S:
            self._tell_ages()
        if 0 <= self._clock() - self._looked < LOOK_EVERY_S:
            return
        self._looked = self._clock()
        names = self._names
        try:
            names = published(self._shop.documents)
            if names != self._names:
                loaded = prepare(self._shop)
                self._warm(loaded.live)
                take_up(self._shop, loaded)
                self._kept = None
        except Unavailable as error:
            self._shop.telemetry.count("load_failures_total", code=error.code)
            return
        except Exception as error:
            note(self._shop, "load", reason_of(error), error)
        self._names = names

    def _tell_ages(self) -> None:
        """How old it is what answers are made of: as gauges, once in a minute."""
        self._told = self._clock()
        if self._kept is None:
            self._kept = kept(self._shop.documents, 0)
        newest = self._shop.now.state.newest_ts
        for name, then in (
            ("model_age_seconds", self._kept.model_at),
            ("snapshot_age_seconds", self._kept.snapshot_at),
            ("newest_event_age_seconds", newest),
        ):
            if then:
                self._shop.telemetry.gauge(name, max(self._told - then / 1e6, 0.0))
