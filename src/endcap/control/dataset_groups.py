"""Dataset groups: one for each shop, with everything that belongs to it in one folder."""

from __future__ import annotations

import re
from pathlib import Path

from endcap.domain.errors import InvalidInput

PATTERN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,62}")


def check_name(name: str) -> str:
    """The name itself. Raises InvalidInput (bad_group): names are folder names and ARN parts."""
    if not PATTERN.fullmatch(name):
        raise InvalidInput("bad_group", field="group", value=name)
    return name


def folder(home: Path, name: str) -> Path:
    return home / "groups" / check_name(name)


def groups(home: Path) -> list[str]:
    """Names of the groups that exist, in order."""
    root = home / "groups"
    return sorted(p.name for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
