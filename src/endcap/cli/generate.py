"""``endcap generate``."""

from __future__ import annotations

import click
from msgspec.structs import replace

from endcap.cli.output import note, print_json, print_table, progress, say


@click.command(
    "generate",
    help="Write a synthetic shop to a folder or a bucket: users, items, interactions, and in "
    "truth.json the best recall that any recommender could reach on its last days.",
)
@click.option(
    "--out",
    "folder",
    metavar="DIR",
    required=True,
    help="Folder, made if missing, or s3://BUCKET/FOLDER.",
)
@click.option("--users", type=int, default=2_000, show_default=True, help="Shoppers.")
@click.option("--items", type=int, default=1_000, show_default=True, help="Products.")
@click.option(
    "--events",
    type=int,
    default=100_000,
    show_default=True,
    help="Expected events; the number written differs by chance.",
)
@click.option("--days", type=int, default=90, show_default=True, help="Length of the period.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--start",
    metavar="ISO",
    default="2025-01-01",
    show_default=True,
    help="The first day; a time is cut to its day, UTC.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["parquet", "csv", "jsonl"]),
    default="parquet",
    show_default=True,
    help="Of the three tables.",
)
@click.option("--force", is_flag=True, help="Replace files of an earlier run.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    *,
    folder: str,
    users: int,
    items: int,
    events: int,
    days: int,
    seed: int,
    start: str,
    file_format: str,
    force: bool,
    as_json: bool,
) -> None:
    from endcap.adapters.remote_files import sent
    from endcap.data.synthetic.generate import generate
    from endcap.data.synthetic.plan import DAY_S, Plan
    from endcap.domain.times import parse_iso

    start_s = parse_iso(start, "start") // 1_000_000
    plan = Plan(users, items, events, days, seed, start_s - start_s % DAY_S)
    with progress("generate") as report, sent(folder, replace=force) as local:
        summary = generate(plan, local, file_format=file_format, force=force, progress=report)
        summary = replace(summary, folder=folder)
    if as_json:
        print_json(summary)
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in summary.events.items())
    say(f"{summary.users:,} users, {summary.items:,} items, {summary.interactions:,} events")
    say(f"({counts}) in {summary.folder}")
    say(f"What can be reached from {summary.truth.split_at} on:")
    print_table(
        ("", *summary.truth.best),
        [
            ("best possible", *(figure.value for figure in summary.truth.best.values())),
            ("most popular", *(figure.value for figure in summary.truth.popularity.values())),
        ],
    )
    note(f"next: endcap import {summary.folder}")
