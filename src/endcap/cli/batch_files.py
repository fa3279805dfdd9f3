"""Files of batch recommendations: JSON lines, or Parquet with one row for each user.

A file appears under its name when it is whole; a run that fails leaves what was there before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from endcap.app.batch import row
from endcap.domain.errors import InvalidInput
from endcap.domain.values import Answer

Writer = Callable[[str, Answer], None]
ROW_GROUP = 20_000
SCHEMA = pa.schema(
    [
        ("userId", pa.string()),
        ("items", pa.list_(pa.struct([("id", pa.string()), ("score", pa.float64())]))),
        ("strategy", pa.string()),
        ("modelVersion", pa.string()),
    ]
)


@contextmanager
def writing(output: str, form: str) -> Iterator[Writer]:
    """Yields ``write(user_id, answer)`` for a new file ``output`` (``-``: stdout).

    Raises InvalidInput (unwritable_file).
    """
    forms = {"jsonl": _json_lines, "parquet": _parquet}
    if output == "-":
        with forms[form](sys.stdout.buffer) as write:
            yield write
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = part.open("wb")
    except OSError as error:
        raise InvalidInput(
            "unwritable_file", field="OUTPUT", value=output, reason=error.strerror
        ) from error
    try:
        with file, forms[form](file) as write:
            yield write
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _json_lines(file: BinaryIO) -> Iterator[Writer]:
    encode = msgspec.json.Encoder().encode
    yield lambda user_id, answer: _ignore(file.write(encode(row(user_id, answer)) + b"\n"))


def _ignore(_: int) -> None:
    """A writer answers nothing."""


@contextmanager
def _parquet(file: BinaryIO) -> Iterator[Writer]:
    waiting: list[dict[str, Any]] = []
    with pq.ParquetWriter(file, SCHEMA, compression="zstd") as parquet:

        def flush() -> None:
            parquet.write_table(pa.Table.from_pylist(waiting, SCHEMA))
            waiting.clear()

        def write(user_id: str, answer: Answer) -> None:
            waiting.append(row(user_id, answer))
            if len(waiting) == ROW_GROUP:
                flush()

        yield write
        flush()
