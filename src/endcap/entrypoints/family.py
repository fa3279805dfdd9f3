"""The supervisor's children: forked from what it preloaded, or started as new interpreters."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from endcap.entrypoints.bonds import Bonds
from endcap.entrypoints.children import Child, Process, own_environment, single_threaded
from endcap.entrypoints.forks import CAN_FORK, fork
from endcap.settings import SETTINGS, Settings

if TYPE_CHECKING:
    from endcap.entrypoints.preload import Preloaded

log = logging.getLogger("endcap.server")

Fork = Callable[[], Process] | None


class Pipes(NamedTuple):
    """File descriptors: ``status`` and ``lifeline`` from both ends, and what wakes the
    supervisor."""

    status_read: int
    status_write: int
    lifeline_read: int
    lifeline_write: int
    wake_read: int
    wake_write: int

    @property
    def bonds(self) -> Bonds:
        return Bonds(self.status_write, self.lifeline_read)

    @property
    def own(self) -> tuple[int, ...]:
        """Those that no child may hold: it would keep its own lifeline open."""
        return self.status_read, self.lifeline_write, self.wake_read, self.wake_write


def make_pipes() -> Pipes:
    pipes = Pipes(*os.pipe(), *os.pipe(), *os.pipe())
    for fd in (pipes.status_read, pipes.wake_read, pipes.wake_write):
        os.set_blocking(fd, False)
    return pipes


class Family:
    """``workers``, ``keeper`` and ``registrar``; ``preloaded`` is None where each starts as a new
    interpreter."""

    def __init__(
        self,
        settings: Settings,
        sock: socket.socket,
        prefix: str,
        pipes: Pipes,
        preloaded: Preloaded | None,
    ) -> None:
        self.settings, self._sock, self._prefix, self._pipes = settings, sock, prefix, pipes
        self.preloaded = preloaded
        self._environment = own_environment()
        self.workers = [self._worker(number) for number in range(settings.workers)]
        self.keeper = self._alone("keeper", self._keep)
        self.registrar = self._alone("registrar", self._register)

    def _worker(self, number: int) -> Child:
        bonds, listen = self._pipes.bonds, self._sock.fileno()
        words = ["endcap.entrypoints.worker", *as_options(bonds)]
        name = f"worker-{number}"
        words += ["--listen", str(listen), "--prefix", self._prefix, "--name", name]
        environment = single_threaded(self._environment | as_environment(self.settings))
        forked: Fork = None
        if self.preloaded is not None:
            forked = partial(fork, partial(self._serve, name, listen, environment), "endcap-worker")
        return Child(name, words, [*bonds, listen], environment, forked)

    def _alone(self, name: str, run: Callable[[Mapping[str, str]], int]) -> Child:
        """One of its kind, which does not listen. ``run``: in a forked child."""
        bonds = self._pipes.bonds
        words = [f"endcap.entrypoints.{name}", *as_options(bonds)]
        environment = self._environment | as_environment(self.settings)
        forked: Fork = None
        if self.preloaded is not None:
            forked = partial(fork, partial(run, environment), f"endcap-{name}")
        return Child(name, words, bonds, environment, forked)

    def _serve(self, name: str, listen: int, environment: Mapping[str, str]) -> int:
        """In a forked child."""
        from endcap.entrypoints import worker

        preloaded = self._settle_in(environment)
        return worker.run(self.settings, name, listen, self._pipes.bonds, self._prefix, preloaded)

    def _keep(self, environment: Mapping[str, str]) -> int:
        """In a forked child."""
        from endcap.entrypoints import keeper

        preloaded = self._settle_in(environment)
        self._sock.close()
        return keeper.run(self.settings, self._pipes.bonds, preloaded)

    def _register(self, environment: Mapping[str, str]) -> int:
        """In a forked child."""
        from endcap.entrypoints import registrar

        preloaded = self._settle_in(environment)
        self._sock.close()
        return registrar.run(self.settings, self._pipes.bonds, preloaded)

    def _settle_in(self, environment: Mapping[str, str]) -> Preloaded:
        for fd in self._pipes.own:
            os.close(fd)
        os.environ.clear()
        os.environ.update(environment)
        assert self.preloaded is not None  # noqa: S101 - else nobody forks
        return self.preloaded


def found_family(settings: Settings, sock: socket.socket, prefix: str, pipes: Pipes) -> Family:
    """Loads what the children share, where the system can fork. Nothing is started yet."""
    given = own_environment()
    preloaded = _preloaded(settings) if CAN_FORK else None
    os.environ.clear()
    os.environ.update(given)
    return Family(settings, sock, prefix, pipes, preloaded)


def _preloaded(settings: Settings) -> Preloaded | None:
    # Before the libraries are loaded: Arrow would start a thread that tidies its allocator.
    os.environ.update(single_threaded(own_environment()))
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
    from endcap.entrypoints.preload import has_one_thread, preload

    preloaded = preload(settings)
    if has_one_thread():
        return preloaded
    log.warning("not forking: a library has started a thread")
    return None


def as_options(bonds: Bonds) -> list[str]:
    return ["--status", str(bonds.status), "--lifeline", str(bonds.lifeline)]


def as_environment(settings: Settings) -> dict[str, str]:
    return {f"ENDCAP_{name.upper()}": str(getattr(settings, name)) for name in SETTINGS}
