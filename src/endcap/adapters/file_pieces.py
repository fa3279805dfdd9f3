"""The bytes of a file or of an object of S3, piece by piece. Nothing of AWS is imported before an
address says s3://."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from endcap.adapters.remote_files import S3, need_aws
from endcap.domain.errors import NotFound

PIECE_BYTES = 2**16


def pieces(source: str) -> Iterator[bytes]:
    """Raises NotFound (no_such_file), and what ``Bucket`` raises."""
    if source.startswith(S3):
        need_aws(source)
        yield from _of_object(source)
        return
    try:
        with Path(source).expanduser().open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound("no_such_file", field=source) from error


def _of_object(source: str) -> Iterator[bytes]:
    from endcap.adapters.s3 import Absent, Bucket

    folder, _, name = source.rpartition("/")
    bucket = Bucket(folder)
    try:
        yield from bucket.pieces(name, PIECE_BYTES)
    except Absent as error:
        raise NotFound("no_such_file", field=source) from error
