"""Files by path or by s3://…: what people bring, and what is written where they ask for it.

Nothing of AWS is imported before an address says s3://.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

from endcap.domain.errors import InvalidInput
from endcap.domain.records import digest

S3 = "s3://"


def need_aws(field: str, *others: str) -> None:
    """``others``: packages that are needed beside boto3, which functions of Lambda have alone.
    Raises InvalidInput (aws_extra_missing)."""
    if any(find_spec(package) is None for package in ("boto3", *others)):
        raise InvalidInput("aws_extra_missing", field=field)


@contextmanager
def sent(target: str, *, replace: bool = True) -> Iterator[Path]:
    """Where to write what is meant for ``target``, a path or s3://…, locally. It goes there when
    the block ends well. Raises Conflict (files_exist) as ``s3_copy.sent`` does."""
    if not target.startswith(S3):
        yield Path(target).expanduser()
        return
    need_aws(target)
    from endcap.adapters import s3_copy

    with s3_copy.sent(target, replace=replace) as local:
        yield local


@contextmanager
def edited(path: str) -> Iterator[Path]:
    """A file that was written for somebody, to change it where it is."""
    if not path.startswith(S3):
        yield Path(path)
        return
    need_aws(path)
    from endcap.adapters import s3_copy

    with s3_copy.edited(path) as local:
        yield local


def fetched(source: str, lake: Path) -> str:
    """The local path of what a person brings: itself, or what was fetched from s3://… and stays
    beside the staged imports of a lake until ``drop_fetched``, or a purge."""
    if not source.startswith(S3):
        return source
    need_aws(source)
    from endcap.adapters import s3_copy

    return str(s3_copy.fetched(source, _folder(source, lake)))


def drop_fetched(source: str, lake: Path) -> None:
    """Nothing happens to files that were not fetched."""
    if source.startswith(S3):
        rmtree(_folder(source, lake), ignore_errors=True)


def _folder(source: str, lake: Path) -> Path:
    from endcap.data.staging import STAGING

    return lake / STAGING / f"fetched-{digest(source).hex()}"
