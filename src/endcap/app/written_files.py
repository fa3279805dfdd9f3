"""Files of users that ``batch`` and ``export`` wrote where somebody asked for them.

Endcap remembers where they are, so that a purge takes erased users out of them as well. A file
that has gone, or is of another form now, is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from endcap.app.shop import Shop

WRITTEN = "writtenFile"
PAGE = 500


class WrittenFile(Struct, frozen=True):
    """``column`` holds the user ids; ``at``: when it was written, in µs."""

    path: str
    form: str  # jsonl, parquet or csv
    column: str
    at: int


def remember_file(shop: Shop, path: str, form: str, column: str, at: int) -> None:
    """Note a file (or s3://…) that holds ids of users. A second one of the name replaces the
    first."""
    place = path if "://" in path else str(Path(path).expanduser().absolute())
    made = WrittenFile(place, form, column, at)
    shop.documents.put(WRITTEN, made.path, msgspec.to_builtins(made))


def written_files(shop: Shop) -> list[WrittenFile]:
    """Those that are remembered, in order of their paths."""
    found: list[WrittenFile] = []
    after = ""
    while page := shop.documents.query(WRITTEN, "", after, PAGE):
        after = page[-1].key
        found += [msgspec.convert(document.body, WrittenFile) for document in page]
    return found


def erase_from_written(shop: Shop, erasures: Mapping[str, int]) -> int:
    """Write files anew without the rows of users who were erased (at µs) after they were written;
    how many files changed."""
    from endcap.data.user_files import BadForm, without_users  # Arrow, which functions do without

    changed = 0
    for file in written_files(shop):
        gone = {user_id for user_id, at in erasures.items() if at >= file.at}
        if not gone:
            continue
        try:
            with shop.edited(file.path) as local:
                changed += without_users(local, file.form, file.column, gone) > 0
        except (BadForm, FileNotFoundError):
            shop.documents.delete(WRITTEN, file.path)
    return changed
