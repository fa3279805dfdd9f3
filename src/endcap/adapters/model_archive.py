"""A folder of plain files as a .tar.gz, and back: what SageMaker hands a model over in.

Unpacking trusts nothing of the archive: files and folders below the target alone, no links, no
devices, nothing twice, and a bound on how much there may be.
"""

from __future__ import annotations

import gzip
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from zlib import error as zlib_error

from endcap.data.manifest import is_full
from endcap.domain.errors import Damaged, InvalidInput, TooLarge, Unavailable
from endcap.domain.errors import shorten as short

MOST_FILES, MOST_BYTES = 10_000, 16 * 2**30
MOST_DEPTH = 16
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_CHUNK_BYTES = 2**20


def pack_archive(folder: Path, archive: Path) -> None:
    """Write every file below ``folder``. The same files give the same bytes."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as made,
    ):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
                entry.size, entry.mode = path.stat().st_size, 0o644
                with path.open("rb") as file:
                    made.addfile(entry, file)


def unpack_archive(archive: Path, folder: Path, most_bytes: int = MOST_BYTES) -> None:
    """Unpack a .tar or .tar.gz into ``folder``, which is there and empty.

    Raises InvalidInput (archive_refused), TooLarge (archive_too_large), Damaged
    (archive_damaged), Unavailable (disk_full).
    """
    try:
        with tarfile.open(archive, "r:*") as opened:
            left = most_bytes
            for place, entry in enumerate(_files(opened)):
                left -= entry.size
                if left < 0 or place >= MOST_FILES:
                    raise TooLarge("archive_too_large", field=str(archive), most=most_bytes)
                source = opened.extractfile(entry)
                assert source is not None  # noqa: S101 - it is a plain file
                _write(source, folder.joinpath(*_parts(entry.name)), entry.name)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib_error) as error:
        reason = short(str(error))
        raise Damaged("archive_damaged", field=str(archive), reason=reason) from error
    except OSError as error:
        if not is_full(error):
            raise
        raise Unavailable("disk_full", field=str(folder)) from error


def _files(opened: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Raises InvalidInput (archive_refused) at what is neither a file nor a folder."""
    for entry in opened:
        if entry.isdir():
            _parts(entry.name)
        elif entry.isreg():
            yield entry
        else:
            raise _refused(entry.name, "it is neither a file nor a folder")


def _parts(name: str) -> list[str]:
    """The names on the way to an entry. Raises InvalidInput (archive_refused)."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    bad = name.startswith("/") or len(parts) > MOST_DEPTH
    if bad or not all(_PART.fullmatch(part) for part in parts):
        raise _refused(name, "its name leads elsewhere, or holds other than letters, digits, _ . -")
    return parts


def _write(source: IO[bytes], target: Path, name: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = target.open("xb")
    except (FileExistsError, IsADirectoryError) as error:
        raise _refused(name, "it comes twice") from error
    with file:
        while chunk := source.read(_CHUNK_BYTES):
            file.write(chunk)


def _refused(name: str, reason: str) -> InvalidInput:
    return InvalidInput("archive_refused", field=short(name), reason=reason)
