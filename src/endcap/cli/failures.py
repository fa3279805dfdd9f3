"""How a failure reaches a person at the terminal: one sentence, and an exit code.

2: the caller can mend it (bad input, unknown name, conflict, wrong usage). 1: anything else.
3 is no failure: a training went well, and the gate kept what served (``cli/train.py``).
An exception that nobody foresaw leaves its traceback in a file, which the sentence names.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
import traceback
from pathlib import Path

import click

from endcap.domain.errors import Conflict, EndcapError, InvalidInput, NotFound, Unavailable, shorten

MENDABLE = (InvalidInput, NotFound, Conflict)
_RAISED = re.compile(r"^(\w+): (.+)$", re.MULTILINE)
GLOBAL_OPTIONS = ("--home", "--group", "--debug")


def explain(error: Exception, home: Path | None, *, debug: bool) -> int:
    """Print ``error`` as one sentence on stderr and return the exit code."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, EndcapError):
        _print(str(error), str(error.facts.get("hint", "")))
        return 2 if isinstance(error, MENDABLE) else 1
    if told := told_inside(error) or told_full(error, home):
        _print(told)
        return 1
    what = f"unexpected {type(error).__name__}: {shorten(str(error), 200)}".rstrip(": ")
    _print(f"{what} (traceback: {write_traceback(error, home)})")
    return 1


def told_inside(error: Exception) -> str:
    """The sentence of an error of ours that DuckDB passes on as the text of a traceback, because
    it was raised by what DuckDB reads with; "" where there is none."""
    names = {kind.__name__ for kind in EndcapError.__subclasses__()}
    for name, sentence in _RAISED.findall(str(error)):
        if name in names and type(error).__module__ == "_duckdb":
            return str(sentence)
    return ""


def told_full(error: Exception, home: Path | None) -> str:
    """The sentence where a full disk is what was in the way; else ""."""
    from endcap.data.manifest import is_full

    place = getattr(error, "filename", None) or home or "the disk"
    return str(Unavailable("disk_full", field=str(place))) if is_full(error) else ""


def explain_usage(error: click.ClickException) -> int:
    """Print a wrong call as one sentence on stderr and return the exit code."""
    message = error.format_message().rstrip(".")
    if isinstance(error, click.NoSuchOption) and error.option_name in GLOBAL_OPTIONS:
        _print(f"{error.option_name} stands before the verb: endcap {error.option_name} … VERB …")
        return 2
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"see '{context.command_path} --help'" if context and "--help" not in message else ""
    _print(message[:1].lower() + message[1:], hint)
    return 2


def write_traceback(error: Exception, home: Path | None) -> Path:
    """Write the traceback under the home's ``logs``, or where temporary files go when that
    cannot be written, and return the file."""
    text = "".join(traceback.format_exception(error))
    name = f"error-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{time.time_ns() % 10**6}.txt"
    if home is not None:
        try:
            folder = home / "logs"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        except OSError:
            pass
        else:
            return folder / name
    # mkdtemp: a name in a shared folder that somebody else could have prepared is not written.
    path = Path(tempfile.mkdtemp(prefix="endcap-")) / name
    path.write_text(text, encoding="utf-8")
    return path


def _print(sentence: str, hint: str = "") -> None:
    line = " ".join(sentence.split())
    print(f"error: {line}" + (f" ({hint})" if hint else ""), file=sys.stderr, flush=True)
