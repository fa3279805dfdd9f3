"""Where jobs may read and write on this machine: below the folders that ENDCAP_IMPORT_ROOTS lists.

Whoever may call the control plane names files by their path, and shall not reach others by it.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from endcap.domain.errors import Forbidden, InvalidInput

FILE, S3 = "file", "s3"


def scheme_of(location: str) -> str:
    """FILE or S3. Raises InvalidInput (bad_location)."""
    scheme = urlsplit(location).scheme.lower()
    if scheme not in (FILE, S3):
        raise InvalidInput("bad_location", field="location", value=location)
    return scheme


def local_path(location: str, roots: str) -> Path:
    """The path that ``file://…`` names, with symbolic links followed. ``roots``: folders with :
    between them. Raises Forbidden (no_import_roots, outside_import_roots), InvalidInput
    (bad_location)."""
    parts = urlsplit(location)
    if parts.scheme.lower() != FILE or parts.netloc not in ("", "localhost"):
        raise InvalidInput("bad_location", field="location", value=location)
    path = Path(unquote(parts.path))
    check_inside([path], roots)
    return path.resolve()


def check_inside(paths: list[Path], roots: str) -> None:
    """Raises as ``local_path``."""
    folders = [Path(root).expanduser().resolve() for root in roots.split(os.pathsep) if root]
    if not folders:
        raise Forbidden("no_import_roots", field="ENDCAP_IMPORT_ROOTS")
    for path in paths:
        found = path.resolve()
        if not any(found.is_relative_to(folder) for folder in folders):
            raise Forbidden("outside_import_roots", field="location", value=str(path))
