"""The keeper: one process for each dataset group that compacts the log and writes snapshots.

It works under a lease (a file lock), so that a second server on the same home only waits.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from threading import Event

from endcap.adapters.parameters import resolved
from endcap.app.compaction import keeper_round
from endcap.app.shop import Shop
from endcap.bootstrap import open_shop, prepare_kernels
from endcap.bootstrap.places import lease, make
from endcap.control.dataset_groups import folder
from endcap.domain.errors import EndcapError
from endcap.entrypoints.apart import settle_apart
from endcap.entrypoints.bonds import Bonds, end_with_supervisor, tell
from endcap.entrypoints.heap import give_back
from endcap.entrypoints.logs import log_to_stderr
from endcap.entrypoints.preload import Preloaded
from endcap.settings import Settings, load_settings

log = logging.getLogger("endcap.keeper")

LONGEST_PAUSE_S = 60.0


def keep(shop: Shop, stop: Event) -> None:
    """A round each ``keeper_interval_s`` until ``stop``; a failed round is tried again later."""
    failures, settling = 0, settle_apart(stop)
    while not stop.wait(min(shop.settings.keeper_interval_s * 2**failures, LONGEST_PAUSE_S)):
        began = time.perf_counter()
        shop.telemetry.gauge("sign_timestamp_seconds", time.time())
        try:
            done = keeper_round(shop, time.time_ns() // 1000, settling)
            failures = 0
        except Exception:
            failures = min(failures + 1, 10)
            shop.telemetry.count("keeper_rounds_total", outcome="failed")
            log.exception("round failed")
            continue
        shop.telemetry.count("keeper_rounds_total", outcome="done")
        shop.telemetry.observe("keeper_round_seconds", time.perf_counter() - began)
        if done.snapshot:
            facts = {"snapshot": done.snapshot, "compacted_bytes": done.compacted_bytes}
            log.info("compacted", extra={"facts": facts})
        if done.snapshot or done.completed:
            give_back()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m endcap.entrypoints.keeper")
    for name in ("--status", "--lifeline"):
        parser.add_argument(name, type=int, required=True)
    given = parser.parse_args(arguments)
    settings = load_settings(resolved(os.environ))
    log_to_stderr(settings.log_level)
    return run(settings, Bonds(given.status, given.lifeline))


def run(settings: Settings, bonds: Bonds, preloaded: Preloaded | None = None) -> int:
    """Keep the group until the end; the exit code. ``preloaded`` as in ``worker.run``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the supervisor says when to end
    end_with_supervisor(bonds.lifeline)
    prepare_kernels(settings)
    stop = Event()
    try:
        root = make(folder(settings.home, settings.group))
        with lease(root / "keeper.lock"):
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
            shop = open_shop(  # no name here may hold what was preloaded: it would never go
                settings, process="keeper", loaded=preloaded.take() if preloaded else None
            )
            tell(bonds.status, ready=True)
            keep(shop, stop)
    except EndcapError as error:
        log.error("cannot start", extra={"facts": {"code": error.code}})
        tell(bonds.status, ready=False, why=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
