"""``endcap versions``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import msgspec

from endcap.cli.output import print_json, print_table, say
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.control.solution_versions import SolutionVersion


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
            ["version", "", "status", "made (UTC)", "events", "metrics", "gate"],
            [
                [
                    version.name,
                    "serves" if version.name == serves else "",
                    version.status,
                    _time(version.created_at),
                    version.lineage.get("events"),
                    version.reason or _metrics(version.metrics),
                    _gate(version),
                ]
                for version in found
            ],
        )


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def _metrics(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in sorted(metrics.items())[:4])


def _gate(version: SolutionVersion) -> str:
    """What the gate said, and why a version serves all the same."""
    if version.gate is None:
        return ""
    lost = ", ".join(rival.name for rival in version.gate.rivals if not rival.passed)
    told = f"{version.gate.outcome} (by {lost})" if lost else version.gate.outcome
    return f"{told}; forced: {version.forced}" if version.forced else told
