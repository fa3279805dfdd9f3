"""What a process writes of itself a few times a second, for ``/metrics`` and ``endcap doctor``."""

from __future__ import annotations

import math

from endcap.app.intake import Intake
from endcap.app.shop import Shop


class Vitals:
    """One for each worker. Written by the thread that serves: where it hangs, the signs end."""

    def __init__(self, shop: Shop, intake: Intake) -> None:
        self._shop = shop
        self._intake = intake
        self._version = ""

    def write(self, at: int) -> None:
        """``at``: now, in µs."""
        shop, now = self._shop, at / 1e6
        state, gauge = shop.now.state, shop.telemetry.gauge
        gauge("sign_timestamp_seconds", now)
        gauge("applied_offset_bytes", state.offset)
        if shop.log.end() <= state.offset:
            gauge("caught_up_timestamp_seconds", now)
        requests, size = self._intake.waiting
        gauge("intake_waiting_requests", requests)
        gauge("intake_waiting_bytes", size)
        if state.newest_ts:
            gauge("newest_event_timestamp_seconds", state.newest_ts / 1e6)
        version = shop.now.serving.version
        if version != self._version:
            if self._version:
                gauge("model_served", math.nan, version=self._version)
            if version:
                gauge("model_served", 1, version=version)
            self._version = version
