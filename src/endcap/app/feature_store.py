"""Features of users and products as rows that are read by key, made as training makes them.

A row names its features; what a user or product has none of is left out, and NaN when it is read.
``as_of`` (µs) is the moment of a user's row, and the time up to which a product's row counts: that
of the table which a ranker trained on the same events serves with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

import numpy as np

from endcap.app.shop import Shop
from endcap.data.interactions import Interactions
from endcap.data.training import load_catalogue, load_interactions
from endcap.domain.arrays import Float32s, Int32s
from endcap.domain.values import Attributes
from endcap.features.definitions import FEATURES, PRODUCT, PRODUCT_NAMES, USER
from endcap.features.products import ProductTable, product_table
from endcap.features.sampling import moment_rows, moments
from endcap.ports import Documents

USER_FEATURES, PRODUCT_FEATURES = "user_features", "product_features"
USER_NAMES = tuple(feature.name for feature in FEATURES if feature.group == USER)
NAMES = {USER_FEATURES: USER_NAMES, PRODUCT_FEATURES: PRODUCT_NAMES}
KEYS = {USER_FEATURES: "user_id", PRODUCT_FEATURES: "product_id"}
GROUPS = {USER: USER_FEATURES, PRODUCT: PRODUCT_FEATURES}
AS_OF = "as_of"
AT_ONCE = 10_000  # users whose rows are made together
_NO_PRODUCT = -1

Rows = Iterator[tuple[str, dict[str, Any]]]  # (id, row)


def products_of(data: Interactions, catalogue: Sequence[Attributes]) -> ProductTable:
    """The table over all events, as a ranker trained on them has it."""
    return product_table(data, catalogue if any(catalogue) else None, int(data.ts.max()) + 1)


def product_rows(data: Interactions, table: ProductTable) -> Rows:
    """Of every product with an event."""
    for item_id, values in zip(data.item_ids, table.values, strict=True):
        yield item_id, row_of(PRODUCT_FEATURES, item_id, values, table.as_of)


def user_rows(data: Interactions, table: ProductTable, at: int) -> Rows:
    """Of every user with an event, at the moment ``at`` (µs)."""
    for begin in range(0, data.n_users, AT_ONCE):
        chosen = np.arange(begin, min(begin + AT_ONCE, data.n_users), dtype=np.int32)
        rows = values_of_users(data, table, chosen, at)
        for user, values in zip(chosen.tolist(), rows, strict=True):
            user_id = data.user_ids[user]
            yield user_id, row_of(USER_FEATURES, user_id, values, at)


def values_of_users(data: Interactions, table: ProductTable, users: Int32s, at: int) -> Float32s:
    """(users, len(USER_NAMES)) of user rows of ``data`` at the moment ``at`` (µs)."""
    chosen = moments(data, users, np.full(len(users), at, np.int64))
    starts = np.arange(len(users) + 1, dtype=np.int64)
    nothing = np.full(len(users), _NO_PRODUCT, np.int32)
    rows = moment_rows(data, chosen, starts, nothing, lambda _: table)
    return rows[:, : len(USER_NAMES)]


def features_of(shop: Shop, kind: str, key: str, at: int) -> Float32s | None:
    """The features of one user or product: the row of the last night, or where no table keeps
    any, made from the lake at ``at`` (µs). None: nothing is known."""
    if shop.settings.documents:
        return read(shop.documents, kind, key)
    data = load_interactions(shop.lake)
    ids = data.item_ids if kind == PRODUCT_FEATURES else data.user_ids
    if key not in ids or not data.timed:
        return None
    table = products_of(data, load_catalogue(shop.lake, data.item_ids))
    row = ids.index(key)
    of_all = table.values[row:]
    if kind == USER_FEATURES:
        of_all = values_of_users(data, table, np.array([row], np.int32), at)
    first: Float32s = of_all[0]
    return first


def row_of(kind: str, key: str, values: Float32s, as_of: int) -> dict[str, Any]:
    """``values`` in the order of ``NAMES[kind]``."""
    named = zip(NAMES[kind], values.tolist(), strict=True)
    known = {name: value for name, value in named if isfinite(value)}
    return {KEYS[kind]: key, AS_OF: as_of, **known}


def read(documents: Documents, kind: str, key: str) -> Float32s | None:
    """The features of one user or product in the order of ``NAMES[kind]``, by one point read;
    None: there is no row."""
    document = documents.get(kind, key)
    if document is None:
        return None
    return np.array([document.body.get(name, np.nan) for name in NAMES[kind]], np.float32)
