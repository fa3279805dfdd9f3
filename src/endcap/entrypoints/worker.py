"""One HTTP worker: an opened shop behind uvicorn, on a socket that the supervisor bound."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType

import uvicorn
import uvloop

from endcap.adapters.parameters import resolved
from endcap.app.intake import Intake
from endcap.app.shop import Shop
from endcap.app.shops import Opened
from endcap.app.vitals import Vitals
from endcap.app.warmth import warm
from endcap.bootstrap import open_shop, prepare_kernels, tokens_of, tracer_of
from endcap.bootstrap.vectors import close_servers
from endcap.bootstrap.wire import desk_of
from endcap.domain.errors import EndcapError
from endcap.entrypoints.bonds import DRAIN_S, Bonds, end_with_supervisor, tell
from endcap.entrypoints.logs import log_to_stderr
from endcap.entrypoints.one_write import OneWrite
from endcap.entrypoints.preload import Preloaded
from endcap.entrypoints.reloader import Reloader
from endcap.serving.api import Api
from endcap.serving.personalize.api import Personalize
from endcap.serving.traced import Traced, Tracer
from endcap.settings import Settings, load_settings

log = logging.getLogger("endcap.worker")

KEEP_ALIVE_S = 75
CATCH_UP_S = 0.25  # a worker without requests still follows the log


def now() -> int:
    """µs since 1970."""
    return time.time_ns() // 1000


class Worker(uvicorn.Server):
    """Tells the supervisor when the socket is being served, and ``closing`` when it is to end."""

    def __init__(self, config: uvicorn.Config, status: int, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._status, self._closing = status, closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM:  # Ctrl-C reaches the whole group: the supervisor acts on it
            self._closing()
            super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            tell(self._status, ready=True)


async def serve(
    shop: Shop, sock: socket.socket, status: int, prefix: str, tracer: Tracer | None
) -> None:
    """Until SIGTERM or SIGINT; requests in flight are finished, for up to ``DRAIN_S`` seconds."""
    intake, loop = Intake(shop), asyncio.get_running_loop()

    def attend(opened: Shop) -> None:
        Reloader(opened, loop)

    desk = partial(desk_of, Opened(shop, intake), now, attend)
    personalize = Personalize(desk, shop.settings, now, shop.rates)
    api = Api(shop, intake, now, prefix, personalize=personalize)
    config = uvicorn.Config(
        Traced(api, tracer) if tracer is not None else api,
        http=OneWrite,
        loop="none",
        ws="none",
        lifespan="off",
        access_log=False,
        proxy_headers=False,  # nothing here asks who called
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    attend(shop)
    follower = asyncio.create_task(follow(shop, Vitals(shop, intake), personalize))
    gc.collect()
    gc.freeze()  # what was loaded at the start stays: later collections skip it
    try:
        await Worker(config, status, personalize.close).serve(sockets=[sock])
    finally:
        follower.cancel()


async def follow(shop: Shop, vitals: Vitals, personalize: Personalize) -> None:
    """Apply what other processes write, so that no request finds a long tail to fold."""
    while True:
        vitals.write(now())
        await asyncio.sleep(CATCH_UP_S)
        try:
            shop.refresh()
            personalize.refresh()
        except Exception:
            log.exception("could not follow the log")
            await asyncio.sleep(1)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m endcap.entrypoints.worker")
    for name in ("--listen", "--status", "--lifeline"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--name", default="worker")
    given = parser.parse_args(arguments)
    settings = load_settings(resolved(os.environ))
    log_to_stderr(settings.log_level)
    return run(
        settings, given.name, given.listen, Bonds(given.status, given.lifeline), given.prefix
    )


def run(
    settings: Settings,
    name: str,
    listen: int,
    bonds: Bonds,
    prefix: str,
    preloaded: Preloaded | None = None,
) -> int:
    """Serve the socket ``listen`` (a file descriptor) until the end; the exit code.

    ``preloaded``: state and models that were warmed up before this process was forked.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_supervisor(bonds.lifeline)
    prepare_kernels(settings)
    is_warm = bool(preloaded)
    try:
        shop = open_shop(  # no name here may hold what was preloaded: it would never go
            settings, process=name, loaded=preloaded.take() if preloaded else None
        )
        tracer = tracer_of(settings, name)
        if settings.auth != "open":
            shop.tokens = tokens_of(settings)
    except EndcapError as error:
        log.error("cannot start", extra={"facts": {"code": error.code}})
        tell(bonds.status, ready=False, why=str(error))
        return 1
    if not is_warm:
        warm(shop.now, now())
    with socket.socket(fileno=listen) as sock:
        uvloop.run(serve(shop, sock, bonds.status, prefix, tracer))
    if tracer is not None:
        tracer.close()
    close_servers()
    return 0


if __name__ == "__main__":
    sys.exit(main())
