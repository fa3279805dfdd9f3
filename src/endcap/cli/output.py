"""What a person sees: results on stdout; progress, notes and errors on stderr.

Nothing heavy is imported until it is needed: ``rich`` only when a progress bar appears.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, TextIO

import msgspec

APPEARS_AFTER_S = 2.0
PLAIN_EVERY_S = 5.0

Report = Callable[..., None]


def say(text: str = "") -> None:
    """One line of the result, on stdout."""
    print(text, flush=True)


def note(text: str) -> None:
    """One line beside the result, on stderr: it never disturbs what a program parses."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Indented JSON on stdout. Keys of mappings are sorted, members of structs keep their
    order, numbers that are not finite become null."""
    raw = msgspec.json.encode(value, enc_hook=_plain, order="deterministic")
    print(msgspec.json.format(raw, indent=2).decode(), flush=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table of aligned columns on stdout, as wide as its content: columns of numbers stand
    right, others left."""
    body = [[_cell(value) for value in row] for row in rows]
    right = [_is_numeric(row[i] for row in body) for i in range(len(columns))]
    widths = [max([len(name), *(len(row[i]) for row in body)]) for i, name in enumerate(columns)]
    for row in [list(columns), ["─" * width for width in widths], *body]:
        cells = zip(row, widths, right, strict=True)
        line = "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in cells)
        print(line.rstrip())
    sys.stdout.flush()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_numeric(cells: Iterable[str]) -> bool:
    words = [cell for cell in cells if cell]
    return bool(words) and all(word.lstrip("+-")[:1].isdigit() for word in words)


class Status:
    """What the work last reported. ``fraction`` is from 0 to 1; None: not known."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.text = ""
        self.fraction: float | None = None

    def __call__(self, text: str = "", fraction: float | None = None) -> None:
        self.text = text
        self.fraction = None if fraction is None else min(max(fraction, 0.0), 1.0)

    def line(self) -> str:
        share = "" if self.fraction is None else f" {self.fraction:.0%}"
        return f"{self.label}:{share} {self.text}".rstrip(" :")


@contextmanager
def progress(label: str, stream: TextIO | None = None) -> Iterator[Report]:
    """Yields ``report(text, fraction=None)``. After 2 s a bar appears on a terminal; elsewhere a
    line every 5 s. Work that is quicker shows nothing."""
    status, done, out = Status(label), Event(), stream or sys.stderr
    show = _draw if out.isatty() else _lines
    painter = Thread(target=show, args=(status, done, out), daemon=True, name="progress")
    painter.start()
    try:
        yield status
    finally:
        done.set()
        painter.join()


def _lines(status: Status, done: Event, out: TextIO) -> None:
    start = time.monotonic()
    wait = APPEARS_AFTER_S
    while not done.wait(wait):
        print(f"{status.line()} ({time.monotonic() - start:.0f} s)", file=out, flush=True)
        wait = PLAIN_EVERY_S


def _draw(status: Status, done: Event, out: TextIO) -> None:
    if done.wait(APPEARS_AFTER_S):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=out), transient=True) as bar:
        task = bar.add_task(status.line(), total=None)
        while not done.wait(0.1):
            total = None if status.fraction is None else 1.0
            # Texts may hold brackets (file names): they are not markup.
            text = status.line().replace("[", "\\[")
            bar.update(task, description=text, total=total, completed=status.fraction or 0.0)
