"""The X-Ray daemon's end of its protocol: datagrams on loopback, each a header and a document."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any


class Daemon:
    """``address``: for AWS_XRAY_DAEMON_ADDRESS. ``texts``: all that has come, as it came."""

    def __init__(self, listening: socket.socket) -> None:
        host, port = listening.getsockname()
        self.address = f"{host}:{port}"
        self.texts: list[str] = []
        self._listening = listening
        Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                data = self._listening.recv(65_536)
            except TimeoutError:
                continue
            except OSError:  # closed
                return
            self.texts.append(data.decode("utf-8", "replace"))

    def documents(self, least: int = 1, within_s: float = 5.0) -> list[dict[str, Any]]:
        """Parts of traces, once ``least`` have come."""
        until = time.monotonic() + within_s
        while len(self.texts) < least and time.monotonic() < until:
            time.sleep(0.01)
        found = [text.partition("\n") for text in list(self.texts)]
        assert all(json.loads(head) == {"format": "json", "version": 1} for head, _, _ in found)
        return [json.loads(document) for _, _, document in found]


@contextmanager
def xray_daemon() -> Iterator[Daemon]:
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.settimeout(0.1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
    listening.bind(("127.0.0.1", 0))
    try:
        yield Daemon(listening)
    finally:
        listening.close()
