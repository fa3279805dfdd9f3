"""A plain shop by the ready mapping and by the proposed one, in both kinds of database."""

from __future__ import annotations

import tomllib

import pytest

from endcap.adapters.database_url import parse_url
from endcap.bootstrap import open_database
from endcap.data.database.mapping import find_mapping
from endcap.data.database.propose import propose

pytestmark = pytest.mark.server

TABLES = """
CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(90), city VARCHAR(40), country VARCHAR(40),
    updated_at TIMESTAMP NULL);
CREATE TABLE products (id INT PRIMARY KEY, name VARCHAR(80), category VARCHAR(40),
    description TEXT, price DECIMAL(10, 2), available BOOLEAN, created_at TIMESTAMP NULL,
    updated_at TIMESTAMP NULL);
CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, created_at TIMESTAMP NULL,
    status VARCHAR(12), FOREIGN KEY (user_id) REFERENCES users (id));
CREATE TABLE order_items (id INT PRIMARY KEY, order_id INT, product_id INT, quantity INT,
    price DECIMAL(10, 2), FOREIGN KEY (order_id) REFERENCES orders (id),
    FOREIGN KEY (product_id) REFERENCES products (id));
CREATE TABLE ratings (id INT PRIMARY KEY, user_id INT, product_id INT, rating INT,
    created_at TIMESTAMP NULL);
"""
T = "2025-03-0{} 10:00:00"
EVENTS = [("1", "7", "purchase", 2.0), ("1", "7", "rating", 5.0)]


@pytest.fixture
def shop(fresh):
    server, name = fresh
    server.sql(TABLES, name)
    server.rows(name, "users", [(1, "a@b.example", "Ulm", "DE", T.format(1))])
    server.rows(
        name, "products", [(7, "Hat", "Hats", "warm", "9.50", True, T.format(1), T.format(2))]
    )
    server.rows(name, "orders", [(1, 1, T.format(3), "paid"), (2, 1, T.format(4), "cancelled")])
    server.rows(name, "order_items", [(1, 1, 7, 2, "9.50"), (2, 2, 7, 1, "9.50")])
    server.rows(name, "ratings", [(1, 1, 7, 5, T.format(5))])
    return server, name


def stored(lake) -> list[tuple]:
    with lake.connect() as connection:
        return connection.execute(
            "SELECT user_id, item_id, event_type, value FROM events ORDER BY ts"
        ).fetchall()


def test_the_ready_mapping(shop, importing, lake) -> None:
    importing(*shop, "shop")
    assert stored(lake) == EVENTS
    assert [(u.user_id, u.attributes) for u in lake.users()] == [
        ("1", {"city": "Ulm", "country": "DE"})
    ]
    (hat,) = lake.items()
    assert hat.attributes == {
        "name": "Hat", "department": "Hats", "description": "warm", "price": 9.5,
        "available": True, "created": 1_740_823_200_000_000,
    }  # fmt: skip


def proposed(server, name: str) -> str:
    database = open_database(parse_url(server.url(name), password="reAd:er/@ %secret"))
    text = propose(database.relations(), database.name)
    database.close()
    return text


def test_the_proposal_is_the_ready_mapping_but_for_what_only_people_know(
    shop, importing, lake
) -> None:
    text = proposed(*shop)
    made, ready = tomllib.loads(text), tomllib.loads(find_mapping("shop"))
    for section in ("users", "items"):
        assert made[section] == ready[section]
    del ready["events"]["purchase"]["without"]  # which status an order has that came to nothing
    del ready["events"]["purchase"]["columns"]["price"]
    assert made["events"] == ready["events"]
    assert "email" in text.partition("left out")[2]
    importing(*shop, text)
    assert stored(lake) == [EVENTS[0], ("1", "7", "purchase", 1.0), EVENTS[1]]


def test_a_schema_is_said_where_it_must_be(postgres, importing, lake) -> None:
    postgres.sql("DROP DATABASE IF EXISTS apart")
    postgres.sql("CREATE DATABASE apart")
    tables = TABLES.replace("TABLE ", "TABLE sales.").replace("REFERENCES ", "REFERENCES sales.")
    postgres.sql(f"CREATE SCHEMA sales;\n{tables}", "apart")
    postgres.rows("apart", "sales.users", [(1, None, "Ulm", "DE", T.format(1))])
    text = proposed(postgres, "apart")
    assert tomllib.loads(text)["events"]["purchase"]["table"] == "sales.order_items"
    importing(postgres, "apart", text)
    assert [u.user_id for u in lake.users()] == ["1"]
