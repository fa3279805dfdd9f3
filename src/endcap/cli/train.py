"""``endcap train``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from endcap.cli.output import note, print_json, print_table, progress, say
from endcap.evaluation.results import NOT_JUDGED
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.control.solution_versions import SolutionVersion


NOT_PROMOTED = 3  # exit code: all went well, and the gate kept what served


@click.command(
    "train",
    help="Train a model version on everything the shop knows, and serve it, unless it falls "
    "behind the one that serves or a baseline on held-out events: then it is only registered, "
    f"and the exit code is {NOT_PROMOTED}.",
)
@click.option(
    "--budget",
    "budget_s",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    help="Most seconds of work for the search of settings.",
)
@click.option("--no-promote", is_flag=True, help="Register the version without serving it.")
@click.option("--force", is_flag=True, help="Serve it also where the gate refuses it.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the registry.")
@click.option("--lake-version", type=int, help="Learn from an earlier version of the lake.")
@click.option("--no-ranker", is_flag=True, help="Leave the order to the recipe alone.")
@click.option(
    "--from-tables",
    is_flag=True,
    help="Read what endcap etl counted instead of all events, for shops whose events do not fit "
    "one machine. The version serves where nothing does yet; else --force and --reason.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the version as JSON.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    budget_s: float | None,
    no_promote: bool,
    force: bool,
    reason: str,
    no_ranker: bool,
    lake_version: int | None,
    from_tables: bool,
    as_json: bool,
) -> None:
    check_force(force, reason, no_promote)
    from endcap.app.gating import may_serve
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings)
    shop = open_shop(settings)
    if from_tables:
        if lake_version is not None:
            raise click.UsageError("--from-tables reads tables, --lake-version events: choose one")
        train_counted(shop, not no_promote, reason.strip(), as_json)
        return
    version = train_on_events(
        shop, budget_s, not no_promote, not no_ranker, reason.strip(), lake_version
    )
    if as_json:
        print_json(version)
    else:
        print_version(version, no_promote)
    if not may_serve(version) and not no_promote:
        sys.exit(NOT_PROMOTED)


def train_on_events(
    shop: Shop,
    budget_s: float | None,
    serve: bool,
    ranker: bool,
    force: str,
    lake_version: int | None,
) -> SolutionVersion:
    """The default recipe on all events, and its report."""
    from endcap.app.reports import training_report
    from endcap.app.training import train

    begun, at = time.monotonic(), time.time_ns() // 1000
    with progress("train") as report:
        version = train(
            shop, at, progress=report, budget_s=budget_s, serve=serve, ranker=ranker, force=force,
            lake_version=lake_version,
        )  # fmt: skip
        page = training_report(shop, version)
    note(f"trained {version.name} in {time.monotonic() - begun:.1f} s; report: {page}")
    return version


def train_counted(shop: Shop, serve: bool, force: str, as_json: bool) -> None:
    """A version made from tables, and what became of it."""
    from endcap.app.table_training import train_from_tables

    at = time.time_ns() // 1000
    with progress("train") as report:
        version = train_from_tables(shop, at, progress=report, serve=serve, force=force)
    print_counted(shop, version, as_json)


def print_counted(shop: Shop, version: SolutionVersion, as_json: bool) -> None:
    """What became of a version made from tables."""
    from endcap.control import campaigns

    if as_json:
        print_json(version)
    elif campaigns.campaign(shop.documents).version == version.name:
        say(f"{version.name} serves: endcap versions")
    else:
        say(f"{version.name} is registered; to serve it: endcap rollback {version.name}")


def check_force(force: bool, reason: str, no_promote: bool) -> None:
    """Raises UsageError unless --force and --reason come together, and without --no-promote."""
    if force != bool(reason.strip()):
        raise click.UsageError("--force needs --reason TEXT, and --reason needs --force")
    if force and no_promote:
        raise click.UsageError("--force serves the version, --no-promote does not: choose one")


def print_version(version: SolutionVersion, no_promote: bool) -> None:
    """Its held-out figures, the gate's comparisons, and what became of it."""
    print_table(("held-out metric", "value"), sorted(version.metrics.items()))
    if rows := gate_rows(version):
        print_table(("against", "new", "its", "difference", "interval", "passed"), rows)
    say(sentence(version, no_promote))


def gate_rows(version: SolutionVersion) -> list[tuple[str, ...]]:
    """One line for each rival of the gate, figures in its metric."""
    if version.gate is None:
        return []
    return [
        (
            rival.name,
            f"{rival.new:.4f}",
            f"{rival.rival:.4f}",
            f"{rival.difference:+.4f}",
            f"[{rival.low:+.4f}, {rival.high:+.4f}]",
            "yes" if rival.passed else f"no: needed {rival.needed}",
        )
        for rival in version.gate.rivals
    ]


def sentence(version: SolutionVersion, no_promote: bool) -> str:
    """What became of the version, and why."""
    gate, name = version.gate, version.name
    why = f" ({gate.reason})" if gate and gate.outcome == NOT_JUDGED else ""
    if no_promote:
        told = f"; the gate: {gate.outcome}" if gate else ""
        return f"{name} is registered{told}: endcap versions"
    if gate and gate.refused and version.forced:
        return f"{name} serves, though the gate refused it, because: {version.forced}"
    if gate and gate.refused:
        return (
            f"{name} is registered and does not serve: {gate.reason}. To serve it all the same: "
            f"endcap rollback {name}, or endcap train --force --reason TEXT"
        )
    return f"{name} serves{why}: endcap versions"
