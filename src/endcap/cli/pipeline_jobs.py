"""``endcap pipeline start``, ``jobs``, ``stop``: runs that outlive whoever began them, where
ENDCAP_JOBS says."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from endcap.cli.output import print_json, print_table, say
from endcap.domain.errors import InvalidInput
from endcap.domain.times import iso
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.ports import Jobs

NAME = click.argument("pipeline", metavar="PIPELINE", type=click.Choice(["nightly", "users"]))
KINDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


@click.command(
    "start",
    help="Begin a run of PIPELINE (nightly or users) and return: a process of this machine, or an "
    "execution of a state machine, as ENDCAP_JOBS says. Arguments of the run as NAME=VALUE, e.g. "
    "source=s3://BUCKET/FOLDER k=20; docs/pipeline.md lists them.",
)
@NAME
@click.argument("given", metavar="[NAME=VALUE]...", nargs=-1)
@click.pass_obj
def start(settings: Settings, pipeline: str, given: tuple[str, ...]) -> None:
    from endcap.bootstrap.pipelines import PIPELINES

    facts = read_facts(given, PIPELINES[pipeline].arguments)
    say(_jobs(settings).start(pipeline, [json.dumps(facts)]))


@click.command(
    "launch",
    help="Run PIPELINE here, with its arguments as one JSON object: what `endcap pipeline start` "
    "begins as a process.",
)
@NAME
@click.argument("facts", metavar="JSON")
@click.pass_obj
def launch(settings: Settings, pipeline: str, facts: str) -> None:
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.bootstrap.pipelines import PIPELINES, launched
    from endcap.pipeline.runner import RUNNING, Run

    known = PIPELINES[pipeline].arguments
    given = {**known, **_decoded(facts, known)}
    prepare_kernels(settings)
    shop, at = open_shop(settings), _now()
    run = Run(f"{iso(at).replace(':', '')}-{pipeline}", RUNNING, at, given)
    print_json(launched(shop, pipeline, run, _now, time.sleep))


@click.command("jobs", help="List the runs that `endcap pipeline start` has begun.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.pass_obj
def listed(settings: Settings, *, as_json: bool) -> None:
    jobs = _jobs(settings)
    states = {job_id: jobs.poll(job_id) for job_id in jobs.jobs()}
    if as_json:
        print_json(states)
    else:
        rows = [(job_id, told.status, told.reason[-100:]) for job_id, told in states.items()]
        print_table(("job", "status", "reason"), rows)


@click.command("stop", help="Ask a run that `endcap pipeline start` has begun to end.")
@click.argument("job")
@click.pass_obj
def stop(settings: Settings, job: str) -> None:
    _jobs(settings).stop(job)


def read_facts(words: tuple[str, ...], known: Any) -> dict[str, Any]:
    """NAME=VALUE words as facts of the types of the pipeline's arguments ``known``. Raises
    InvalidInput (bad_argument)."""
    found = {}
    for word in words:
        name, given, value = word.partition("=")
        if name not in known or not given:
            permitted = ", ".join(f"{n}={KINDS[type(v)]}" for n, v in known.items())
            raise InvalidInput("bad_argument", field=name, value=word, permitted=permitted)
        found[name] = _read(name, value, type(known[name]))
    return found


def _decoded(text: str, known: Any) -> dict[str, Any]:
    """Raises InvalidInput (bad_argument)."""
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    if not isinstance(facts, dict) or not facts.keys() <= known.keys():
        permitted = f"a JSON object of {', '.join(known)}"
        raise InvalidInput("bad_argument", field="JSON", value=text, permitted=permitted)
    return facts


def _read(name: str, value: str, kind: type) -> Any:
    if kind is str:
        return value
    try:
        read = json.loads(value)
    except ValueError:
        read = None
    if type(read) is kind or (kind is float and type(read) is int):
        return read
    raise InvalidInput("bad_argument", field=name, value=value, permitted=KINDS[kind])


def _jobs(settings: Settings) -> Jobs:
    from endcap.bootstrap.jobs import jobs_of

    return jobs_of(settings, settings.group)


def _now() -> int:
    return time.time_ns() // 1000
