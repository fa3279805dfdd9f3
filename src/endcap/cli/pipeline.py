"""``endcap pipeline``."""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from endcap.cli.output import note, print_json, print_table, progress, say
from endcap.cli.pipeline_jobs import launch, listed, start, stop
from endcap.cli.train import NOT_PROMOTED
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.times import iso
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.pipeline.runner import Run
    from endcap.pipeline.steps import Step

STATE_MACHINES = Path("infra/state-machines")
RESUME = click.option(
    "--resume", metavar="RUN_ID", help="Go on with a run that failed or was killed."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the run record as JSON.")
K = click.option(
    "--k",
    type=click.IntRange(1, 100),
    default=20,
    show_default=True,
    help="How many items to store for each user.",
)


@click.group("pipeline", help="Run the offline steps of a shop, in order, and look at past runs.")
def command() -> None:
    pass


@command.command(
    "run",
    help="Import what is new, train, serve what passes the gate, and store every user's answers. "
    "SOURCE is what endcap import takes: a folder or s3://BUCKET/FOLDER with users.*, items.*, "
    "interactions.*, or the URL of a database.",
)
@click.argument("source", required=False)
@click.option("--interactions", default="", metavar="GLOB", help="Files to import, also s3://….")
@click.option("--mapping", metavar="TOML", help="As for endcap import; of a database it is needed.")
@click.option("--full", is_flag=True, help="Read all of the database, not only what is new.")
@click.option("--tls", metavar="MODE", help="Of a database: verify, verify-ca, require or off.")
@click.option("--tls-ca", metavar="PEM", help="Certificate of who signed the database's.")
@click.option("--password-file", metavar="FILE", help="Its first line is the database's password.")
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    help="Most seconds of work for the search of settings.",
)
@K
@RESUME
@JSON
@click.pass_obj
def run(settings: Settings, /, **given: Any) -> None:
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.bootstrap.pipelines import PIPELINES, open_nightly
    from endcap.cli.pipeline_source import import_origin, origin_of
    from endcap.pipeline.runner import run_steps

    origin = origin_of(given)
    prepare_kernels(settings)
    shop = open_shop(settings)
    more = {name: given[name] for name in ("k", "budget_s")}
    started = _begun(shop, given["resume"], {**origin.facts, **more})
    with progress("pipeline") as report:
        import_from = partial(
            import_origin, settings=settings, password=origin.password, report=report
        )
        steps = PIPELINES["nightly"].bound(open_nightly(shop, _now, report, import_from))
        ended = run_steps(steps, started, shop.documents, sleep=time.sleep, told=_told)
    _show(ended, steps, given["as_json"])
    if not ended.facts.get("due", True):
        note(str(ended.facts["standing"]))
    elif not ended.facts.get("promoted", True):
        note(f"{ended.facts['version']} does not serve: {ended.facts['gate']}")
        sys.exit(NOT_PROMOTED)


@command.command(
    "users",
    help="Import a file of users into EcommerceUsers, and store the answers of those in it. SOURCE "
    "is a JSON array or has one object on each line; also s3://BUCKET/KEY.",
)
@click.argument("source")
@K
@click.option("--dry-run", is_flag=True, help="Popular items for all, and nothing stored.")
@RESUME
@JSON
@click.pass_obj
def users(
    settings: Settings, source: str, k: int, dry_run: bool, resume: str | None, as_json: bool
) -> None:
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.bootstrap.pipelines import PIPELINES, open_user_run
    from endcap.pipeline.runner import run_steps

    prepare_kernels(settings)
    shop = open_shop(settings)
    started = _begun(shop, resume, {"source": source, "k": k, "dryRun": dry_run})
    work = open_user_run(shop, _now)
    steps = PIPELINES["users"].bound(work)
    ended = run_steps(
        steps, started, shop.documents, sleep=time.sleep, told=_told, members=work.members
    )
    _show(ended, steps, as_json)


def _begun(shop: Shop, resumed: str | None, facts: dict[str, Any]) -> Run:
    """A new run, or the one that is to go on, with the source that it began with."""
    from endcap.pipeline.runner import RUNNING, Run, find_run

    at = _now()
    found: Run | None = Run(iso(at).replace(":", ""), RUNNING, at, facts)
    if resumed:
        found = find_run(shop.documents, resumed)
    if found is None:
        raise NotFound("unknown_run", field="--resume", value=resumed)
    note(f"run {found.run_id}")
    return found


def _now() -> int:
    return time.time_ns() // 1000


def _told(step: str, what: str) -> None:
    note(f"{step}: {what}")


def _show(ended: Run, steps: tuple[Step, ...], as_json: bool) -> None:
    if as_json:
        print_json(ended)
    else:
        rows = [(step.name, _gave(ended, step)) for step in steps if step.name in ended.done]
        print_table(("step", "gave"), rows)


def _gave(ended: Run, step: Step) -> str:
    """The facts of a step, in a few words."""
    names = (step.over.result,) if step.over else step.outputs
    return ", ".join(f"{n} {ended.facts[n]}" for n in names if n in ended.facts)[:100]


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


@command.command(
    "export",
    help="Write the pipelines as state machines of AWS Step Functions (Amazon States Language), "
    "one file each: nightly, nightly-small (functions alone, no Glue and no SageMaker), users (up "
    "to 1,000 of them) and users-distributed (any number). triggers.json says what EventBridge "
    "needs to begin runs: the schedule, and the event of a new file.",
)
@click.argument("folder", type=click.Path(path_type=Path), default=STATE_MACHINES)
@click.option("--check", is_flag=True, help="Write nothing; fail where a file there differs.")
@click.pass_obj
def export(settings: Settings, folder: Path, check: bool) -> None:
    for name, text in exported().items():
        path = folder / name
        if check and (not path.is_file() or path.read_text("utf-8") != text):
            raise InvalidInput("export_differs", field=str(path))
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            say(str(path))


def exported() -> dict[str, str]:
    """By file name, all that is committed: definitions, and what begins runs of them."""
    from endcap.bootstrap.pipelines import PIPELINES
    from endcap.pipeline.triggers import triggers

    begun = {name: triggers(pipeline) for name, pipeline in PIPELINES.items()}
    return {**state_machines(), "triggers.json": json.dumps(begun, indent=2) + "\n"}


def state_machines() -> dict[str, str]:
    """By file name, the definitions as they are committed."""
    from endcap.bootstrap.pipelines import PIPELINES
    from endcap.pipeline.state_machine import state_machine

    nightly, users = PIPELINES["nightly"], PIPELINES["users"]
    made = {
        "nightly": state_machine(nightly),
        "nightly-small": state_machine(nightly, only_functions=True),
        "users": state_machine(users),
        "users-distributed": state_machine(users, distributed=True),
    }
    return {f"{name}.asl.json": json.dumps(value, indent=2) + "\n" for name, value in made.items()}


for verb in (start, launch, listed, stop):
    command.add_command(verb)
