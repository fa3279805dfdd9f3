"""``endcap features``."""

from __future__ import annotations

import time

import click

from endcap.cli.output import print_json, print_table
from endcap.domain.errors import NotFound
from endcap.settings import Settings


@click.command(
    "features",
    help="Show the features of the user or product ID, as training sees them: where documents lie "
    "in DynamoDB by one point read of what the last night wrote there, else from the lake as it "
    "is now.",
)
@click.argument("of", type=click.Choice(["user", "product"]))
@click.argument("key", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_obj
def command(settings: Settings, of: str, key: str, as_json: bool) -> None:
    from endcap.app.feature_store import GROUPS, NAMES, features_of
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings)
    kind = GROUPS[of]
    values = features_of(open_shop(settings), kind, key, time.time_ns() // 1000)
    if values is None:
        raise NotFound("no_features", field=of)
    named = dict(zip(NAMES[kind], values.tolist(), strict=True))
    if as_json:
        print_json(named)
    else:
        print_table(("feature", "value"), [(n, f"{v:.6g}") for n, v in named.items()])
