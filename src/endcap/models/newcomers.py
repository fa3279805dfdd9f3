"""What shoppers without a history want, by who they are and when they ask.

score(i) = log(1 + popularity of i now) + Σ_f lift(i, value of field f). A lift is the weighted
logarithm of how much oftener than others the shoppers with that value took item i
(``newcomer_training.py`` has the formula). It is held for the items of a pool, those that anybody
without a history could be shown; all others have popularity alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from endcap.domain.arrays import Float32s, Int32s, load_array
from endcap.domain.errors import Damaged
from endcap.domain.values import Attributes
from endcap.models.newcomer_fields import Field

FORMAT = 1


class Told(NamedTuple):
    """One value that somebody has."""

    name: str  # of the field
    value: str
    row: int  # of ``Newcomers.lifts``


class Newcomers:
    """p items in the pool, v values. Rows of items are those of the recipe. Immutable."""

    def __init__(
        self, fields: Sequence[Field], pool: Int32s, lifts: Float32s, info: dict[str, Any]
    ) -> None:
        self.fields, self.info = tuple(fields), info
        self.pool = pool  # (p,) rising
        self.lifts = lifts  # (v, p): the values of the first field, then those of the second …
        sizes = [len(field.values) for field in self.fields]
        self._first = np.concatenate(([0], np.cumsum(sizes))).astype(int).tolist()

    def told(self, attributes: Attributes, at: int) -> list[Told]:
        """What is known of somebody with ``attributes`` who asks at ``at`` (µs)."""
        found = []
        for field, first in zip(self.fields, self._first, strict=False):
            code = field.code(attributes, at)
            if code >= 0:
                found.append(Told(field.name, field.values[code], first + code))
        return found

    def lift(self, told: Sequence[Told]) -> Float32s:
        """(p,) what the values add to the items of the pool together."""
        return np.asarray(self.lifts[[each.row for each in told]].sum(axis=0), np.float32)

    def save(self, folder: Path) -> None:
        """Write .npy arrays and manifest.json into an existing empty folder."""
        np.save(folder / "pool.npy", self.pool)
        np.save(folder / "lifts.npy", self.lifts)
        manifest = {
            "format": FORMAT,
            "fields": msgspec.to_builtins(self.fields),
            "info": self.info,
        }
        (folder / "manifest.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        )

    @staticmethod
    def load(folder: Path, n_items: int) -> Newcomers:
        """Open what was saved beside a recipe of ``n_items``; arrays are mapped read-only.
        Raises Damaged (newcomers_unreadable)."""
        try:
            manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
            if manifest["format"] != FORMAT:
                raise ValueError(f"format {manifest['format']}")
            fields = msgspec.convert(manifest["fields"], tuple[Field, ...])
            pool, lifts = (load_array(folder / f"{name}.npy") for name in ("pool", "lifts"))
            _check(fields, pool, lifts, n_items)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as problem:
            raise Damaged(
                "newcomers_unreadable", value=str(folder), reason=str(problem)
            ) from problem
        return Newcomers(fields, pool, lifts, manifest["info"])


def _check(fields: Sequence[Field], pool: Int32s, lifts: Float32s, n_items: int) -> None:
    """What must hold before the arrays may be asked by row."""
    values = sum(len(field.values) for field in fields)
    if lifts.shape != (values, len(pool)):
        raise ValueError("the arrays do not belong together")
    if len(pool) and not (pool.min() >= 0 and pool.max() < n_items and (np.diff(pool) > 0).all()):
        raise ValueError("an item is not the recipe's")
    if not np.isfinite(lifts).all():
        raise ValueError("a lift is not a number")
    for field in fields:
        if field.edges and len(field.values) != len(field.edges) + 1:
            raise ValueError(f"the ranges of {field.name} do not belong together")
