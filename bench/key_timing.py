"""What checking a key takes, and whether the time tells anything about the key.

``python bench/key_timing.py``: medians of interleaved rounds, one ``name=value`` a line. The
first group checks keys that differ from the right one in known places; the second is what the
gate adds to one request.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median

from endcap.app.keys import change
from endcap.bootstrap import open_shop
from endcap.control import api_keys
from endcap.domain.errors import Unauthorized
from endcap.serving.guard import Guard
from endcap.serving.routes import ROUTES
from endcap.settings import load_settings

ID, SECRET = bytes(range(1, 7)), bytes(range(32))
KEY = api_keys.key_text(ID.hex(), SECRET)
HEADERS = [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"bench"), (b"accept", b"*/*")]


def now() -> int:
    return time.time_ns() // 1000


def median_ns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Of each call, in an order that changes with every round; 20 calls a measurement."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            call = calls[name]
            began = time.perf_counter_ns()
            for _ in range(20):
                call()
            times[name].append((time.perf_counter_ns() - began) / 20)
    return {name: median(values) for name, values in times.items()}


def refused(keys: dict[str, api_keys.ApiKey], text: str) -> Callable[[], None]:
    def call() -> None:
        with suppress(Unauthorized):
            api_keys.check(keys, text, 0)

    return call


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3000)
    rounds = parser.parse_args().rounds
    route = next(route for route in ROUTES if route.name == "personalized")
    with tempfile.TemporaryDirectory() as folder:
        calls: dict[str, Callable[[], object]] = {}
        for mode, rate in (("open", 0), ("required", 0), ("required_rated", 1_000_000)):
            auth = mode.partition("_")[0]
            home = Path(folder) / mode
            shop = open_shop(load_settings({}, home=home, auth=auth, rate_per_s=rate))
            make = lambda s=shop: api_keys.create(  # noqa: E731
                s.documents, ID, SECRET, now(), name="bench", scopes=("read",)
            )
            change(shop, now(), make)
            scope = {"method": "GET", "headers": [*HEADERS, (b"x-api-key", KEY.encode())]}
            guard = Guard(shop, now)
            calls[f"gate_{mode}_ns"] = lambda g=guard, s=scope: (  # type: ignore[misc]
                g.preflight(s, ()), g.admit(s, route), g.origins.headers(s)
            )  # fmt: skip
        ring = {key.id: key for key in api_keys.api_keys(shop.documents)}
        first, last = KEY[:16] + "B" + KEY[17:], KEY[:-1] + "A"
        wrong = {"wrong_first": first, "wrong_last": last, "wrong_all": KEY[:16] + "z" * 43,
                 "unknown_id": "ek_ffffffffffff_" + KEY[16:]}  # fmt: skip
        checks = {f"check_{name}_ns": refused(ring, text) for name, text in wrong.items()}
        for name, value in median_ns({**calls, **checks}, rounds).items():
            print(f"{name}={value:.0f}")


if __name__ == "__main__":
    main()
