"""Where a model version comes from: data, code, seed, the version before, and who trained it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
import numpy as np
import scipy

import endcap
from endcap.app.shop import Shop
from endcap.control import campaigns

Lineage = dict[str, Any]
# What says in which lake a version was trained: of another shop, it means nothing here.
OF_LAKE = ("lake_version", "log_offset", "tables_version")
HERE: Mapping[str, str] = {"by": "endcap"}


def common(shop: Shop, recipe: str, trained: Mapping[str, Any]) -> Lineage:
    """What every version says. ``recipe``: how it was made; ``trained``: by whom, and where that
    was not this shop's own command.

    ``parent``: the version that served then. ``code``: a digest of Endcap's own source, which
    tells apart what one number of a release may not.
    """
    import xgboost  # here: it takes half a second to import

    return {
        "recipe": recipe,
        "parent": campaigns.campaign(shop.documents).version,
        "seed": shop.settings.seed,
        "endcap": endcap.__version__,
        "code": code_digest(),
        "python": platform.python_version(),
        "libraries": {m.__name__: m.__version__ for m in (np, scipy, numba, xgboost)},
        "trained": dict(trained),
    }


@cache
def code_digest() -> str:
    """Of every source file of the package, by name and content: 16 hexadecimal digits."""
    root = Path(endcap.__file__).parent
    found = sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".sql", ".toml") and path.is_file():
            found.update(path.relative_to(root).as_posix().encode() + b"\0")
            found.update(sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def elsewhere(lineage: Mapping[str, Any]) -> Lineage:
    """The lineage of a version that comes from another shop or home: its versions of lake and
    tables, and its parent, are told as those of where it was trained."""
    moved = {name: lineage[name] for name in (*OF_LAKE, "parent") if lineage.get(name)}
    kept = {name: value for name, value in lineage.items() if name not in (*OF_LAKE, "parent")}
    return {**kept, "parent": "", "trained": {**lineage.get("trained", {}), **moved}}
