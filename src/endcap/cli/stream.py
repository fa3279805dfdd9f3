"""``endcap stream``."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, BinaryIO

import click
import msgspec

from endcap.cli.output import note, print_json, print_table, say
from endcap.domain.errors import InvalidInput, Unavailable
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.streaming import Consumer
    from endcap.ports import Stream

NAME = "recommendations"
PUT_AT_ONCE = 500
LONGEST_PAUSE_S = 30.0

named = click.option(
    "--name", default=NAME, show_default=True, help="The consumer; each has its own positions."
)


@click.group(
    "stream",
    help="Answer what comes in a stream, into the lake. ENDCAP_STREAM says which stream: that in "
    "the shop's folder, or one of Amazon Kinesis.",
)
def command() -> None:
    pass


@command.command(
    "run",
    help="Read the stream and write recommendations to the lake as JSON lines, by day; keep the "
    "newest of each shopper for GET /v1/users/{userId}/recommendations. Goes on until it is "
    "interrupted, and later where it stopped.",
)
@named
@click.option(
    "--k", type=click.IntRange(1, 100), default=20, show_default=True, help="How many items."
)
@click.option(
    "--batch",
    type=click.IntRange(1, 10_000),
    default=1000,
    show_default=True,
    help="Most records of a shard at once.",
)
@click.option("--until-empty", is_flag=True, help="End when everything was read.")
@click.option("--no-store", is_flag=True, help="Write the files only.")
@click.option(
    "--poll",
    type=click.FloatRange(0.01, 60),
    default=1.0,
    show_default=True,
    help="Seconds between two looks at an empty stream.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@click.pass_obj
def run(
    settings: Settings,
    *,
    name: str,
    k: int,
    batch: int,
    until_empty: bool,
    no_store: bool,
    poll: float,
    as_json: bool,
) -> None:
    from endcap.app.stream_parts import StreamParts
    from endcap.app.streaming import Consumer
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.bootstrap.places import sole
    from endcap.bootstrap.streams import neighbours_of, stream_of

    prepare_kernels(settings)
    shop = open_shop(settings, process=f"stream-{name}")
    stream = stream_of(settings, shop.group, shop.documents)
    stream.positions(name)  # a bad name is told before anything is made of it
    parts = StreamParts(shop.stream_files, name)
    with sole(shop.lake.root.parent / f"consumer-{name}.lock", name), interrupted() as stop:
        consumer = Consumer(
            shop, stream, parts, name, lambda: time.time_ns() // 1000, most=batch, k=k,
            store=not no_store, vectors=neighbours_of(settings, shop.group),
        )  # fmt: skip
        note(f"reading {settings.stream} as {name}")
        consume(consumer, stop, poll, until_empty)
    results = dict(sorted(consumer.results.items()))
    if as_json:
        print_json(results)
    else:
        say(", ".join(f"{count} {result}" for result, count in results.items()) or "nothing new")


def consume(consumer: Consumer, stop: Event, poll_s: float, until_empty: bool) -> None:
    """Rounds until ``stop``, or until the stream is empty. What is out of reach for the moment is
    tried again; Raises Unavailable where it should end by itself."""
    pause = poll_s
    while not stop.is_set():
        try:
            found = consumer.round()
        except Unavailable as error:
            if until_empty:
                raise
            note(f"{error}; again in {pause:.0f} s")
            stop.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
            continue
        pause = poll_s
        if found == 0:
            if until_empty:
                return
            stop.wait(poll_s)


@contextmanager
def interrupted() -> Iterator[Event]:
    """Set by SIGTERM and Ctrl-C: the batch at hand is finished first."""
    stop = Event()
    kinds = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(kind, lambda *_: stop.set()) for kind in kinds]
    try:
        yield stop
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


@command.command(
    "put",
    help="Put the JSON lines of FILE (- for stdin) into the stream: events as POST /v1/events "
    "takes them. Lines that are not usable are named and left out.",
)
@click.argument("file")
@click.pass_obj
def put(settings: Settings, file: str) -> None:
    refused: list[tuple[int, str]] = []
    total = 0
    stream = opened(settings)
    with lines_of(file) as lines:
        usable = records(lines, refused)
        while some := list(islice(usable, PUT_AT_ONCE)):
            stream.put(some)
            total += len(some)
    for number, reason in refused[:5]:
        note(f"{file}, line {number}: {reason}")
    left_out = f", {len(refused)} left out" if refused else ""
    say(f"{total} records put{left_out}")


def records(lines: BinaryIO, refused: list[tuple[int, str]]) -> Iterator[tuple[str, bytes]]:
    """(the shopper, the line) of each that is usable; the number of others and why go to
    ``refused``. Empty lines are neither."""
    from endcap.app.signals import read_signal

    at = time.time_ns() // 1000
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        try:
            yield read_signal(text, at).user_id, text
        except InvalidInput as error:
            refused.append((number, str(error)))


@contextmanager
def lines_of(name: str) -> Iterator[BinaryIO]:
    """Raises InvalidInput (unreadable_file)."""
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = Path(name).open("rb")  # noqa: SIM115 - only its opening is in the try
    except OSError as error:
        reason = error.strerror
        raise InvalidInput("unreadable_file", field="FILE", value=name, reason=reason) from error
    with opened as file:
        yield file


@command.command("status", help="How far a consumer has come in each shard, and what it lacks.")
@named
@click.option("--json", "as_json", is_flag=True, help="Print the shards as JSON.")
@click.pass_obj
def status(settings: Settings, *, name: str, as_json: bool) -> None:
    from endcap.app.streaming import MOST_UNREAD, lags

    found = lags(opened(settings), name, time.time_ns() // 1000)
    if as_json:
        print_json([msgspec.to_builtins(lag) for lag in found])
        return
    more = {True: "or more", False: ""}
    print_table(
        ["shard", "position", "unread", "", "oldest unread, s"],
        [[f.shard, f.position, f.unread, more[f.unread == MOST_UNREAD], f.oldest_s] for f in found],
    )


@command.command("show", help="The answers that were written for a user, oldest first.")
@click.argument("user")
@named
@click.pass_obj
def show(settings: Settings, user: str, name: str) -> None:
    from endcap.app.stream_parts import lines_of as answers_of
    from endcap.bootstrap import stores_of

    files = stores_of(settings, settings.group).stream_files()
    for line in answers_of(files, name, user):
        say(line.decode().rstrip())


def opened(settings: Settings) -> Stream:
    """The stream alone: no shop is loaded."""
    from endcap.bootstrap import stores_of
    from endcap.bootstrap.places import make
    from endcap.bootstrap.streams import stream_of
    from endcap.control.dataset_groups import folder

    make(folder(settings.home, settings.group))
    stores = stores_of(settings, settings.group)
    return stream_of(settings, settings.group, stores.documents())
