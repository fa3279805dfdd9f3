"""``endcap doctor``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from endcap.cli.output import note, print_json, progress, say
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.diagnosis import Picture
    from endcap.app.health import Check
    from endcap.bootstrap import Stores


UNREADABLE = "mend what the checks above found; then ask again"


@click.command(
    "doctor",
    help="Check the home, the disk and every store of the dataset group and the server that runs "
    "on it, without changing anything, and say what to do. Exit code 1 when something is wrong.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    settings: Settings = ctx.obj
    checks = []
    with progress("doctor") as report:
        for check in _checks(settings):
            report(check.name)
            checks.append(check)
    if as_json:
        print_json(checks)
    else:
        for check in checks:
            say(f"{'✓' if check.ok else '✗'} {check.name}: {check.seen}")
            if check.advice:
                say(f"  → {check.advice}")
    wrong = sum(not check.ok for check in checks)
    if wrong:
        note(f"{wrong} of {len(checks)} checks found something")
        ctx.exit(1)


def _checks(settings: Settings) -> Iterator[Check]:
    """One after the other; a store that cannot be opened does not hide the next."""
    from endcap.app import health
    from endcap.bootstrap import prepare_kernels, stores_of
    from endcap.control.dataset_groups import folder, groups

    home = settings.home
    yield health.examined("home", lambda: health.home(home))
    yield health.examined("disk", lambda: health.disk(home))
    if not folder(home, settings.group).is_dir():
        seen = f"{settings.group} holds nothing yet; known: {', '.join(groups(home)) or 'none'}"
        yield health.Check("group", True, seen)
        return
    prepare_kernels(settings)
    stores = stores_of(settings, settings.group)
    yield health.examined("log", lambda: health.log(stores.log()))
    yield health.examined("dead letters", lambda: health.dead_letters(stores.dead()))
    yield health.examined("documents", lambda: health.documents(stores.documents()))
    for kind in health.KINDS:
        yield health.examined(kind, partial(_artifacts, stores, kind))
    yield health.examined(
        "campaign", lambda: health.campaigned(stores.documents(), stores.artifacts())
    )
    yield health.examined("lake", lambda: health.lake(stores.lake()))
    at = time.time_ns() // 1000
    yield health.examined("model age", lambda: health.model_age(stores.documents(), at))
    yield health.examined("keys", lambda: health.keys(stores.documents(), settings, at))
    yield from _running(settings, stores, at)


def _running(settings: Settings, stores: Stores, at: int) -> Iterator[Check]:
    """Of the server that runs on this home, if one does."""
    from endcap.app import diagnosis, health

    try:
        seen = _picture(settings, stores, at)
    except Exception as error:  # its stores are damaged, which the checks above say
        yield health.Check("server", False, f"{type(error).__name__}: {error}", UNREADABLE)
        return
    yield health.examined("server", lambda: diagnosis.server(seen))
    if seen.pids:
        for name, look in diagnosis.RUNNING.items():
            yield health.examined(name, partial(look, seen))


def _picture(settings: Settings, stores: Stores, at: int) -> Picture:
    from endcap.app import diagnosis, totals

    folder = stores.telemetry()
    readings = folder.readings()
    if not any(reading.pid for reading in readings):
        nothing = totals.Totals({}, {}, {})
        return diagnosis.Picture(nothing, None, 0.0, {}, settings)
    stored = totals.kept(stores.documents(), stores.log().end())
    found = totals.with_standing(totals.total(readings), stored, at)
    moments = ((moment.at, moment.reading()) for moment in folder.moments())
    return diagnosis.picture(readings, moments, found, at, settings)


def _artifacts(stores: Stores, kind: str) -> str:
    from endcap.app import health

    return health.artifacts(stores.artifacts(), kind)
