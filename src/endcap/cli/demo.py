"""``endcap demo``."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from endcap.cli.output import note, say
from endcap.settings import Settings

DAYS = 90
SEARCH_S = 12.0  # a demo should not keep anybody waiting; endcap train searches longer
TRY = """
Try it, in another terminal (every click changes the next answer):

  curl '{url}/v1/recommendations/personalized?userId=visitor&k=3'
  curl -X POST {url}/v1/events -H 'Content-Type: application/json' \\
       -d '{{"userId":"visitor","itemId":"{item}","event_type":"view"}}'
  curl -i '{url}/v1/recommendations/personalized?userId=visitor&k=3'
  curl '{url}/v1/recommendations/related?itemId={item}&k=3'

API reference: {url}/docs    evaluation report: {report}
"""


@click.command(
    "demo", help="Generate a shop, import it, train, evaluate against baselines, and serve it."
)
@click.option("--users", type=int, default=2_000, show_default=True, help="Shoppers.")
@click.option("--items", type=int, default=1_000, show_default=True, help="Products.")
@click.option("--events", type=int, default=100_000, show_default=True, help="Events, about.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same shop.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on.",
)
@click.option("--no-serve", is_flag=True, help="Stop before serving.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    users: int,
    items: int,
    events: int,
    seed: int,
    host: str,
    port: int,
    no_serve: bool,
) -> None:
    from endcap.cli import generate, import_, serve

    settings = check_before(ctx.obj, host)
    begun = time.monotonic()
    start = (datetime.now(UTC) - timedelta(days=DAYS)).date().isoformat()
    folder = settings.home / "demo" / f"{start}-{users}-{items}-{events}-{seed}"
    if not (folder / "truth.json").exists():
        say("1/5  generate a shop")
        ctx.invoke(
            generate.command,
            folder=str(folder),
            users=users,
            items=items,
            events=events,
            days=DAYS,
            start=start,  # the shop's period ends now, so that what is fresh is fresh
            seed=seed,
            force=True,
        )
    say("2/5  import it")
    ctx.invoke(import_.command, **import_arguments(folder))
    item, report = train_and_evaluate(settings)
    note(f"ready to serve after {time.monotonic() - begun:.0f} s")
    if not no_serve:
        say("5/5  serve it (Ctrl-C ends it)")
        say(TRY.format(url=f"http://{host}:{port}", item=item, report=report))
        ctx.invoke(serve.command, host=host, port=port)


def check_before(settings: Settings, host: str) -> Settings:
    """The settings. What the server would refuse at the end is told at the beginning."""
    from endcap.entrypoints.doors import check_doors
    from endcap.entrypoints.server import listen

    with listen(host, 0) as sock:
        check_doors(settings, sock, host)
    return settings


def import_arguments(folder: Path) -> dict[str, tuple[str, ...]]:
    return {
        table: (str(folder / f"{table}.parquet"),) for table in ("users", "items", "interactions")
    }


def train_and_evaluate(settings: Settings) -> tuple[str, Path]:
    """An item to click on, and the page of the evaluation."""
    from endcap.app import reports
    from endcap.app.evaluating import evaluate_shop
    from endcap.app.training import train
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.cli.output import progress
    from endcap.cli.tables import print_evaluation

    prepare_kernels(settings)
    shop = open_shop(settings)
    at = time.time_ns() // 1000
    say("3/5  train on everything, and put the model into service")
    with progress("train") as report:
        train(shop, at, progress=report, budget_s=SEARCH_S)
    say("4/5  evaluate: train on the past, measure on what came later")
    with progress("evaluate") as report:
        evaluation = evaluate_shop(
            shop,
            at,
            k=20,
            split_at=None,
            share=0.1,
            budget_s=SEARCH_S,
            progress=report,
            ranker=False,  # trained above; once more would double the wait
        )
        page = reports.evaluation_report(shop, evaluation, at)
    print_evaluation(evaluation)
    rows, _ = shop.now.state.popular(at, 1)
    return shop.now.state.items.ids(rows)[0], page
