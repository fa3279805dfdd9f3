"""``endcap batch``."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from endcap.cli.output import Report, note, progress
from endcap.domain.errors import InvalidInput
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.cli.batch_files import Writer
    from endcap.domain.values import Answer

FORMATS = ("jsonl", "parquet")


@click.command(
    "batch",
    help="Write recommendations for all users, or those of a list, to OUTPUT (a file, "
    "s3://BUCKET/FILE, - for stdout), and "
    "store them for GET /v1/users/{userId}/recommendations.",
)
@click.argument("output")
@click.option("--users", metavar="FILE", help="User ids, one a line; - reads stdin. Default: all.")
@click.option(
    "--k", type=click.IntRange(1, 100), default=20, show_default=True, help="How many items."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="JSON lines or Parquet; by default what the name of OUTPUT ends in, else JSON lines.",
)
@click.option("--no-store", is_flag=True, help="Write the file only.")
@click.pass_obj
def command(
    settings: Settings, *, output: str, users: str | None, k: int, form: str | None, no_store: bool
) -> None:
    from endcap.app import batch
    from endcap.app.written_files import remember_file
    from endcap.bootstrap import open_shop, prepare_kernels
    from endcap.cli.batch_files import writing

    listed = None if users is None else list(_ids(users))
    form = form or ("parquet" if output.endswith((".parquet", ".pq")) else "jsonl")
    prepare_kernels(settings)
    shop = open_shop(settings)
    at = time.time_ns() // 1000
    total = len(shop.now.state.users) if listed is None else len(listed)
    with progress("batch") as report, _place(output) as local, writing(local, form) as writer:
        answers = _written(batch.answers(shop, listed, k, at), writer, report, total)
        count = sum(1 for _ in answers) if no_store else batch.store(shop, answers, at)
    if output != "-":
        remember_file(shop, output, form, "userId", at)
    note(f"{count} users" + ("" if output == "-" else f" in {output}"))


@contextmanager
def _place(output: str) -> Iterator[str]:
    """Where to write: stdout, or a local file, which may be on its way to s3://…."""
    from endcap.adapters.remote_files import sent

    if output == "-":
        yield output
        return
    with sent(output) as local:
        yield str(local)


def _written(
    answers: Iterable[tuple[str, Answer]], writer: Writer, report: Report, total: int
) -> Iterator[tuple[str, Answer]]:
    for done, (user_id, answer) in enumerate(answers, start=1):
        writer(user_id, answer)
        yield user_id, answer
        report(f"{done} of {total} users", done / max(total, 1))


def _ids(name: str) -> Iterator[str]:
    """Ids of a file or stdin. Raises InvalidInput (unreadable_file)."""
    try:
        lines = sys.stdin if name == "-" else Path(name).read_text("utf-8").splitlines()
        yield from (text for line in lines if (text := line.strip()))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InvalidInput("unreadable_file", field="--users", value=name, reason=reason) from error
