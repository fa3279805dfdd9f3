"""``endcap rollback``."""

from __future__ import annotations

import time

import click

from endcap.cli.output import print_json, say
from endcap.settings import Settings


@click.command(
    "rollback",
    help="Serve the model version before the current one again, or VERSION. A running server "
    "takes it up at once, without a dropped request.",
)
@click.argument("version", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the campaign as JSON.")
@click.pass_obj
def command(settings: Settings, version: str | None, as_json: bool) -> None:
    from endcap.app import versions
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.control import campaigns

    prepare_kernels(settings)
    shop = open_shop(settings)
    at = time.time_ns() // 1000
    before = campaigns.campaign(shop.documents).version
    after = versions.promote(shop, version, at) if version else versions.rollback(shop, at)
    if as_json:
        print_json(after)
    else:
        say(f"{after.version} serves (before: {before or 'none'})")
