"""``endcap evaluate``."""

from __future__ import annotations

import time

import click

from endcap.cli.output import note, print_json, progress
from endcap.settings import Settings


@click.command(
    "evaluate",
    help="Train on the past, measure on the later events: every item ranked, with baselines "
    "and intervals. What serves is not touched.",
)
@click.option(
    "--k",
    type=click.IntRange(1, 100),
    default=20,
    show_default=True,
    help="How many items are judged.",
)
@click.option("--split-at", metavar="ISO", help="Events from this time on are the test.")
@click.option(
    "--test-share",
    type=click.FloatRange(0.01, 0.5),
    default=0.1,
    show_default=True,
    help="Share of the newest events that is the test, without --split-at.",
)
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    help="Most seconds of work for the search of settings.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    k: int,
    split_at: str | None,
    test_share: float,
    budget_s: float | None,
    as_json: bool,
) -> None:
    from endcap.app import reports
    from endcap.app.evaluating import evaluate_shop
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.cli.tables import print_evaluation
    from endcap.domain.times import parse_iso

    prepare_kernels(settings)
    shop = open_shop(settings)
    at = parse_iso(split_at, "split-at") if split_at else None
    now = time.time_ns() // 1000
    with progress("evaluate") as report:
        evaluation = evaluate_shop(
            shop,
            now,
            k=k,
            split_at=at,
            share=test_share,
            budget_s=budget_s,
            progress=report,
        )
        page = reports.evaluation_report(shop, evaluation, now)
    note(f"report: {page}")
    if as_json:
        print_json(evaluation)
    else:
        print_evaluation(evaluation)
