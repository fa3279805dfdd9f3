"""What ties a child process to the supervisor: two pipes, handed down as file descriptors.

*Lifeline*: the supervisor holds its writing end and never writes. When the supervisor dies, even
by SIGKILL, the child reads the end of the file and stops. *Status*: the child writes one line of
JSON when it is ready, or why it cannot start.
"""

from __future__ import annotations

import os
import signal
import time
from threading import Thread
from typing import NamedTuple

import msgspec
from msgspec import Struct

DRAIN_S = 5  # how long requests in flight may take to end
GRACE_S = 3  # beyond that, until a process is ended by force


class Bonds(NamedTuple):
    """File descriptors of a child: it writes to ``status``, and waits for the end of
    ``lifeline``."""

    status: int
    lifeline: int


class Status(Struct, frozen=True):
    pid: int
    ready: bool
    why: str = ""  # it is not ready


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Status)


def tell(fd: int, ready: bool, why: str = "") -> None:
    """One short line: written whole. Without a supervisor nobody listens."""
    try:
        os.write(fd, _encoder.encode(Status(os.getpid(), ready, why[:1000])) + b"\n")
    except BrokenPipeError:
        return


def parse_statuses(raw: bytes) -> list[Status]:
    return [_decoder.decode(line) for line in raw.splitlines() if line]


def end_with_supervisor(fd: int) -> None:
    """From now on this process ends when the other end of ``fd`` does."""
    Thread(target=_watch, args=(fd,), daemon=True, name="lifeline").start()


def _watch(fd: int) -> None:
    os.read(fd, 1)  # returns at the end of the file only
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_S + GRACE_S)
    os._exit(1)
