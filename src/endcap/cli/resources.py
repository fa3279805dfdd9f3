"""``endcap resources``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from endcap.cli.output import note, print_json, print_table
from endcap.domain.errors import InvalidInput
from endcap.domain.times import iso
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.control.registry.control import Control


@click.group("resources", help="List and describe what stands behind the Personalize API.")
def command() -> None:
    pass


@command.command(
    "list",
    help="List resources of every KIND, or of those named: dataset-group, schema, dataset, "
    "dataset-import-job, event-tracker, solution, solution-version, campaign, recommender, filter, "
    "batch-inference-job, batch-segment-job, recipe.",
)
@click.argument("kinds", metavar="[KIND]…", nargs=-1)
@click.option("--region", metavar="REGION", help="Of this region [ENDCAP_ARN_REGION].")
@click.option("--json", "as_json", is_flag=True, help="Print everything that a list says as JSON.")
@click.pass_obj
def list_(settings: Settings, kinds: tuple[str, ...], region: str | None, as_json: bool) -> None:
    from endcap.control.registry.arns import RECIPE
    from endcap.control.registry.browsing import WORDS, arn_member, browse

    unknown = next((kind for kind in kinds if kind not in WORDS), None)
    if unknown is not None:
        permitted = ", ".join(WORDS)
        raise InvalidInput("bad_choice", field="KIND", value=unknown, permitted=permitted)
    control, at = _control(settings, region), time.time_ns() // 1000
    found = {
        kind: list(browse(control, kind, at))
        for kind in kinds or [kind for kind in WORDS if kind != RECIPE]
    }
    if as_json:
        print_json({kind: [readable(each) for each in all_] for kind, all_ in found.items()})
        return
    rows = [
        (kind, each.get("status", ""), iso(each["lastUpdatedDateTime"]), each[arn_member(kind)])
        for kind, all_ in found.items()
        for each in all_
    ]
    if not rows:
        note(f"nothing in the region {control.registry.place.region}")
        return
    print_table(("kind", "status", "updated", "ARN"), rows)


@command.command("describe", help="Print all that is known of one resource as JSON.")
@click.argument("arn", metavar="ARN")
@click.pass_obj
def describe(settings: Settings, arn: str) -> None:
    from endcap.control.registry.browsing import look_up

    print_json(readable(look_up(_control(settings, None), arn, time.time_ns() // 1000)))


def _control(settings: Settings, region: str | None) -> Control:
    from endcap.bootstrap.control import open_control

    control = open_control(settings)
    if region is None:
        return control
    return control.elsewhere(control.registry.place._replace(region=region))


def readable(said: Mapping[str, Any]) -> dict[str, Any]:
    """With times as ISO 8601."""
    return {
        name: readable(value)
        if isinstance(value, dict)
        else iso(value)
        if name.endswith("DateTime")
        else value
        for name, value in said.items()
    }
