"""A lease that one process of all machines holds, kept in documents that they share.

Whoever holds it writes the document anew a few times before it would run out. Who waits takes it
over when it has seen the same version for as long as a lease lasts: no clock of another machine is
believed.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from endcap.domain.errors import Conflict, EndcapError
from endcap.ports import Documents

KIND = "lease"
HELD_S, LOOK_S, RENEWALS = 60.0, 1.0, 4


@contextmanager
def document_lease(documents: Documents, name: str, held_s: float = HELD_S) -> Iterator[None]:
    """Wait for, then hold it. Raises what the documents raise, and at the end Conflict (lease_lost)
    when another took it over meanwhile, because this process stood still."""
    lease = _Lease(documents, name, held_s)
    lease.take()
    renewing = Thread(target=lease.renew, name="lease", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        lease.ended.set()
        renewing.join()
        lease.give_back()
    if lease.lost:
        raise Conflict("lease_lost", field=name)


class _Lease:
    def __init__(self, documents: Documents, name: str, held_s: float) -> None:
        self._documents, self._name, self._held_s = documents, name, held_s
        self._body = {"holder": f"{socket.gethostname()}:{os.getpid()}"}
        self._version = 0
        self.ended, self.lost = Event(), False

    def take(self) -> None:
        seen, since = -1, 0.0
        while True:
            standing = self._documents.get(KIND, self._name)
            version = standing.version if standing else 0
            if version != seen:
                seen, since = version, time.monotonic()
            free = standing is None or not standing.body["holder"]
            if not free and time.monotonic() - since < self._held_s:
                time.sleep(min(LOOK_S, self._held_s / RENEWALS))
                continue
            with suppress(Conflict):  # another was quicker
                self._version = self._write(self._body, version)
                return

    def renew(self) -> None:
        """Until it ends or is lost. Documents that cannot be reached are asked again."""
        while not self.ended.wait(self._held_s / RENEWALS):
            try:
                self._version = self._write(self._body, self._version)
            except Conflict:
                self.lost = True
                return
            except EndcapError:
                continue

    def give_back(self) -> None:
        """Versions go on counting, so that each names one holding."""
        with suppress(EndcapError):  # it runs out by itself
            if not self.lost:
                self._write({"holder": ""}, self._version)

    def _write(self, body: dict[str, str], version: int) -> int:
        return self._documents.put(KIND, self._name, body, expected=version)
