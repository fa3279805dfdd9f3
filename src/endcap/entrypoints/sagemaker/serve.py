"""The inference container: ``serve`` of Amazon SageMaker, over the ranker of a version's folder.

Listens before the model is there: ``/ping`` is 503 until it is loaded and its kernels are compiled.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from endcap.adapters.parameters import resolved
from endcap.domain.errors import EndcapError
from endcap.entrypoints.logs import log_to_stderr
from endcap.entrypoints.sagemaker.container import ROOT, Container
from endcap.serving.invocations import Deployed, Invocations
from endcap.settings import Settings, load_settings

PORT, PORT_VARIABLE = 8080, "SAGEMAKER_BIND_TO_PORT"
DRAIN_S, KEEP_ALIVE_S = 10, 75
log = logging.getLogger("endcap.invocations")


class Endpoint(uvicorn.Server):
    """Loads the model beside the open socket. ``failed``: it could not be loaded."""

    def __init__(self, config: uvicorn.Config, app: Invocations, model: Path) -> None:
        super().__init__(config)
        self._app, self._model = app, model
        self.failed = False
        self._loading: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End in order, with exit code 0; uvicorn's own would raise the signal once more."""
        self.should_exit = True
        self.force_exit = self.force_exit or sig == signal.SIGINT

    async def main_loop(self) -> None:
        self._loading = asyncio.create_task(self._load())
        await super().main_loop()

    async def _load(self) -> None:
        try:
            self._app.deployed = await asyncio.to_thread(load, self._model)
        except Exception as error:
            code = error.code if isinstance(error, EndcapError) else type(error).__name__
            log.error("the model cannot be loaded", extra={"facts": {"code": code}})
            print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201
            self.failed = self.should_exit = True
            return
        log.info("ready", extra={"facts": {"version": self._app.deployed.version}})


def load(model: Path) -> Deployed:
    """Check, read and warm up. Raises as ``packing.read_ranker``."""
    from endcap.app.packing import read_ranker

    ranker, version = read_ranker(model)
    ranker.warm()
    return Deployed(ranker, version)


def run(settings: Settings, model: Path, host: str, port: int) -> int:
    """Serve until SIGTERM; the exit code."""
    app = Invocations(settings.max_body_kb * 1024, settings.cores)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = Endpoint(config, app, model)
    server.run()
    return 1 if server.failed or not server.started else 0


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m endcap.entrypoints.sagemaker serve")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - SageMaker asks from outside
    parser.add_argument("--port", type=int, default=int(os.environ.get(PORT_VARIABLE) or PORT))
    given = parser.parse_args(words)
    from endcap.bootstrap import prepare_kernels

    try:
        settings = load_settings(resolved(os.environ))
    except EndcapError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    log_to_stderr(settings.log_level)
    prepare_kernels(settings)
    return run(settings, Container(given.root).model, given.host, given.port)


if __name__ == "__main__":
    sys.exit(main())
