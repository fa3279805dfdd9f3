"""The product table: what is known of each product at one time, published and versioned.

A table counts only events before its ``as_of``, so that training reads at every past moment the
values that were in force then. Prices and categories are the catalogue's of today: the catalogue
keeps no past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Int32s, load_array
from endcap.domain.errors import Damaged
from endcap.domain.values import Attributes
from endcap.features.definitions import PRODUCT_NAMES
from endcap.features.past import Past
from endcap.features.traits import CATEGORIES, Traits, traits_of

WEEK_US = 7 * 86_400_000_000
PRICE = PRODUCT_NAMES.index("product_price")
_FORMAT = 1


@dataclass(frozen=True)
class ProductTable:
    """P product features of each item; rows are those of the data that it was made from.

    A product without an event before ``as_of`` is unknown: NaN, categories -1. So is every row
    outside of the table.
    """

    values: Float32s  # (items, P) in the order of PRODUCT_NAMES
    categories: Int32s  # (items, 3) codes of department, aisle, brand; -1: unknown
    as_of: int  # µs

    @property
    def department(self) -> Int32s:
        """(items,) codes; -1: unknown."""
        return self.categories[:, 0]

    @property
    def aisle(self) -> Int32s:
        """(items,) codes; -1: unknown."""
        return self.categories[:, 1]

    @property
    def brand(self) -> Int32s:
        """(items,) codes; -1: unknown."""
        return self.categories[:, 2]

    @property
    def price(self) -> Float32s:
        """(items,) natural logarithms of prices; NaN: none."""
        return self.values[:, PRICE]

    def save(self, folder: Path) -> None:
        """Write two .npy arrays and products.json into an existing folder."""
        np.save(folder / "product_values.npy", np.ascontiguousarray(self.values))
        np.save(folder / "product_categories.npy", np.ascontiguousarray(self.categories))
        manifest = _Manifest(_FORMAT, self.as_of, len(self.values), PRODUCT_NAMES)
        (folder / "products.json").write_bytes(msgspec.json.encode(manifest))

    @staticmethod
    def load(folder: Path, mmap: bool = True) -> ProductTable:
        """What ``save`` wrote, memory-mapped read-only. Damaged (features_unreadable)."""
        try:
            manifest = msgspec.json.decode((folder / "products.json").read_bytes(), type=_Manifest)
            mode: Literal["r"] | None = "r" if mmap else None
            values, categories = (  # plain arrays over the maps: kernels take them faster
                load_array(folder / f"product_{part}.npy", mode is not None)
                for part in ("values", "categories")
            )
            _check(manifest, values, categories)
        except (OSError, ValueError, EOFError, msgspec.MsgspecError) as problem:
            raise Damaged("features_unreadable", value=folder, reason=problem) from problem
        return ProductTable(values, categories, manifest.as_of)


class _Manifest(msgspec.Struct, frozen=True):
    format: int
    as_of: int
    items: int
    names: tuple[str, ...]


def _check(manifest: _Manifest, values: Float32s, categories: Int32s) -> None:
    if manifest.format != _FORMAT or manifest.names != PRODUCT_NAMES:
        raise ValueError("it was made by another definition of the features")
    if values.shape != (manifest.items, len(PRODUCT_NAMES)) or values.dtype != np.float32:
        raise ValueError("product_values.npy has another shape")
    if categories.shape != (manifest.items, len(CATEGORIES)) or categories.dtype != np.int32:
        raise ValueError("product_categories.npy has another shape")


def product_table(
    data: Interactions, catalogue: Sequence[Attributes] | None, as_of: int
) -> ProductTable:
    """The table that counts the events of ``data`` before ``as_of`` (µs).

    ``catalogue`` is by item row, or None. InvalidInput (features_need_times) for events that
    have no times.
    """
    return _table(Past(data), traits_of(catalogue, data.n_items), as_of)


class ProductTables:
    """A series of tables, one at each whole multiple of ``period_us`` since 1970.

    Each is made when first asked for and kept.
    """

    def __init__(
        self,
        data: Interactions,
        catalogue: Sequence[Attributes] | None,
        period_us: int = WEEK_US,
    ) -> None:
        """Raises InvalidInput (features_need_times) for events that have no times."""
        self._past, self._traits = Past(data), traits_of(catalogue, data.n_items)
        self._period_us = period_us
        self._made: dict[int, ProductTable] = {}

    def in_force(self, at: int) -> ProductTable:
        """The newest table whose ``as_of`` is not after ``at`` (µs)."""
        as_of = at // self._period_us * self._period_us
        table = self._made.get(as_of)
        if table is None:
            table = self._made[as_of] = _table(self._past, self._traits, as_of)
        return table


def _table(past: Past, traits: Traits, as_of: int) -> ProductTable:
    counted = past.counts(as_of)
    known = counted.last >= 0  # (items,) had an event
    price = np.where(known, traits.price, np.nan)
    categories = np.where(known[:, None], traits.categories, -1).astype(np.int32)
    columns = counted.columns(as_of, traits.created)
    columns += [price, price - _department_mean(price, categories[:, 0])]
    values = np.stack(columns, axis=1).astype(np.float32)
    values[~known] = np.nan
    return ProductTable(values, categories, as_of)


def _department_mean(price: np.ndarray, department: Int32s) -> np.ndarray:
    """(items,) mean price of the item's department; NaN without one."""
    priced = (department >= 0) & ~np.isnan(price)
    size = int(department.max(initial=-1)) + 1
    if not size:
        return np.full(len(price), np.nan)
    sums = np.bincount(department[priced], price[priced], size)
    counts = np.bincount(department[priced], minlength=size)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return np.where(department >= 0, means[department], np.nan)
