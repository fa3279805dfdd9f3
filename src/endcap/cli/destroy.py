"""``endcap destroy``."""

from __future__ import annotations

import click

from endcap.cli.costs import PHASE
from endcap.cli.deploy import ENVIRONMENT, REGION, opened, summary
from endcap.cli.output import note, say
from endcap.deployment.changes import protected, standing
from endcap.deployment.phases import without
from endcap.deployment.rollout import Rollout
from endcap.domain.errors import Conflict, InvalidInput


@click.command(
    "destroy",
    help="Destroy an environment on AWS, or with --phase some of its phases: show what goes, ask "
    "for the environment's name, destroy. Buckets that hold anything are left unless "
    "--delete-data is given.",
)
@ENVIRONMENT
@REGION
@PHASE
@click.option("--delete-data", is_flag=True, help="Delete what the buckets hold, all versions.")
@click.option("--confirm", default="", metavar="NAME", help="The name, in place of typing it.")
def command(
    name: str, region: str, phases: tuple[str, ...], delete_data: bool, confirm: str
) -> None:
    rollout = opened(name, region=region)
    rollout.begin()
    if not any(True for _ in standing(rollout.state)):
        say(f"nothing of {name} stands")
        return
    try:
        if phases:
            kept = without(rollout.outputs.get("phases") or [], phases)
            changes = rollout.plan(rollout.pack(kept))
        else:
            _refuse_protected(rollout)
            changes = rollout.plan(_given(rollout), "-destroy")
        assert changes is not None  # noqa: S101
        summary(changes)
        _buckets(rollout, changes.lost, delete_data=delete_data, really=False)
        typed = confirm or click.prompt(f"type {name} to destroy this", default="", err=True)
        if typed != name:
            raise InvalidInput("name_not_typed", field=name)
        _buckets(rollout, changes.lost, delete_data=delete_data, really=True)
        rollout.apply()
    finally:
        rollout.forget_plan()
    say(f"destroyed: {', '.join(phases) or name}")


def _given(rollout: Rollout) -> dict[str, object]:
    """What validation asks for; nothing is built for being destroyed."""
    stands = rollout.outputs.get("phases") or ["core"]
    given = {"aws_region": rollout.region, "phases": stands, "functions_image": rollout.image(),
             "functions_package": __file__, "glue_package": "."}  # fmt: skip
    return {k: v for k, v in given.items() if k in rollout.place.declared}


def _refuse_protected(rollout: Rollout) -> None:
    """Raises Conflict (deletion_protected) before anything else is destroyed."""
    if found := protected(rollout.state):
        raise Conflict("deletion_protected", field=rollout.place.name, value=len(found))


def _buckets(rollout: Rollout, lost: list[str], *, delete_data: bool, really: bool) -> None:
    """Raises Conflict (buckets_hold_data); with ``really`` they are emptied."""
    from endcap.adapters.aws_account import empty, filled

    going = [one.values["bucket"] for one in standing(rollout.state)
             if one.kind == "aws_s3_bucket" and one.address in lost]  # fmt: skip
    full = filled(rollout.region, going)
    if full and not delete_data:
        names = ", ".join(full)[:100]
        raise Conflict("buckets_hold_data", field=rollout.place.name, value=len(full), names=names)
    for bucket in full if really else ():
        note(f"{bucket}: {empty(rollout.region, bucket)} versions deleted")
