"""``endcap serve``: hands over to the supervisor, in the same process."""

from __future__ import annotations

import os
import sys

import click

from endcap.settings import SETTINGS, Settings, load_settings


@click.command(name="serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 picks a free one.",
)
@click.option("--workers", type=int, help="Worker processes [ENDCAP_WORKERS].")
@click.option("--prefix", default="", help="Path under which a gateway mounts the API, as /prod.")
@click.pass_obj
def command(settings: Settings, host: str, port: int, workers: int | None, prefix: str) -> None:
    """Answer requests over HTTP until interrupted.

    Prints "ready" and the URL when every worker answers. Works on an empty home too.
    """
    if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
        raise click.BadParameter("must begin with / and not end with it", param_hint="--prefix")
    values = {name: getattr(settings, name) for name in SETTINGS}
    if workers is not None:
        values["workers"] = workers
    checked = load_settings({}, **values)
    environment = {f"ENDCAP_{name.upper()}": str(getattr(checked, name)) for name in SETTINGS}
    # Replacing this process keeps its id, and leaves the supervisor small.
    server = [sys.executable, "-m", "endcap.entrypoints.server"]
    sys.stdout.flush()
    os.execve(  # noqa: S606 - our own words only
        sys.executable,
        [*server, "--host", host, "--port", str(port), "--prefix", prefix],
        {**os.environ, **environment},
    )
