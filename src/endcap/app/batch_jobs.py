"""Batch jobs of the Personalize API: files of questions, one a line, into files of answers.

An answer file is called as its question file with ``.out`` behind. What is finished of it is kept
beside the lake until the job ends: a job that was killed goes on with the line where it stopped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from endcap.app.backing import Backing, of_version
from endcap.app.batch_lines import Line, answer_lines
from endcap.app.intake import Intake
from endcap.app.locations import FILE, check_inside, local_path, scheme_of
from endcap.app.shop import Shop
from endcap.app.shops import Opened
from endcap.control.registry.arns import BATCH_SEGMENT, parse
from endcap.control.registry.batches import Batch, BatchInference, BatchSegment
from endcap.control.registry.statuses import ACTIVE, IN_PROGRESS, PENDING
from endcap.control.registry.store import Registry
from endcap.data.staging import STAGING
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.records import digest

SUFFIX = ".out"
LINES_AT_ONCE = 500  # between two looks at how far it is; segments are worked out for so many
MOST_LINE_BYTES = 2**20

Progress = Callable[[str, float], None]


class Files(NamedTuple):
    """``fetch``: (s3://…, a folder) → the local path of a file, or of a folder of files; ``sent``:
    where to write what is meant for a path or s3://…, locally."""

    fetch: Callable[[str, Path], str]
    sent: Callable[[str], AbstractContextManager[Path]]


class Work(NamedTuple):
    """A job with what it needs to answer."""

    opened: Opened
    registry: Registry
    job: Batch
    backing: Backing
    folder: Path  # of what is unfinished


def run_batch(
    shop: Shop, registry: Registry, arn: str, at: int, progress: Progress, files: Files
) -> None:
    """Answer every line of every file; then the job is ACTIVE. ``at``: the time of the questions.

    Raises NotFound (no_resource, no_batch_input), InvalidInput (not_active, bad_location, what
    filters raise), Forbidden (no_import_roots, outside_import_roots), and what the stores raise.
    """
    shape = shape_of(arn)
    job = registry.find(shape, arn)
    folder = shop.lake.root / STAGING / f"batch-{digest(arn).hex()}"
    folder.mkdir(parents=True, exist_ok=True)
    opened = Opened(shop, Intake(shop))
    work = Work(opened, registry, job, of_version(registry, job.version_arn), folder)
    shop.refresh()
    sources = sources_of(shop, job.input, files)
    target = target_of(shop, job.output)
    done = failed = 0
    for place, source in enumerate(sources):
        more = answered(work, source, at, part_of(progress, source.name, place, len(sources)))
        done, failed = done + more[0], failed + more[1]
        deliver(staged_of(work, source), f"{target}/{source.name}{SUFFIX}", files)

    def ended(now: Batch) -> Batch:
        if now.status not in (PENDING, IN_PROGRESS):
            return now
        return msgspec.structs.replace(
            now, status=ACTIVE, failure_reason="", updated_at=at, done=done, failed=failed
        )

    registry.change(shape, arn, ended)
    shutil.rmtree(folder, ignore_errors=True)


def part_of(progress: Progress, name: str, place: int, count: int) -> Callable[[float], None]:
    """How far all is, from how far one of ``count`` files is."""
    return lambda share: progress(name, (place + share) / count)


def shape_of(arn: str) -> type[Batch]:
    return BatchSegment if parse(arn).kind == BATCH_SEGMENT else BatchInference


def sources_of(shop: Shop, location: str, files: Files) -> list[Path]:
    """The file that is named, or all files of the folder, in order of name; local copies of what
    lies elsewhere. Raises NotFound (no_batch_input), and as ``local_path``."""
    if scheme_of(location) == FILE:
        path = local_path(location, shop.settings.import_roots)
    else:
        path = Path(files.fetch(location, shop.lake.root))
    if path.is_dir():
        found = sorted(
            each for each in path.rglob("*")
            if each.is_file() and each.suffix != SUFFIX and not each.name.startswith(".")
        )  # fmt: skip
        if scheme_of(location) == FILE:
            check_inside(found, shop.settings.import_roots)  # a link there may lead away
    else:
        found = [path] if path.is_file() else []
    if not found:
        raise NotFound("no_batch_input", field="jobInput", value=location)
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput("batch_names_clash", field="jobInput", value=twice)
    return found


def target_of(shop: Shop, location: str) -> str:
    """The folder of the answers, as a path or s3://…. Raises as ``local_path``."""
    if scheme_of(location) != FILE:
        return location.rstrip("/")
    return str(local_path(location, shop.settings.import_roots))


def staged_of(work: Work, source: Path) -> Path:
    return work.folder / f"{source.name}{SUFFIX}"


def answered(
    work: Work, source: Path, at: int, progress: Callable[[float], None]
) -> tuple[int, int]:
    """Answer the lines that are not answered yet; (lines, those with an error) of the file."""
    staged = staged_of(work, source)
    finished, failed = standing(staged)
    size = max(source.stat().st_size, 1)
    total, read = finished, 0
    with source.open("rb") as questions, staged.open("ab") as answers:
        lines = numbered(questions)
        for _ in islice(lines, finished):
            pass
        while block := list(islice(lines, LINES_AT_ONCE)):
            for told in answer_lines(work.opened, work.registry, work.job, work.backing, block, at):
                answers.write(msgspec.json.encode(told) + b"\n")
                failed += told["error"] is not None
            total += len(block)
            answers.flush()
            read = questions.tell()
            progress(min(read / size, 1.0))
        os.fsync(answers.fileno())
    return total, failed


def standing(staged: Path) -> tuple[int, int]:
    """(whole lines, those with an error) of what an earlier run has written; a torn one is cut."""
    if not staged.exists():
        return 0, 0
    lines = failed = whole = 0
    with staged.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            lines, whole = lines + 1, whole + len(line)
            failed += msgspec.json.decode(line)["error"] is not None
    os.truncate(staged, whole)
    return lines, failed


def numbered(file: Iterator[bytes]) -> Iterator[Line]:
    """Lines that say anything, by their number from 1 in the file."""
    for number, raw in enumerate(file, 1):
        if raw.strip():
            yield Line(number, raw.strip() if len(raw) <= MOST_LINE_BYTES else None)


def deliver(staged: Path, target: str, files: Files) -> None:
    """Put a finished file where it belongs, whole."""
    with files.sent(target) as local:
        local.parent.mkdir(parents=True, exist_ok=True)
        part = local.with_name(f".{local.name}.part")
        shutil.copyfile(staged, part)
        part.replace(local)
