"""A shop's database becomes the lake: what is read, what is new, what is rejected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from endcap.data.lake import Lake

pytestmark = pytest.mark.server

TABLES = """
CREATE TABLE users (id INT PRIMARY KEY, city VARCHAR(50), updated_at TIMESTAMP NULL);
CREATE TABLE products (id INT PRIMARY KEY, name VARCHAR(50), price DECIMAL(10, 2),
    updated_at TIMESTAMP NULL);
CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, created_at TIMESTAMP NULL, status CHAR(9));
CREATE TABLE order_lines (id INT PRIMARY KEY, order_id INT, product_id INT, quantity INT);
"""
MAPPING = """
[users]
table = "users"
watermark = "updated_at"
columns = { user_id = "id", city = "city" }
[items]
table = "products"
columns = { item_id = "id", name = "name", price = "price" }
[events.purchase]
table = "order_lines"
join.orders.id = "order_id"
watermark = "id"
overlap = 0
without = { "orders.status" = ["cancelled"] }
[events.purchase.columns]
user_id = "orders.user_id"
item_id = "product_id"
ts = "orders.created_at"
value = "quantity"
session_id = "order_id"
"""
T = "2025-01-0{} 10:00:00"


def fill(server, name: str) -> None:
    server.sql(TABLES, name)
    server.rows(name, "users", [(1, "Köln", T.format(1)), (2, None, T.format(2))])
    server.rows(name, "products", [(7, "Hut ✓ \"'\\", "1.50", T.format(1)), (8, "", None, None)])
    server.rows(
        name, "orders",
        [(1, 1, T.format(3), "paid"), (2, 2, T.format(4), "cancelled"), (3, 2, T.format(5), None)],
    )  # fmt: skip
    server.rows(
        name, "order_lines", [(1, 1, 7, 2), (2, 1, 8, 1), (3, 2, 7, 1), (4, 3, 7, 5), (5, 99, 7, 5)]
    )


def events(lake: Lake) -> list[tuple]:
    with lake.connect() as connection:
        return connection.execute(
            "SELECT user_id, item_id, event_type, ts, value, event_id, session_id FROM events "
            "ORDER BY event_id"
        ).fetchall()


def at(day: int) -> int:
    return 1_735_725_600_000_000 + (day - 1) * 86_400_000_000


FIRST = [
    ("1", "7", "purchase", at(3), 2.0, "purchase/1", "1"),
    ("1", "8", "purchase", at(3), 1.0, "purchase/2", "1"),
    ("2", "7", "purchase", at(5), 5.0, "purchase/4", "3"),
]


def test_users_items_and_events_come_as_they_stand(fresh, importing, lake) -> None:
    server, name = fresh
    fill(server, name)
    report = importing(server, name, MAPPING)
    assert events(lake) == FIRST
    assert {u.user_id: u.attributes for u in lake.users()} == {"1": {"city": "Köln"}, "2": {}}
    assert {i.item_id: i.attributes for i in lake.items()} == {
        "7": {"name": "Hut ✓ \"'\\", "price": 1.5}, "8": {},
    }  # fmt: skip
    counts = report.tables["events"]
    assert (counts.rows, counts.accepted, counts.rejected) == (4, 3, 1)
    rejected = [json.loads(line) for line in Path(report.rejects).read_text().splitlines()]
    assert [(r["column"], r["code"], r["line"]) for r in rejected] == [
        ("orders.user_id", "empty_id", 4)
    ]


def test_a_second_import_reads_only_what_is_new(fresh, importing, lake) -> None:
    server, name = fresh
    fill(server, name)
    importing(server, name, MAPPING)
    server.rows(name, "orders", [(4, 1, T.format(6), "paid")])
    server.rows(name, "order_lines", [(6, 4, 7, 9)])
    server.sql(f"UPDATE users SET city = 'Bonn', updated_at = '{T.format(9)}' WHERE id = 2", name)
    report = importing(server, name, MAPPING)
    assert events(lake) == [*FIRST, ("1", "7", "purchase", at(6), 9.0, "purchase/6", "4")]
    # The line at the watermark itself is looked at again; users only where they changed.
    assert {t: (c.rows, c.repeats) for t, c in report.tables.items()} == {
        "users": (1, 0), "items": (2, 0), "events": (2, 0),
    }  # fmt: skip
    assert {u.user_id: u.attributes for u in lake.users()} == {
        "1": {"city": "Köln"}, "2": {"city": "Bonn"},
    }  # fmt: skip
