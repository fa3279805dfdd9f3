"""``endcap versions``."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec

from endcap.cli.output import print_json, print_table, say
from endcap.settings import Settings


@click.command(
    "versions", help="List the model versions, oldest first, and mark the one that serves."
)
@click.option("--json", "as_json", is_flag=True, help="Print the versions as JSON.")
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.control import campaigns, solution_versions

    prepare_kernels(settings)
    documents = open_shop(settings).documents
    serves = campaigns.campaign(documents).version
    found = solution_versions.versions(documents)
    if as_json:
        shown = [{**msgspec.to_builtins(v), "serves": v.name == serves} for v in found]
        print_json(shown)
    elif not found:
        say("no model version yet: endcap train")
    else:
        print_table(
            ["version", "", "status", "made (UTC)", "events", "metrics"],
            [
                [
                    version.name,
                    "serves" if version.name == serves else "",
                    version.status,
                    _time(version.created_at),
                    version.lineage.get("events"),
                    version.reason or _metrics(version.metrics),
                ]
                for version in found
            ],
        )


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def _metrics(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in sorted(metrics.items())[:4])
