"""``endcap benchmark``: the default recipe on public data, one JSON object each."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from endcap.cli.output import print_json, print_table, progress
from endcap.settings import Settings

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
_json = click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")


@click.group("benchmark", help="Measure the default recipe on public data.")
def command() -> None:
    pass


@command.command("cf", help="Files of 'user item item …', plain or .gz; every item is ranked.")
@_train
@_test
@_k
@_json
@click.pass_obj
def cf(settings: Settings, train: Path, test: Path, k: int, as_json: bool) -> None:
    from endcap.evaluation import benchmarks

    _measure(settings, k, as_json, lambda run: benchmarks.cf(train, test, run))


@command.command(
    "sessions", help="Sessions, one a line; test lines are a beginning, a tab, the next item."
)
@_train
@_test
@_k
@_json
@click.pass_obj
def sessions(settings: Settings, train: Path, test: Path, k: int, as_json: bool) -> None:
    from endcap.evaluation import benchmarks

    _measure(settings, k, as_json, lambda run: benchmarks.sessions(train, test, run))


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
    as_json: bool,
) -> None:
    from endcap.domain.times import parse_iso
    from endcap.evaluation import benchmarks

    at = parse_iso(split_at, "split-at")
    data = _imported(settings, interactions, items, pairs, event_type, keep)
    _measure(settings, k, as_json, lambda run: benchmarks.events(data, at, run))


@command.command(
    "coldstart", help="Products withheld from training, ranked by what they are, split in time."
)
@click.option("--interactions", required=True, metavar="FILE", help="File, folder or glob.")
@click.option("--items", required=True, metavar="FILE", help="The catalogue.")
@click.option("--split-at", required=True, metavar="ISO", help="The test begins here.")
@_json
@click.pass_obj
def coldstart(
    settings: Settings, interactions: str, items: str, split_at: str, as_json: bool
) -> None:
    from endcap.domain.times import parse_iso
    from endcap.evaluation.coldstart import coldstart as measured

    at = parse_iso(split_at, "split-at")
    data = _imported(settings, interactions, items, (), None, ())
    _measure(settings, 20, as_json, lambda run: measured(data, at, run))


def _imported(
    settings: Settings,
    interactions: str,
    items: str | None,
    pairs: tuple[str, ...],
    event_type: str | None,
    keep: tuple[str, ...],
) -> Any:
    """Events, with the catalogue where there is one, through a lake that is then dropped."""
    from endcap.data.importer import ImportOptions, import_files
    from endcap.data.interactions import described
    from endcap.data.lake import Lake
    from endcap.data.sources import Source
    from endcap.data.training import load_catalogue, load_interactions

    mapping = {
        name.strip(): column.strip() for name, _, column in (p.partition("=") for p in pairs)
    }
    with tempfile.TemporaryDirectory(prefix="endcap-benchmark-") as folder:
        lake = Lake(Path(folder), settings.memory_mb, settings.cores)
        options = ImportOptions(at=time.time_ns() // 1000, keep=keep, event_type=event_type)
        import_files(lake, [Source("events", interactions)], mapping, options, lambda _: None)
        if items:
            plain = ImportOptions(at=options.at)
            import_files(lake, [Source("items", items)], mapping, plain, lambda _: None)
        data = load_interactions(lake)
        return described(data, load_catalogue(lake, data.item_ids))


def _measure(
    settings: Settings, k: int, as_json: bool, benchmark: Callable[[Any], dict[str, Any]]
) -> None:
    """Run it, add the peak of memory, print."""
    from endcap.bootstrap import prepare_kernels

    prepare_kernels(settings)
    from endcap.evaluation.benchmarks import Run

    memory_mb = max(settings.memory_mb, 4096)
    with progress("benchmark") as report:
        run = Run(k, settings.seed, settings.cores, memory_mb, time.perf_counter, report)
        result = benchmark(run)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result["peak_mb"] = round(peak / (1024**2 if sys.platform == "darwin" else 1024), 1)
    if as_json:
        print_json(result)
    else:
        plain = [(n, v) for n, v in result.items() if isinstance(v, int | float | str)]
        print_table(("figure", "value"), plain)
