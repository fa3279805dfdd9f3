"""The tables of features hold what ``features`` makes of the same events."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.data.lake import Lake
from endcap.data.training import load_catalogue, load_interactions
from endcap.features.definitions import FEATURES, NAMES, PRODUCT, PRODUCT_NAMES, USER, USER_PRODUCT
from endcap.features.products import product_table
from endcap.features.rows import context_of, feature_rows

AS_OF = 20_009 * 86_400_000_000 + 5 * 3_600_000_000  # as in conftest.py


def columns(group: str) -> list[str]:
    return [feature.name for feature in FEATURES if feature.group == group]


def numbers(row: dict, names: list[str]) -> list[float]:
    return [np.nan if row[name] is None else float(row[name]) for name in names]


@pytest.mark.parametrize("shop", ["generated", "invoices", "awkward"])
def test_features_are_those_that_serving_computes(shop, lakes, tmp_path, etl_of) -> None:
    lake: Lake = lakes[shop]
    etl = etl_of(lake, tmp_path)
    etl.run(tables=("user_features", "product_features", "user_product_features"))
    data = load_interactions(lake)
    table = product_table(data, load_catalogue(lake, data.item_ids), AS_OF)
    users = {row["user_id"]: row for row in etl.rows("user_features")}
    products = {row["item_id"]: row for row in etl.rows("product_features")}
    pairs = {(row["user_id"], row["item_id"]): row for row in etl.rows("user_product_features")}
    starts, checked = data.starts(), 0
    for user, user_id in enumerate(data.user_ids):
        mine = slice(starts[user], starts[user + 1])
        before = data.ts[mine] < AS_OF
        rows, types, ts = (a[mine][before] for a in (data.item, data.type, data.ts))
        assert (user_id in users) == bool(len(rows))
        candidates = np.unique(rows[-200:]).astype(np.int32)
        served = feature_rows(rows, types, ts, candidates, table, AS_OF, context_of(AS_OF, {}))
        for candidate, row in zip(candidates, served, strict=True):
            item_id = data.item_ids[candidate]
            made = numbers(users[user_id], columns(USER))
            made += numbers(products[item_id], columns(PRODUCT))
            made += numbers(pairs.pop((user_id, item_id)), columns(USER_PRODUCT))
            np.testing.assert_allclose(row[: len(made)], made, rtol=2e-6, atol=2e-6)
            checked += 1
    assert checked > 50
    assert pairs == {}


def test_columns_are_those_of_the_definitions() -> None:
    assert NAMES[: len(columns(USER))] == tuple(columns(USER))
    assert tuple(columns(PRODUCT)) == PRODUCT_NAMES
