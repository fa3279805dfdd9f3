"""The registrar: one process for each home that has the control plane's work done.

It looks whether anything was asked for as often as a file's time can be read, begins a job process
for each piece of long work, and begins it again when that vanished. It also keeps the groups that
have no keeper. It works under a lease, so that a second server on the same home only waits.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

from endcap.adapters.parameters import resolved
from endcap.bootstrap import prepare_kernels
from endcap.bootstrap.control import open_control, wake_file
from endcap.bootstrap.jobs import control_jobs_of
from endcap.bootstrap.places import lease
from endcap.domain.errors import EndcapError
from endcap.entrypoints.bonds import Bonds, end_with_supervisor, tell
from endcap.entrypoints.compiling import Compiler
from endcap.entrypoints.housekeeping import Housekeeping, begin_round
from endcap.entrypoints.logs import log_to_stderr
from endcap.entrypoints.preload import Preloaded
from endcap.entrypoints.rota import Rota
from endcap.settings import Settings, load_settings

log = logging.getLogger("endcap.registrar")

LOOK_S = 0.05  # how soon a wake is seen
EVEN_S = 1.0  # how often it looks without one
LONGEST_PAUSE_S = 30.0


def watch(
    rota: Rota,
    housekeeping: Housekeeping,
    mark: Path,
    stop: Event,
    woken: Callable[[], None],
) -> None:
    """Rounds until ``stop``: at each wake, and now and then; a failed one is tried again later.
    ``woken`` is called before the rounds once anybody ever asked for work."""
    failures, due, seen = 0, 0.0, -1
    while not stop.wait(LOOK_S):
        stamp, clock = _stamp(mark), time.monotonic()
        if clock < due and (stamp == seen or failures):
            continue
        seen = stamp  # read before the round: what comes in its middle is not missed
        try:
            if stamp:
                woken()
            rota.round(_now())
            housekeeping.look(clock, rota.busy)
            failures = 0
        except Exception:
            failures = min(failures + 1, 10)
            log.exception("round failed")
        due = time.monotonic() + min(EVEN_S * 2**failures, LONGEST_PAUSE_S)


def _now() -> int:
    return time.time_ns() // 1000


def _stamp(mark: Path) -> int:
    try:
        return mark.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m endcap.entrypoints.registrar")
    for name in ("--status", "--lifeline"):
        parser.add_argument(name, type=int, required=True)
    given = parser.parse_args(arguments)
    settings = load_settings(resolved(os.environ))
    log_to_stderr(settings.log_level)
    return run(settings, Bonds(given.status, given.lifeline))


def run(settings: Settings, bonds: Bonds, preloaded: Preloaded | None = None) -> int:
    """Until the end; the exit code. ``preloaded``: what the supervisor holds for its children: of
    no use here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C: the supervisor says when to end
    end_with_supervisor(bonds.lifeline)
    if preloaded:
        preloaded.take()
    prepare_kernels(settings)
    stop = Event()
    try:
        control = open_control(settings)
        mark = wake_file(settings)
        with lease(mark.with_name("registrar.lock")):
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
            tell(bonds.status, ready=True)
            rota = Rota(control.registry, control_jobs_of(settings), settings.jobs_at_once)
            compiler = Compiler(settings)
            housekeeping = Housekeeping(settings, begin_round(settings, _now))
            try:
                watch(rota, housekeeping, mark, stop, compiler.begin)
            finally:
                compiler.end()
    except EndcapError as error:
        log.error("cannot start", extra={"facts": {"code": error.code}})
        tell(bonds.status, ready=False, why=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
