"""Taking up what is published while an instance lives that nobody tells."""

from __future__ import annotations

from collections.abc import Callable

from endcap.app.answers import note
from endcap.app.published import published
from endcap.app.reloading import prepare, take_up
from endcap.app.shop import Shop
from endcap.domain.errors import Unavailable
from endcap.engine.guarding import reason_of
from endcap.engine.moment import Live

LOOK_EVERY_S = 1.0


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

    def look(self) -> None:
        """Load what the pointers name now, where they moved; at most once in a second. What cannot
        be reached now is left for the next look, what cannot be loaded until a pointer moves again:
        what serves goes on. Raises nothing."""
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
        except Unavailable as error:
            self._shop.telemetry.count("load_failures_total", code=error.code)
            return
        except Exception as error:
            note(self._shop, "load", reason_of(error), error)
        self._names = names
