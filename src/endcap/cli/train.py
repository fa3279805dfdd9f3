"""``endcap train``."""

from __future__ import annotations

import time

import click

from endcap.cli.output import note, print_json, print_table, progress, say
from endcap.settings import Settings


@click.command("train", help="Train a model version on everything the shop knows, and serve it.")
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    help="Most seconds of work for the search of settings.",
)
@click.option("--no-promote", is_flag=True, help="Register the version without serving it.")
@click.option("--no-ranker", is_flag=True, help="Leave the order to the recipe alone.")
@click.option("--json", "as_json", is_flag=True, help="Print the version as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    budget_s: float | None,
    no_promote: bool,
    no_ranker: bool,
    as_json: bool,
) -> None:
    from endcap.app import training
    from endcap.app.reports import training_report
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings)
    shop = open_shop(settings)
    begun = time.monotonic()
    with progress("train") as report:
        version = training.train(
            shop,
            time.time_ns() // 1000,
            progress=report,
            budget_s=budget_s,
            serve=not no_promote,
            ranker=not no_ranker,
        )
        page = training_report(shop, version)
    note(f"trained {version.name} in {time.monotonic() - begun:.1f} s; report: {page}")
    if as_json:
        print_json(version)
        return
    print_table(("held-out metric", "value"), sorted(version.metrics.items()))
    say(f"{version.name} {'is registered' if no_promote else 'serves'}: endcap versions")
