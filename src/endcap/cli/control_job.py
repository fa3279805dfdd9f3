"""``endcap control-job``: what the registrar begins as a process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import click

from endcap.settings import Settings


@click.command(
    "control-job",
    hidden=True,
    help="Do the work that the resource ARN of the control plane waits for. The server begins this "
    "by itself.",
)
@click.argument("arn", metavar="ARN")
@click.pass_obj
def command(settings: Settings, arn: str) -> None:
    from endcap.adapters.remote_files import drop_fetched, fetched, sent
    from endcap.app.control_work import Means, run
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.bootstrap.control import open_control, wake_file
    from endcap.bootstrap.places import lease
    from endcap.bootstrap.removal import remove_group
    from endcap.domain.records import digest

    prepare_kernels(settings)
    means = Means(
        open_shop=partial(open_shop, settings),
        fetch=fetched,
        drop=drop_fetched,
        sent=sent,
        remove=partial(remove_group, settings),
        now=_now,
    )
    control, mark = open_control(settings), wake_file(settings)
    locks = mark.with_name("locks")
    locks.mkdir(exist_ok=True)
    with lease(locks / digest(arn).hex()[:3]):  # one process at a time for one resource
        run(means, control.registry, arn, _progress())
    control.wake()


def _progress() -> Callable[[str, float], None]:
    """A line for each stage, and for each tenth of it."""
    told = ("", -1)

    def progress(stage: str, share: float) -> None:
        nonlocal told
        now = (stage, int(share * 10))
        if now != told:
            told = now
            click.echo(f"{stage} {share:.0%}")

    return progress


def _now() -> int:
    return time.time_ns() // 1000
