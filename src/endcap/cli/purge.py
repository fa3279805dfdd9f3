"""``endcap purge``."""

from __future__ import annotations

import time

import click

from endcap.cli.output import print_json, print_table, progress, say
from endcap.settings import Settings


@click.command(
    "purge",
    help="Take every erased user out of lake, log, snapshots, documents and written files now, "
    "without waiting for ENDCAP_PURGE_HOURS. Nothing to purge: nothing is written.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    from endcap.app.compaction import settle
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings)
    shop = open_shop(settings)
    with progress("purge"):
        done = settle(shop, time.time_ns() // 1000, purge_now=True)
    if as_json:
        print_json(done.purged)
    elif done.purged:
        print_table(("place", "entries"), done.purged.items())
    else:
        say("nothing to purge: nobody was erased since the last one")
