"""The keeper's heavy work in a child of its own: what SQL and merging took is given back to the
system when the child ends, however the allocators would have held it.

The child starts from the keeper's memory, so nothing is loaded again. It dies with the keeper; a
round that is cut off at any point is done again by the next.
"""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable
from functools import partial
from threading import Event

import msgspec

from endcap.app.compaction import Round, settle
from endcap.app.shop import Shop
from endcap.entrypoints.forks import CAN_FORK, Forked, fork

log = logging.getLogger("endcap.keeper")

LOOK_S = 0.05
PATIENCE_S = 4.0  # how long a round may still take when the keeper is to stop


class Unfinished(Exception):
    """The child ended without a result. Its own log line says why."""


def settle_apart(stop: Event) -> Callable[[Shop, int], Round]:
    """``settle`` in a child where the system can fork, else here. Raises Unfinished."""
    return partial(_settle, stop) if CAN_FORK else settle


def _settle(stop: Event, shop: Shop, at: int) -> Round:
    reading, writing = os.pipe()
    try:
        child = fork(partial(_work, shop, at, writing), "endcap-round", dies_with_parent=True)
        _wait(child, stop)
        os.close(writing)
        writing = -1
        if child.returncode:
            raise Unfinished(f"exit code {child.returncode}")
        return msgspec.msgpack.decode(os.read(reading, 4096), type=Round)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def _work(shop: Shop, at: int, writing: int) -> int:
    os.write(writing, msgspec.msgpack.encode(settle(shop, at)))
    return 0


def _wait(child: Forked, stop: Event) -> None:
    """Until it has ended. Told to stop, the keeper lets it finish if that is soon."""
    while not stop.wait(LOOK_S):
        if child.poll() is not None:
            return
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
