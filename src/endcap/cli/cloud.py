"""``endcap cloud``."""

from __future__ import annotations

import sys

import click

from endcap.cli.deploy import ENVIRONMENT, opened
from endcap.cli.output import print_json, say


@click.group("cloud", help="Work with what `endcap deploy` has made.")
def command() -> None:
    pass


@command.command("run", help="Run a state machine once and wait for its end.")
@ENVIRONMENT
@click.option(
    "--pipeline",
    type=click.Choice(["nightly", "users"]),
    default="nightly",
    show_default=True,
    help="Which machine.",
)
def run(name: str, pipeline: str) -> None:
    rollout = opened(name)
    rollout.begin()
    status = rollout.run(pipeline)
    say(status.lower())
    sys.exit(0 if status in ("SUCCEEDED", "RUNNING") else 1)


@command.command("web", help="Build the page for Terraform's outputs, and upload it.")
@ENVIRONMENT
def web(name: str) -> None:
    rollout = opened(name)
    rollout.begin()
    rollout.upload_page()
    say(str(rollout.outputs.get("web_url") or "no page stands"))


@command.command("outputs", help="Print Terraform's outputs as JSON: URLs and names.")
@ENVIRONMENT
def outputs(name: str) -> None:
    rollout = opened(name)
    rollout.begin()
    print_json(rollout.outputs)
