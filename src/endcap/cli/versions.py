"""``endcap versions``: the registry of model versions."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from endcap.cli.output import note, print_json, print_table, progress, say
from endcap.cli.train import NOT_PROMOTED, check_force, print_version
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.control.solution_versions import SolutionVersion


@click.group(
    "versions",
    invoke_without_command=True,
    help="List the model versions, oldest first, and mark the one that serves.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the versions as JSON.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    if ctx.invoked_subcommand is None:
        print_all(ctx.obj, as_json)


def print_all(settings: Settings, as_json: bool) -> None:
    """Every version with data, metrics and the gate's word."""
    from endcap.control import campaigns, solution_versions

    documents = _open(settings).documents
    serves = campaigns.campaign(documents).version
    found = solution_versions.versions(documents)
    if as_json:
        shown = [{**msgspec.to_builtins(v), "serves": v.name == serves} for v in found]
        print_json(shown)
    elif not found:
        say("no model version yet: endcap train")
    else:
        print_table(
            ["version", "", "status", "made (UTC)", "events", "metrics", "gate"],
            [
                [
                    version.name,
                    "serves" if version.name == serves else "",
                    version.status,
                    _time(version.created_at),
                    version.lineage.get("events"),
                    version.reason or _metrics(version.metrics),
                    _gate(version),
                ]
                for version in found
            ],
        )


@command.command(
    "show", help="Where VERSION comes from and how good it is: data, code, seed, parent, metrics."
)
@click.argument("version")
@click.option("--json", "as_json", is_flag=True, help="Print all that is known of it as JSON.")
@click.pass_obj
def show(settings: Settings, version: str, as_json: bool) -> None:
    from endcap.control import campaigns, solution_versions

    documents = _open(settings).documents
    found = solution_versions.version(documents, version)
    serves = campaigns.campaign(documents).version == version
    if as_json:
        print_json({**msgspec.to_builtins(found), "serves": serves})
    else:
        print_table(("", version), list(facts(found, serves)))


def facts(version: SolutionVersion, serves: bool) -> Iterator[tuple[str, str]]:
    """(what, its value) of one version, lineage and metrics by name."""
    yield "status", version.status + (", serves" if serves else "")
    yield "made (UTC)", _time(version.created_at)
    if version.reason:
        yield "reason", version.reason
    yield from _flat("", version.lineage)
    yield from ((name, f"{value:.4f}") for name, value in sorted(version.metrics.items()))
    ranker = version.info.get("ranker")
    if isinstance(ranker, Mapping):
        yield "ranker", str(ranker.get("reason") or f"order: {ranker.get('order')}")
    if version.gate is not None:
        yield "gate", _gate(version)


def _flat(before: str, told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in sorted(told.items()):
        if isinstance(value, Mapping):
            yield from _flat(f"{before}{name}.", value)
        elif value != "":
            yield before + name, str(value)


@command.command(
    "pack",
    help="Write VERSION as a .tar.gz, for another home or for an endpoint of SageMaker. TARGET: a "
    "file or s3://BUCKET/NAME.tar.gz.",
)
@click.argument("version")
@click.argument("target")
@click.pass_obj
def pack_version(settings: Settings, version: str, target: str) -> None:
    from endcap.adapters.model_archive import pack_archive
    from endcap.adapters.remote_files import sent
    from endcap.app.packing import pack

    shop = _open(settings)
    with tempfile.TemporaryDirectory() as name, sent(target) as local:
        package = pack(shop, version, Path(name))
        pack_archive(Path(name), local)
        size = local.stat().st_size
    say(f"{target}: {version}, {len(package.files)} files, {size / 2**20:.1f} MB")


@command.command(
    "register",
    help="Take in a version that was trained elsewhere: the model.tar.gz of a training job of "
    "SageMaker, or what versions pack wrote. SOURCE: a file, an unpacked folder or s3://…. It gets "
    "the next free name and serves, unless the gate refuses it over this shop's events: then it is "
    f"only registered, and the exit code is {NOT_PROMOTED}.",
)
@click.argument("source")
@click.option("--no-promote", is_flag=True, help="Register the version without serving it.")
@click.option("--force", is_flag=True, help="Serve it also where the gate refuses it.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the registry.")
@click.option("--json", "as_json", is_flag=True, help="Print the version as JSON.")
@click.pass_obj
def register(
    settings: Settings, source: str, *, no_promote: bool, force: bool, reason: str, as_json: bool
) -> None:
    check_force(force, reason, no_promote)
    shop = _open(settings)
    from endcap.app.gating import may_serve

    with progress("register") as report:
        version = registered(shop, source, report, not no_promote, reason.strip())
    if as_json:
        print_json(version)
    else:
        note(f"{source} is registered as {version.name}")
        print_version(version, no_promote)
    if not may_serve(version) and not no_promote:
        sys.exit(NOT_PROMOTED)


def registered(shop: Shop, source: str, report: Any, serve: bool, force: str) -> SolutionVersion:
    """``source`` as the command takes it. Raises as ``packing.receive`` and ``unpack_archive``."""
    from endcap.adapters.model_archive import unpack_archive
    from endcap.adapters.remote_files import drop_fetched, fetched
    from endcap.app.packing import receive
    from endcap.domain.errors import NotFound

    at = time.time_ns() // 1000
    try:
        path = Path(fetched(source, shop.lake.root)).expanduser()
        if path.is_dir():
            return receive(shop, path, at, progress=report, serve=serve, force=force)
        if not path.is_file():
            raise NotFound("no_such_file", field=source)
        with tempfile.TemporaryDirectory() as name:
            unpack_archive(path, Path(name))
            return receive(shop, Path(name), at, progress=report, serve=serve, force=force)
    finally:
        drop_fetched(source, shop.lake.root)


def _open(settings: Settings) -> Shop:
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings)
    return open_shop(settings)


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def _metrics(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in sorted(metrics.items())[:4])


def _gate(version: SolutionVersion) -> str:
    """What the gate said, and why a version serves all the same."""
    if version.gate is None:
        return ""
    lost = ", ".join(rival.name for rival in version.gate.rivals if not rival.passed)
    told = f"{version.gate.outcome} (by {lost})" if lost else version.gate.outcome
    return f"{told}; forced: {version.forced}" if version.forced else told
