"""``endcap deploy``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import endcap
from endcap.cli.costs import PHASE, show, traffic_options
from endcap.cli.output import note, print_json, print_table, say
from endcap.deployment.repository import ENVIRONMENTS, Environment, find_repository
from endcap.deployment.traffic import Choices, Traffic
from endcap.domain.errors import InvalidInput

if TYPE_CHECKING:
    from endcap.deployment.changes import Changes
    from endcap.deployment.costs import Estimate
    from endcap.deployment.rollout import Rollout

INCOMPLETE = 3  # a dry run that could not do all: no failure, and not everything
ENVIRONMENT = click.option(
    "--env", "name", required=True, metavar="NAME", help=f"{', '.join(ENVIRONMENTS)}."
)
REGION = click.option("--region", default="", help="Region of AWS; else what the files say.")
YES = click.option("--yes", is_flag=True, help="Do not ask.")
SET = click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A variable of the environment."
)


@click.command(
    "deploy",
    help="Deploy to AWS by Terraform: build packages, plan, show what changes and what a month "
    "costs, ask, apply, upload, run the pipeline once, print the URLs. Phases that stand are kept.",
)
@ENVIRONMENT
@REGION
@PHASE
@click.option("--image", default="", metavar="URI", help="Container image of the functions.")
@click.option("--no-image", is_flag=True, help="Leave out the phase that needs an image.")
@click.option("--training-image", default="", metavar="URI", help="Image of SageMaker's jobs.")
@click.option("--package", default="", metavar="ZIP", help="Zip of the functions, made already.")
@click.option("--users-file", type=click.Path(path_type=Path), help="Users to upload afterwards.")
@SET
@click.option("--dry-run", is_flag=True, help="Stop after the plan; without an account do less.")
@YES
@click.option("--no-run", is_flag=True, help="Do not run the pipeline afterwards.")
@traffic_options
@click.option("--json", "as_json", is_flag=True, help="Print plan and costs as JSON.")
def command(name: str, yes: bool, no_run: bool, as_json: bool, **given: Any) -> None:
    users: Path | None = given.pop("users_file")
    traffic = Traffic(**{k: given.pop(k) for k in tuple(given) if k in Traffic.__struct_fields__})
    rollout = opened(name, **given)
    rollout.begin()
    phases = rollout.phases()
    costs = _costs(rollout.place, traffic, phases)
    try:
        changes = rollout.plan(rollout.pack(phases))
        _tell(rollout, changes, costs, as_json)
        if rollout.wanted.dry_run:
            sys.exit(INCOMPLETE if rollout.undone else 0)
        if changes is not None and not changes.nothing:
            if not yes:
                _ask()
            rollout.apply()
    finally:
        rollout.forget_plan()
    _finish(rollout, users, run=not no_run and "pipeline" in phases)


def opened(name: str, settings: tuple[str, ...] = (), **given: Any) -> Rollout:
    """The environment of the repository that the current folder, or this source, lies in."""
    from endcap.deployment.rollout import Rollout, Wanted

    source = Path(endcap.__file__).parents[2]
    place = Environment(find_repository([Path.cwd(), source]), name)
    wanted = Wanted(**given, settings=read_settings(settings))
    return Rollout(place, wanted, os.environ, note)


def read_settings(words: tuple[str, ...]) -> dict[str, str]:
    """Raises InvalidInput (bad_argument)."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InvalidInput("bad_argument", field="--set", value=word, permitted="NAME=VALUE")
        found[key] = value
    return found


def summary(changes: Changes) -> None:
    """What a plan would do, with a warning of what would be lost."""
    if changes.nothing:
        say("nothing changes")
        return
    print_table(("module", "created", "changed", "destroyed"), changes.modules)
    for address in changes.tainted:
        say(f"half made by an earlier apply, made anew: {address}")
    if changes.lost:
        say(f"WARNING: {len(changes.lost)} resources that hold data would be DESTROYED:")
        for address in changes.lost:
            say(f"  {address}")


def _costs(place: Environment, traffic: Traffic, phases: list[str]) -> Estimate:
    from endcap.deployment.costs import estimate
    from endcap.deployment.prices import prices

    choices = Choices(
        nightly=place.setting("nightly") or "small",
        waf=place.on("waf"),
        cloudtrail=place.on("cloudtrail"),
        composite_alarms=place.on("composite_alarms"),
        sagemaker_endpoint=place.on("sagemaker_endpoint"),
        sagemaker_instance_type=place.setting("sagemaker_instance_type") or "ml.m5.xlarge",
        mysql=place.on("mysql"),
    )
    return estimate(traffic, phases, choices, prices())


def _ask() -> None:
    """Raises click.Abort, on a new line, where nobody says yes."""
    try:
        click.confirm("apply this?", abort=True, err=True)
    except click.Abort:
        click.echo(err=True)
        raise


def _tell(rollout: Rollout, changes: Changes | None, costs: Estimate, as_json: bool) -> None:
    if as_json:
        print_json({"environment": rollout.place.name, "region": rollout.region,
                    "plan": changes, "undone": rollout.undone, "costs": costs})  # fmt: skip
        return
    if changes is not None:
        summary(changes)
    show(costs)
    for sentence in rollout.undone:
        say(f"not done: {sentence}")


def _finish(rollout: Rollout, users: Path | None, *, run: bool) -> None:
    rollout.upload_page()
    if users is not None:
        rollout.upload_users(users)
    if run:
        note("the nightly pipeline runs once")
        note(f"its run: {rollout.run('nightly').lower()}")
    for output in ("web_url", "http_api_url", "rest_api_url"):
        if url := rollout.outputs.get(output):
            say(f"{output.removesuffix('_url')}: {url}")
