"""``endcap pipeline``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from endcap.cli.output import note, print_json, print_table, progress
from endcap.cli.train import NOT_PROMOTED
from endcap.domain.errors import NotFound
from endcap.domain.times import iso
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop


@click.group("pipeline", help="Run the offline steps of a shop, in order, and look at past runs.")
def command() -> None:
    pass


@command.command("run", help="Import new files, train, serve, and store every user's answers.")
@click.option("--interactions", default="", metavar="GLOB", help="Files to import first.")
@click.option(
    "--k",
    type=click.IntRange(1, 100),
    default=20,
    show_default=True,
    help="How many items to store for each user.",
)
@click.option("--resume", metavar="RUN_ID", help="Go on with a run that failed or was killed.")
@click.option("--json", "as_json", is_flag=True, help="Print the run record as JSON.")
@click.pass_obj
def run(settings: Settings, interactions: str, k: int, resume: str | None, as_json: bool) -> None:
    from endcap.app.nightly import Nightly
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.pipeline.runner import DONE, RUNNING, Run, find_run, run_steps

    prepare_kernels(settings)
    shop = open_shop(settings)
    at = time.time_ns() // 1000
    started = Run(iso(at).replace(":", ""), RUNNING, at, {"interactions": interactions, "k": k})
    if resume:
        found = find_run(shop.documents, resume)
        if found is None:
            raise NotFound("unknown_run", field="--resume", value=resume)
        started = found
    note(f"run {started.run_id}")
    with progress("pipeline") as report:
        nightly = Nightly(shop, lambda: time.time_ns() // 1000, report, _import)
        ended = run_steps(
            nightly.steps(),
            started,
            shop.documents,
            sleep=time.sleep,
            told=lambda step, what: note(f"{step}: {what}"),
        )
    if as_json:
        print_json(ended)
    else:
        print_table(("step", "gave"), [(name, _gave(ended.facts, name)) for name in ended.done])
    if not ended.facts.get("promoted", True):
        note(f"{ended.facts['version']} does not serve: {ended.facts['gate']}")
        sys.exit(NOT_PROMOTED)
    sys.exit(0 if ended.status == DONE else 1)


@command.command("runs", help="List past runs.")
@click.option("--json", "as_json", is_flag=True, help="Print the run records as JSON.")
@click.pass_obj
def runs(settings: Settings, as_json: bool) -> None:
    from endcap.bootstrap import open_shop
    from endcap.pipeline import runner

    found = runner.runs(open_shop(settings).documents)
    if as_json:
        print_json(found)
    else:
        rows = [(r.run_id, r.status, r.step, r.reason) for r in found]
        print_table(("run", "status", "step", "reason"), rows)


def _import(shop: Shop, files: list[str], at: int) -> dict[str, Any]:
    """Import event files; the counts of rows by what became of them."""
    from endcap.app.importing import import_into
    from endcap.data.importer import ImportOptions
    from endcap.data.sources import Source

    sources = [Source("events", file) for file in files]
    report = import_into(shop, sources, {}, ImportOptions(at), lambda _: None)
    return {
        table: {"accepted": t.accepted, "rejected": t.rejected, "repeats": t.repeats}
        for table, t in report.tables.items()
    }


def _gave(facts: dict[str, Any], step: str) -> str:
    """The main fact of a step, in a few words."""
    fact = {"import": "imported", "settle": "log_offset", "train": "version", "promote": "serves"}
    return str(facts.get(fact.get(step, "stored"), ""))
