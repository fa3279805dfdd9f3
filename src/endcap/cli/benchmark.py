"""``endcap benchmark``: the default recipe on public data, one JSON object each."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from endcap.cli.output import print_json, print_table, progress, say
from endcap.settings import Settings

ALL = "all"
BASELINES = (ALL, "plain")  # as in evaluation/benchmark_baselines.py, which is slow to import
_FILE = click.Path(path_type=Path)
_train = click.option("--train", type=_FILE, required=True, metavar="FILE", help="Learn from it.")
_test = click.option("--test", type=_FILE, required=True, metavar="FILE", help="Score on it.")
_k = click.option(
    "--k",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Length of the lists; figures at 20 are always given.",
)
_baselines = click.option(
    "--baselines",
    type=click.Choice(BASELINES),
    default=ALL,
    show_default=True,
    help="Beside the recipe: all, or plain, without item-kNN, EASE and ALS, which take longer.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")


@click.group("benchmark", help="Measure the default recipe on public data.")
def command() -> None:
    pass


@command.command("cf", help="Files of 'user item item …', plain or .gz; every item is ranked.")
@_train
@_test
@_k
@_baselines
@_json
@click.pass_obj
def cf(settings: Settings, train: Path, test: Path, k: int, baselines: str, as_json: bool) -> None:
    from endcap.evaluation import benchmarks

    _measure(settings, k, as_json, lambda run: benchmarks.cf(train, test, run), baselines)


@command.command(
    "sessions", help="Sessions, one a line; test lines are a beginning, a tab, the next item."
)
@_train
@_test
@_k
@_baselines
@_json
@click.pass_obj
def sessions(
    settings: Settings, train: Path, test: Path, k: int, baselines: str, as_json: bool
) -> None:
    from endcap.evaluation import benchmarks

    _measure(settings, k, as_json, lambda run: benchmarks.sessions(train, test, run), baselines)


@command.command("events", help="Any file that can be imported, split in time.")
@click.option("--interactions", required=True, metavar="FILE", help="File, folder or glob.")
@click.option("--items", metavar="FILE", help="The catalogue, to learn from attributes too.")
@click.option("--split-at", required=True, metavar="ISO", help="The test begins here.")
@click.option(
    "--map", "pairs", multiple=True, metavar="NAME=COLUMN", help="A column under another name."
)
@click.option("--event-type", metavar="NAME", help="For files without such a column.")
@click.option("--keep", multiple=True, metavar="SQL", help="Only rows for which this is true.")
@_k
@_baselines
@_json
@click.pass_obj
def events(
    settings: Settings,
    interactions: str,
    items: str | None,
    split_at: str,
    pairs: tuple[str, ...],
    event_type: str | None,
    keep: tuple[str, ...],
    k: int,
    baselines: str,
    as_json: bool,
) -> None:
    from endcap.domain.times import parse_iso
    from endcap.evaluation import benchmarks

    at = parse_iso(split_at, "split-at")
    files = {"events": interactions, "items": items}
    data, _ = _imported(settings, files, pairs, event_type, keep)
    _measure(settings, k, as_json, lambda run: benchmarks.events(data, at, run), baselines)


@command.command(
    "coldstart", help="Products withheld from training, ranked by what they are, split in time."
)
@click.option("--interactions", required=True, metavar="FILE", help="File, folder or glob.")
@click.option("--items", required=True, metavar="FILE", help="The catalogue.")
@click.option("--users", metavar="FILE", help="Shoppers: measure those without a history too.")
@click.option("--split-at", required=True, metavar="ISO", help="The test begins here.")
@_json
@click.pass_obj
def coldstart(
    settings: Settings,
    interactions: str,
    items: str,
    users: str | None,
    split_at: str,
    as_json: bool,
) -> None:
    from endcap.domain.times import parse_iso
    from endcap.evaluation.coldstart import coldstart as measured

    at = parse_iso(split_at, "split-at")
    files = {"events": interactions, "items": items, "users": users}
    data, people = _imported(settings, files, (), None, ())
    _measure(settings, 20, as_json, lambda run: measured(data, at, run, people))


def _imported(
    settings: Settings,
    files: Mapping[str, str | None],
    pairs: tuple[str, ...],
    event_type: str | None,
    keep: tuple[str, ...],
) -> tuple[Any, Any]:
    """(events, with the catalogue where there is one; the shoppers' attributes or None), through
    a lake that is then dropped."""
    from endcap.data.importer import ImportOptions, import_files
    from endcap.data.interactions import described
    from endcap.data.lake import Lake
    from endcap.data.sources import Source
    from endcap.data.training import load_catalogue, load_interactions, load_people

    mapping = {
        name.strip(): column.strip() for name, _, column in (p.partition("=") for p in pairs)
    }
    with tempfile.TemporaryDirectory(prefix="endcap-benchmark-") as folder:
        lake = Lake(Path(folder), settings.memory_mb, settings.cores)
        options = ImportOptions(at=time.time_ns() // 1000, keep=keep, event_type=event_type)
        for kind, path in files.items():
            if path:
                chosen = options if kind == "events" else ImportOptions(at=options.at)
                import_files(lake, [Source(kind, path)], mapping, chosen, lambda _: None)
        data = load_interactions(lake)
        people = load_people(lake, data.user_ids) if files.get("users") else None
        return described(data, load_catalogue(lake, data.item_ids)), people


def _measure(
    settings: Settings,
    k: int,
    as_json: bool,
    benchmark: Callable[[Any], dict[str, Any]],
    baselines: str = ALL,
) -> None:
    """Run it and print."""
    from endcap.bootstrap import prepare_kernels

    prepare_kernels(settings)
    from endcap.evaluation.benchmarks import Run

    memory_mb = max(settings.memory_mb, 4096)
    with progress("benchmark") as report:
        run = Run(
            k, settings.seed, settings.cores, memory_mb, time.perf_counter, report, _peak_mb,
            baselines,
        )  # fmt: skip
        result = benchmark(run)
    result.setdefault("peak_mb", _peak_mb())
    if as_json:
        print_json(result)
        return
    shown = (result, result.get("newcomers", {}))
    plain = [(n, v) for part in shown for n, v in part.items() if isinstance(v, int | float | str)]
    print_table(("figure", "value"), plain)
    if "baselines" in result:
        from endcap.evaluation.benchmark_baselines import rows_of_table

        header, *rows = rows_of_table(result, result["baselines"])
        say()
        print_table(header, rows)


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)
