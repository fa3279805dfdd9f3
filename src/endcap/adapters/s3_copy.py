"""Files between a bucket and this machine: what people bring, and what is written for them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from endcap.adapters.s3 import Absent, Bucket, Object, split_url
from endcap.domain.errors import Conflict, NotFound

_MAGIC = re.compile(r"[*?\[]")
MOST_SHOWN = 3


@contextmanager
def sent(target: str, *, replace: bool) -> Iterator[Path]:
    """A local path for a new file or folder, which goes to ``target`` when the block ends well.

    Without ``replace``: raises Conflict (files_exist) where anything begins with that address.
    """
    bucket, key = split_url(target)
    root = Bucket(f"s3://{bucket}/{key}")
    taken = [found.key for found in root.objects()]
    if taken and not replace:
        names = ", ".join(sorted(taken)[:MOST_SHOWN])
        raise Conflict("files_exist", value=target, names=names)
    with TemporaryDirectory(prefix="endcap-") as folder:
        local = Path(folder) / (PurePosixPath(key).name or bucket)
        yield local
        if local.is_dir():
            files = sorted(path for path in local.rglob("*") if path.is_file())
            root.put_files((str(path.relative_to(local)), path) for path in files)
        else:
            parent, _, name = key.rpartition("/")
            Bucket(f"s3://{bucket}/{parent}").put_file(name, local)


@contextmanager
def edited(url: str) -> Iterator[Path]:
    """A local copy of one object; what is changed in it goes back. Raises FileNotFoundError."""
    bucket, key = split_url(url)
    parent, _, name = key.rpartition("/")
    there = Bucket(f"s3://{bucket}/{parent}")
    with TemporaryDirectory(prefix="endcap-") as folder:
        local = Path(folder) / name
        try:
            there.fetch(name, local)
        except Absent:
            raise FileNotFoundError(url) from None
        before = local.stat()
        yield local
        after = local.stat()
        if (after.st_ino, after.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
            there.put_file(name, local)


def fetched(source: str, folder: Path) -> Path:
    """Local copies, below ``folder``, of an object, of all below a prefix, or of a pattern with
    ``*``: the path to import. What was fetched before and has not changed is not fetched again.

    Raises NotFound (no_such_file).
    """
    bucket, key = split_url(source)
    below = folder / bucket
    fixed = key.split("/")
    while any(_MAGIC.search(part) for part in fixed):
        fixed.pop()
    there = Bucket(f"s3://{bucket}")
    start = "/".join(fixed)
    found = [o for o in there.objects(start) if o.size and _wanted(o.key, key, start)]
    if not found:
        raise NotFound("no_such_file", field=source)
    missing = [o for o in found if not _is_copy(below / o.key, o)]
    for one in missing:
        (below / one.key).parent.mkdir(parents=True, exist_ok=True)
    there.fetch_all((one.key, below / one.key) for one in missing)
    for one in missing:
        os.utime(below / one.key, (one.modified, one.modified))
    return below / key


def _wanted(name: str, asked: str, fixed: str) -> bool:
    if asked != fixed:
        return fnmatchcase(name, asked)
    return name == asked or not asked or name.startswith(f"{asked}/")


def _is_copy(path: Path, there: Object) -> bool:
    """Whether the object as it is now was fetched before, whole: the time is set at the end."""
    try:
        here = path.stat()
    except FileNotFoundError:
        return False
    return here.st_size == there.size and abs(here.st_mtime - there.modified) < 1
