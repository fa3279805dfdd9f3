"""Rows say what their definitions say, and the kernel what the reference says."""

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.domain.times import DAY_US, parse_iso
from endcap.features import definitions, reference
from endcap.features import rows as rows_module
from endcap.features.definitions import FEATURES, HISTORY_EVENTS, NAMES, PRODUCT_NAMES
from endcap.features.products import ProductTable
from endcap.features.rows import Context, context_of, feature_rows

HOUR_US = DAY_US // 24
AT = parse_iso("2025-08-13T10:30:00Z")  # a Wednesday
VIEW, CART, PURCHASE, OTHER = 0, 1, 2, 3


def table_of(prices: list[float], categories: list[tuple[int, int, int]]) -> ProductTable:
    values = np.full((len(prices), len(PRODUCT_NAMES)), 0.5, np.float32)
    with np.errstate(all="ignore"):
        values[:, PRODUCT_NAMES.index("product_price")] = np.log(prices)
    return ProductTable(values, np.array(categories, np.int32).reshape(-1, 3), AT)


TABLE = table_of([1.0, 2.0, 4.0, math.nan], [(0, 0, 0), (0, 1, 1), (1, 2, -1), (-1, -1, -1)])


class Past(NamedTuple):
    rows: np.ndarray
    types: np.ndarray
    ts: np.ndarray


def past(*entries: tuple[int, int, float]) -> Past:
    """Of (row, type, hours before AT), oldest first."""
    rows, types, ages = ([entry[k] for entry in entries] for k in range(3))
    ts = [AT - round(age * HOUR_US) for age in ages]
    return Past(np.array(rows, np.int32), np.array(types, np.uint8), np.array(ts, np.int64))


def of(history: Past, candidate: int, table: ProductTable = TABLE) -> dict[str, float]:
    """The row of one candidate by name, without what is missing."""
    asked = np.array([candidate], np.int32)
    row = feature_rows(*history, asked, table, AT, context_of(AT, {}))[0]
    named = zip(NAMES, row.tolist(), strict=True)
    return {name: value for name, value in named if not math.isnan(value)}


def test_features_are_named_once_and_of_the_closed_sets() -> None:
    assert len(set(NAMES)) == len(NAMES) == 50
    assert {feature.group for feature in FEATURES} == set(definitions.GROUPS)
    assert {feature.aggregate for feature in FEATURES} <= set(definitions.AGGREGATES)
    assert [f.group for f in FEATURES] == sorted(
        (f.group for f in FEATURES), key=definitions.GROUPS.index
    )


def test_the_shopper() -> None:
    history = past(
        (0, VIEW, 24 * 15), (0, PURCHASE, 24 * 15), (1, PURCHASE, 24 * 15 - 0.25),
        (0, PURCHASE, 24 * 7), (2, VIEW, 24 * 1.5), (2, OTHER, 1), (-1, PURCHASE, 0.5),
    )  # fmt: skip
    found = of(history, 3)
    expected = {
        "user_events": 7,
        "user_views": 2,
        "user_carts": 0,
        "user_purchases": 4,
        "user_products": 3,
        "user_departments": 2,
        "user_orders": 3,
        "user_purchases_per_week": 4 / 3,
        "user_order_gap_days": (8 + 7 - 0.5 / 24) / 2,
        "user_reorder_share": 1 / 4,
        "user_purchase_rate": 2,
        "user_since_order_days": 0.5 / 24,
        "user_since_event_hours": 0.5,
        "user_hour_share": 6 / 7,
        "user_weekday_share": 3 / 7,
        "user_viewed_price": math.log(4) / 2,
        "user_paid_price": math.log(2) / 3,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_the_pair() -> None:
    history = past(
        (1, PURCHASE, 240), (1, PURCHASE, 140), (1, PURCHASE, 40), (2, VIEW, 30), (1, VIEW, 20),
        (1, CART, 10), (0, OTHER, 5), (-1, VIEW, 1),
    )  # fmt: skip
    found = of(history, 1)
    ages = {PURCHASE: (240, 140, 40), VIEW: (20,), CART: (10,)}
    weights = {PURCHASE: 5, VIEW: 1, CART: 3}
    expected = {
        "pair_views": 1,
        "pair_carts": 1,
        "pair_purchases": 3,
        "pair_since_view_hours": 20,
        "pair_since_cart_hours": 10,
        "pair_since_purchase_hours": 40,
        "pair_events_since": 2,
        "pair_decayed": sum(weights[k] * 2 ** (-a / 168) for k, v in ages.items() for a in v),
        "pair_due": 0.4,
        "department_share": 6 / 8,
        "aisle_share": 5 / 8,
        "brand_share": 5 / 8,
        "department_bought_share": 1,
        "department_since_hours": 5,
        "aisle_since_hours": 10,
        "price_to_viewed": math.log(2) - math.log(8) / 2,
        "price_to_paid": 0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6, abs=1e-7)
    assert {name: found[name] for name in ("hour_utc", "weekday")} == {"hour_utc": 10, "weekday": 2}


@pytest.mark.parametrize("candidate", [0, 3, 4, 99, -1])
def test_no_history_is_counted_as_none_and_has_no_ages(candidate: int) -> None:
    found = of(past(), candidate)
    counts = {f.name for f in FEATURES if f.group != "product" and f.aggregate in ("count",)}
    assert all(found[name] == 0 for name in counts)
    ages = {f.name for f in FEATURES if f.group != "product" and f.aggregate in ("last", "ratio")}
    assert not ages & set(found)
    assert ("product_price" in found) == (candidate == 0)
    assert ("product_trend" in found) == (candidate in (0, 3))


def test_a_product_without_categories_has_no_affinity_and_an_unknown_one_its_history() -> None:
    history = past((7, VIEW, 3), (3, PURCHASE, 2), (-1, VIEW, 1))
    assert "department_share" not in of(history, 3)
    assert of(history, 7)["pair_since_view_hours"] == 3
    assert of(history, -1)["pair_views"] == 0
    assert of(history, 0)["department_share"] == 0
    assert of(history, 0)["user_products"] == 2
    assert "price_to_paid" not in of(history, 0)


def test_only_the_newest_events_before_the_moment_count() -> None:
    many = past(*((k % 4, PURCHASE, HISTORY_EVENTS + 50 - k) for k in range(HISTORY_EVENTS + 60)))
    found = of(many, 0)
    assert found["user_events"] == HISTORY_EVENTS
    assert found["user_since_event_hours"] == 1
    assert "pair_views" in of(past((0, VIEW, 0)), 0)
    assert of(past((0, VIEW, 0)), 0)["pair_views"] == 0


@pytest.mark.parametrize(
    ("device", "code"), [("Mobile", 1), ("desktop", 0), ("fridge", -1), (3, -1), (None, -1)]
)
def test_context(device: object, code: int) -> None:
    assert context_of(AT, {"device": device}) == Context(10, 2, code)  # type: ignore[dict-item]
    row = feature_rows(*past(), np.zeros(1, np.int32), TABLE, AT, Context(10, 2, code))[0]
    shown = row[NAMES.index("device")]
    assert shown == code or (code < 0 and math.isnan(shown))


def test_both_forms_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is compiled, or both calls took one form, the test below would say nothing."""
    asked = []
    assert rows_module.COMPILED
    monkeypatch.setattr(rows_module, "COMPILED", False)
    monkeypatch.setattr(reference, "fill", lambda *arguments: asked.append(arguments))
    of(past(), 0)
    assert len(asked) == 1


def random_case(seed: int) -> tuple[Past, np.ndarray, ProductTable]:
    draw = np.random.default_rng(seed)
    items, events = int(draw.integers(0, 12)), int(draw.integers(0, 40))
    prices = np.where(draw.random(items) < 0.3, np.nan, draw.random(items) + 0.1)
    table = table_of(prices.tolist(), draw.integers(-1, 3, (items, 3)).tolist())
    ages = np.sort(draw.integers(1, 60 * DAY_US, events) // HOUR_US * HOUR_US + 1)[::-1]
    history = Past(
        draw.integers(-1, items + 3, events).astype(np.int32),
        draw.integers(0, 5, events).astype(np.uint8),
        AT - ages,
    )
    return history, draw.integers(-1, items + 4, 17).astype(np.int32), table


@given(st.integers(0, 10**6))
@settings(max_examples=150, deadline=None)
def test_kernel_equals_reference(seed: int) -> None:
    history, candidates, table = random_case(seed)
    context, found = Context(10, 2, seed % 5 - 1), []
    for compiled in (True, False):
        out = np.full((len(candidates), len(NAMES)), 7, np.float32)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rows_module, "COMPILED", compiled)
            found.append(feature_rows(*history, candidates, table, AT, context, out))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-6)


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_each_candidate_has_its_row_whatever_stands_beside_it(seed: int) -> None:
    history, candidates, table = random_case(seed)
    context, order = context_of(AT, {}), np.random.default_rng(seed).permutation(len(candidates))
    rows = feature_rows(*history, candidates, table, AT, context)
    into = np.zeros((len(order), len(NAMES)), np.float32)
    permuted = feature_rows(*history, candidates[order], table, AT, context, into)
    assert permuted is into
    np.testing.assert_array_equal(permuted, rows[order])
    assert feature_rows(*history, candidates[:0], table, AT, context).shape == (0, len(NAMES))
