"""``endcap vectors``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from endcap.cli.output import note, print_json, print_table, progress, say
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop


class Line(Struct, frozen=True):
    """What a load did, as --json prints it."""

    kind: str
    version: str
    vectors: int
    dimensions: int
    erased: int
    seconds: float
    answers: bool


KIND = click.Choice(["items", "users"])


@click.group(
    "vectors",
    help="Load embeddings into a vector database, and choose which version answers. "
    "ENDCAP_VECTORS says where: folder, embedded or postgresql://…",
)
def command() -> None:
    pass


@command.command(
    "load",
    help="Load a model version's embeddings beside what answers, whole or not at all, and switch "
    "to them. Users are folded from their histories in the lake.",
)
@click.option("--kind", "kinds", type=KIND, multiple=True, help="Only this kind. [default: both]")
@click.option("--version", default="", help="Model version. [default: the one that serves]")
@click.option(
    "--label", "labels", multiple=True, metavar="NAME",
    help="An attribute of items to filter by; several times for several.",
)  # fmt: skip
@click.option("--no-switch", is_flag=True, help="Leave what answers as it is.")
@click.option("--json", "as_json", is_flag=True, help="Print what was loaded as JSON.")
@click.pass_obj
def load(
    settings: Settings,
    *,
    kinds: tuple[str, ...],
    version: str,
    labels: tuple[str, ...],
    no_switch: bool,
    as_json: bool,
) -> None:
    from endcap.app import vectors

    shop = _open(settings)
    name = vectors.chosen(shop, version)
    done = []
    for kind in kinds or vectors.KINDS:
        begun, at = time.monotonic(), time.time_ns() // 1000
        with progress(kind) as report:
            made = vectors.load(shop, kind, name, at, labels=labels, progress=report)
        if not no_switch:
            vectors.switch(shop, kind, name)
        line = Line(**made._asdict(), seconds=time.monotonic() - begun, answers=not no_switch)
        note(f"{kind}: {line.vectors} vectors of {name} in {line.seconds:.1f} s")
        done.append(line)
    if as_json:
        print_json(done)
    else:
        print_table(
            ["kind", "version", "vectors", "dimensions", "seconds", ""],
            [[d.kind, d.version, d.vectors, d.dimensions, d.seconds,
              "answers" if d.answers else "loaded"] for d in done],
        )  # fmt: skip


@command.command("status", help="List the versions that are loaded, and mark what answers.")
@click.option("--json", "as_json", is_flag=True, help="Print the versions as JSON.")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    from endcap.app.vectors import KINDS

    shop = _open(settings)
    found = [(kind, one) for kind in KINDS for one in shop.vectors(kind).versions()]
    if as_json:
        from msgspec import to_builtins

        print_json([{"kind": kind, **to_builtins(one)} for kind, one in found])
    elif not found:
        say("no vectors are loaded: endcap vectors load")
    else:
        print_table(
            ["kind", "version", "", "vectors", "dimensions", "recall"],
            [[kind, one.version, "answers" if one.answers else "", one.vectors, one.dimensions,
              one.recall] for kind, one in found],
        )  # fmt: skip


@command.command("switch", help="Answer from VERSION, which is loaded already.")
@click.argument("version")
@click.option("--kind", "kinds", type=KIND, multiple=True, help="Only this kind. [default: both]")
@click.pass_obj
def switch(settings: Settings, version: str, kinds: tuple[str, ...]) -> None:
    from endcap.app import vectors

    shop = _open(settings)
    loaded = [
        kind for kind in kinds or vectors.KINDS
        if kinds or any(one.version == version for one in shop.vectors(kind).versions())
    ]  # fmt: skip
    for kind in loaded or vectors.KINDS[:1]:  # of neither kind: the first says so
        vectors.switch(shop, kind, version)
        say(f"{kind} answer from {version}")


def _open(settings: Settings) -> Shop:
    from endcap.bootstrap import open_shop, prepare_kernels

    prepare_kernels(settings)
    return open_shop(settings)
