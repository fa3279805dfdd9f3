"""The pipelines of a shop, opened: what their steps work on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from endcap.adapters.file_pieces import pieces
from endcap.adapters.remote_files import fetched
from endcap.app.importing import import_into
from endcap.app.nightly import NIGHTLY, Import, Nightly
from endcap.app.shop import Shop
from endcap.app.training import Progress
from endcap.app.user_run import USERS_RUN, UserRun
from endcap.bootstrap.senders import sender_of
from endcap.data.importer import ImportOptions
from endcap.data.sources import Source, find_files
from endcap.domain.errors import NotFound
from endcap.pipeline.runner import Run, run_steps
from endcap.pipeline.steps import Facts, Pipeline
from endcap.ports import Message, Sender

PIPELINES: dict[str, Pipeline] = {pipeline.name: pipeline for pipeline in (NIGHTLY, USERS_RUN)}

STEMS = {"users": "users", "items": "items", "events": "interactions"}  # table → name of its files


def open_nightly(
    shop: Shop, clock: Callable[[], int], report: Progress, import_from: Import
) -> Nightly:
    """``clock`` gives µs. Raises as ``sender_of``."""
    sender = sender_of(shop.settings, shop.group)
    return Nightly(shop, clock, report, import_from, partial(_send, sender))


def open_user_run(shop: Shop, clock: Callable[[], int]) -> UserRun:
    """``clock`` gives µs. Raises as ``sender_of``."""
    return UserRun(shop, clock, pieces, partial(_send, sender_of(shop.settings, shop.group)))


def launched(
    shop: Shop,
    name: str,
    run: Run,
    clock: Callable[[], int],
    sleep: Callable[[float], None],
) -> Run:
    """A whole run of the pipeline ``name``, with arguments as its state machine takes them; its
    record. Raises what a step raises."""
    if name == USERS_RUN.name:
        users = open_user_run(shop, clock)
        steps, members = USERS_RUN.bound(users), users.members
        return run_steps(steps, run, shop.documents, sleep=sleep, members=members)
    night = open_nightly(shop, clock, lambda _stage, _share: None, import_files)
    return run_steps(NIGHTLY.bound(night), run, shop.documents, sleep=sleep)


def import_files(shop: Shop, facts: Facts, at: int) -> dict[str, Any]:
    """Import what the facts name: a folder or s3://… with users.*, items.*, interactions.*
    (``source``), and event files (``interactions``). The counts of rows by what became of them.

    Raises NotFound (no_such_file): there is none of them in the source.
    """
    folder, pattern = str(facts.get("source") or ""), str(facts.get("interactions") or "")
    named = {table: f"{folder}/{stem}.*" for table, stem in STEMS.items()} if folder else {}
    found: list[Source] = []
    for table, files in [*named.items(), *([("events", pattern)] if pattern else [])]:
        with suppress(NotFound):
            source = Source(table, fetched(files, shop.lake.root))
            find_files([source])
            found.append(source)
    if folder and not found:
        raise NotFound("no_such_file", field=folder)
    if not found:
        return {}
    report = import_into(shop, found, {}, ImportOptions(at), lambda _: None)
    return {
        table: {"accepted": t.accepted, "rejected": t.rejected, "repeats": t.repeats}
        for table, t in report.tables.items()
    }


def _send(sender: Sender, message: Message) -> None:
    """The id that the receiver gave it is asked for by nobody."""
    sender.send(message)
