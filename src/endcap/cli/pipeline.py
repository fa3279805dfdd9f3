"""``endcap pipeline``."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from endcap.cli.output import note, print_json, print_table, progress
from endcap.cli.train import NOT_PROMOTED
from endcap.domain.errors import NotFound
from endcap.domain.times import iso
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.pipeline.runner import Run


@click.group("pipeline", help="Run the offline steps of a shop, in order, and look at past runs.")
def command() -> None:
    pass


@command.command(
    "run",
    help="Import what is new, train, serve, and store every user's answers. SOURCE is what endcap "
    "import takes: a folder or s3://BUCKET/FOLDER with users.*, items.*, interactions.*, or the "
    "URL of a database.",
)
@click.argument("source", required=False)
@click.option("--interactions", default="", metavar="GLOB", help="Files to import, also s3://….")
@click.option("--mapping", metavar="TOML", help="As for endcap import; of a database it is needed.")
@click.option("--full", is_flag=True, help="Read all of the database, not only what is new.")
@click.option("--tls", metavar="MODE", help="Of a database: verify, verify-ca, require or off.")
@click.option("--tls-ca", metavar="PEM", help="Certificate of who signed the database's.")
@click.option("--password-file", metavar="FILE", help="Its first line is the database's password.")
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
def run(settings: Settings, /, **given: Any) -> None:
    from endcap.app.nightly import Nightly
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.cli.pipeline_source import import_origin, origin_of
    from endcap.pipeline.runner import DONE, run_steps

    origin = origin_of(given)
    prepare_kernels(settings)
    shop = open_shop(settings)
    at = time.time_ns() // 1000
    started = _begun(shop, given["resume"], {**origin.facts, "k": given["k"]}, at)
    note(f"run {started.run_id}")
    with progress("pipeline") as report:
        import_from = partial(
            import_origin, settings=settings, password=origin.password, report=report
        )
        nightly = Nightly(shop, lambda: time.time_ns() // 1000, report, import_from)
        ended = run_steps(
            nightly.steps(),
            started,
            shop.documents,
            sleep=time.sleep,
            told=lambda step, what: note(f"{step}: {what}"),
        )
    if given["as_json"]:
        print_json(ended)
    else:
        print_table(("step", "gave"), [(name, _gave(ended.facts, name)) for name in ended.done])
    if not ended.facts.get("promoted", True):
        note(f"{ended.facts['version']} does not serve: {ended.facts['gate']}")
        sys.exit(NOT_PROMOTED)
    sys.exit(0 if ended.status == DONE else 1)


def _begun(shop: Shop, resumed: str | None, facts: dict[str, Any], at: int) -> Run:
    """A new run, or the one that is to go on, with the source that it began with."""
    from endcap.pipeline.runner import RUNNING, Run, find_run

    if not resumed:
        return Run(iso(at).replace(":", ""), RUNNING, at, facts)
    found = find_run(shop.documents, resumed)
    if found is None:
        raise NotFound("unknown_run", field="--resume", value=resumed)
    return found


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


def _gave(facts: dict[str, Any], step: str) -> str:
    """The main fact of a step, in a few words."""
    fact = {"import": "imported", "settle": "log_offset", "train": "version", "promote": "serves"}
    return str(facts.get(fact.get(step, "stored"), ""))
