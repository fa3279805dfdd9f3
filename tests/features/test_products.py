"""The product table: counted by hand, saved, damaged, and made from hardly anything."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endcap.data.interactions import Interactions, from_sequences
from endcap.domain.errors import Damaged, InvalidInput
from endcap.domain.times import DAY_US
from endcap.domain.values import Attributes
from endcap.features.definitions import PRODUCT_NAMES
from endcap.features.products import ProductTable, ProductTables, product_table
from endcap.features.sampling import moments

START = 1_700_000_000_000_000
VIEW, CART, PURCHASE = 0, 1, 2


def shop(*events: tuple[int, int, int, float], items: int = 3) -> Interactions:
    """Of (user, item, type, days after START)."""
    user, item, kind, days = (
        np.array(column) for column in zip(*sorted(events, key=lambda e: (e[0], e[3])), strict=True)
    )
    return Interactions(
        user.astype(np.int32),
        item.astype(np.int32),
        kind.astype(np.uint8),
        START + (days * DAY_US).astype(np.int64),
        [f"u{n}" for n in range(int(user.max()) + 1)],
        [f"i{n}" for n in range(items)],
    )


SHOP = shop(
    (0, 0, VIEW, 0), (0, 0, CART, 1), (0, 0, PURCHASE, 1), (0, 0, PURCHASE, 5), (1, 0, VIEW, 2),
    (1, 0, PURCHASE, 3), (1, 1, VIEW, 4), (2, 2, VIEW, 10), (1, 0, PURCHASE, 12),
)  # fmt: skip
CATALOGUE: list[Attributes] = [
    {"price": 4, "department": "x", "created": START - 30 * DAY_US},
    {"price": 1.0, "department": "x", "brand": "b"},
    {"price": 9, "department": "x"},
]
TEN_DAYS = START + 10 * DAY_US


def of(table: ProductTable, row: int) -> dict[str, float]:
    return dict(zip(PRODUCT_NAMES, table.values[row].tolist(), strict=True))


def test_counts_of_the_events_before() -> None:
    found = of(product_table(SHOP, CATALOGUE, TEN_DAYS), 0)
    aged = [(10, 1), (9, 3), (9, 5), (5, 5), (8, 1), (7, 5)]
    fast = sum(weight * 2 ** (-days / 3) for days, weight in aged)
    slow = sum(weight * 2 ** (-days / 30) for days, weight in aged)
    expected = {
        "product_popularity_fast": math.log1p(fast),
        "product_popularity_slow": math.log1p(slow),
        "product_trend": math.log((fast / 3 + 0.01) / (slow / 30 + 0.01)),
        "product_purchases": math.log1p(3),
        "product_shoppers": math.log1p(2),
        "product_reorder_rate": (1 + 20 / 3) / 23,
        "product_view_to_cart": (1 + 20 / 3) / 22,
        "product_cart_to_purchase": (3 + 20 * 3) / 21,
        "product_view_to_purchase": (3 + 20 * 3 / 3) / 22,
        "product_since_event_days": 5,
        "product_age_days": 40,
        "product_price": math.log(4),
        "product_price_in_department": math.log(4) - math.log(4) / 2,
    }
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_product_without_earlier_events_is_unknown() -> None:
    table = product_table(SHOP, CATALOGUE, TEN_DAYS)
    assert np.isnan(table.values[2]).all()
    assert table.categories.tolist() == [[0, -1, -1], [0, -1, 0], [-1, -1, -1]]
    assert (table.department[0], table.aisle[0], table.brand[1]) == (0, -1, 0)
    later = product_table(SHOP, CATALOGUE, TEN_DAYS + 1)
    assert of(later, 2)["product_price"] == pytest.approx(math.log(9))
    assert np.isnan(product_table(SHOP, CATALOGUE, START).values).all()


@pytest.mark.parametrize("price", [0, 0.0, -3, "4", True, None, math.nan, math.inf, [4]])
def test_what_is_no_price_is_missing(price: object) -> None:
    catalogue: list[Attributes] = [{"price": price, "department": "x"}, *CATALOGUE[1:]]  # type: ignore[dict-item]
    found = product_table(SHOP, catalogue, TEN_DAYS)
    assert math.isnan(of(found, 0)["product_price"])
    assert math.isnan(of(found, 0)["product_price_in_department"])
    assert of(found, 1)["product_price_in_department"] == 0


def test_without_a_catalogue_events_alone_speak() -> None:
    with_one, without = (product_table(SHOP, c, TEN_DAYS) for c in (CATALOGUE, None))
    assert np.isnan(without.price).all()
    assert (without.categories == -1).all()
    assert of(without, 0)["product_age_days"] == 10
    np.testing.assert_array_equal(without.values[:, :10], with_one.values[:, :10])


def test_a_shop_without_events_has_an_empty_table() -> None:
    empty = SHOP.where(np.zeros(len(SHOP), bool))
    assert np.isnan(product_table(empty, CATALOGUE, TEN_DAYS).values).all()
    nothing = replace(empty, item_ids=[])
    assert product_table(nothing, None, TEN_DAYS).values.shape == (0, len(PRODUCT_NAMES))


def test_other_event_types_weigh_one() -> None:
    table = product_table(shop((0, 0, 7, 9), items=1), None, TEN_DAYS)
    assert of(table, 0)["product_popularity_fast"] == pytest.approx(math.log1p(2 ** (-1 / 3)))
    assert math.isnan(of(table, 0)["product_reorder_rate"])


def test_events_without_times_are_refused() -> None:
    data = from_sequences([[0, 1], [1]], 2, ordered=True)
    ones = np.ones(1, np.int32)
    for refused in (
        lambda: product_table(data, None, 1),
        lambda: ProductTables(data, None),
        lambda: moments(data, ones, ones.astype(np.int64)),
    ):
        with pytest.raises(InvalidInput) as caught:
            refused()
        assert (caught.value.code, caught.value.field) == ("features_need_times", "ts")


@pytest.mark.parametrize("mmap", [True, False])
def test_saved_tables_are_read_back(tmp_path: Path, mmap: bool) -> None:
    table = product_table(SHOP, CATALOGUE, TEN_DAYS)
    table.save(tmp_path)
    found = ProductTable.load(tmp_path, mmap)
    np.testing.assert_array_equal(found.values, table.values)
    np.testing.assert_array_equal(found.categories, table.categories)
    assert found.as_of == TEN_DAYS
    assert isinstance(found.values.base, np.memmap) == mmap
    assert not mmap or not found.values.flags.writeable


@pytest.mark.parametrize("damage", ["missing", "cut", "shape", "names", "no json", "kind"])
def test_damaged_tables_are_refused(tmp_path: Path, damage: str) -> None:
    table = product_table(SHOP, CATALOGUE, TEN_DAYS)
    table.save(tmp_path)
    values, manifest = tmp_path / "product_values.npy", tmp_path / "products.json"
    if damage == "missing":
        values.unlink()
    elif damage == "cut":
        values.write_bytes(values.read_bytes()[:-5])
    elif damage == "shape":
        np.save(values, table.values[:-1])
    elif damage == "kind":
        np.save(tmp_path / "product_categories.npy", table.categories.astype(np.int64))
    elif damage == "names":
        content = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(content | {"names": content["names"][::-1]}))
    else:
        manifest.write_text("{")
    with pytest.raises(Damaged) as caught:
        ProductTable.load(tmp_path)
    assert (caught.value.code, caught.value.value) == ("features_unreadable", tmp_path)
