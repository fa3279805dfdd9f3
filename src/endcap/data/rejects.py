"""What imports could not take, kept for a person to look at: ``rejects/<import>/rejects.jsonl``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from endcap.data.manifest import sync_file, sync_folder

REJECTS = "rejects"  # the folder of a lake
CUTS = (re.compile(r"[,;|\t]"), re.compile(r"[^\w@.-]+"), re.compile(r"[^\w-]+"))


def erase_rejects(root: Path, user_id: str) -> int:
    """Remove the lines whose value names this user, physically; returns how many there were."""
    named = re.compile(rf"(?<![\w-]){re.escape(user_id)}(?![\w-])")
    gone = 0
    for path in sorted((root / REJECTS).glob("*/rejects.jsonl")):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not _names(line, named)]
        if len(kept) == len(lines):
            continue
        gone += len(lines) - len(kept)
        staged = path.with_suffix(".part")
        staged.write_bytes(b"".join(kept))
        sync_file(staged)
        staged.replace(path)
        sync_folder(path.parent)
    return gone


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


def _names(line: bytes, named: re.Pattern[str]) -> bool:
    """A line that cannot be read goes as well: nobody can say whose it is."""
    try:
        reject = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
    return named.search(str(reject.get("value", ""))) is not None
