"""What imports could not take, kept for a person to look at: ``rejects/<import>/rejects.jsonl``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from endcap.data.manifest import sync_file, sync_folder

REJECTS = "rejects"  # the folder of a lake
CUTS = (re.compile(r"[,;|\t]"), re.compile(r"[^\w@.-]+"), re.compile(r"[^\w-]+"))


def erase_rejects(root: Path, users: Collection[str]) -> dict[str, int]:
    """Remove the lines whose value names one of these users, physically; how many each had."""
    named = {user: re.compile(rf"(?<![\w-]){re.escape(user)}(?![\w-])") for user in sorted(users)}
    gone: Counter[str] = Counter()
    for path in sorted((root / REJECTS).glob("*/rejects.jsonl")):
        lines = path.read_bytes().splitlines(keepends=True)
        owners = [_owner(line, named) for line in lines]
        kept = [line for line, owner in zip(lines, owners, strict=True) if owner is None]
        if len(kept) == len(lines):
            continue
        gone.update(owner for owner in owners if owner is not None)
        staged = path.with_suffix(".part")
        staged.write_bytes(b"".join(kept))
        sync_file(staged)
        staged.replace(path)
        sync_folder(path.parent)
    return dict(gone)


def gather_rejects(
    root: Path, import_id: str, parts: Iterable[Path], forgotten: Callable[[str], bool]
) -> str:
    """All rejects of an import in one file, but not those whose value names a user who was erased
    before; its path, "" where there is none."""
    found = [path for path in parts if path.exists()]
    if not found:
        return ""
    folder = root / REJECTS / import_id
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rejects.jsonl"
    with path.open("wb") as gathered:
        for part in found:
            lines = part.read_bytes().splitlines(keepends=True)
            gathered.writelines(
                line for line in lines if not any(map(forgotten, possible_ids(line)))
            )
    sync_file(path)
    sync_folder(folder)
    return str(path)


def possible_ids(line: bytes) -> set[str]:
    """Whatever in the value of a reject may be an id: all of it, its cells, its words."""
    value = str(msgspec.json.decode(line, type=dict[str, Any]).get("value", ""))
    words = {word for cut in CUTS for word in cut.split(value)}
    return {word.strip(" \"'") for word in words | {value}} - {""}


def _owner(line: bytes, named: Mapping[str, re.Pattern[str]]) -> str | None:
    """Whose line it is. One that cannot be read goes as well: nobody can say whose it is."""
    try:
        reject = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return next(iter(named), None)
    value = str(reject.get("value", ""))
    return next((user for user, pattern in named.items() if pattern.search(value)), None)
