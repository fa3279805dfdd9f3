"""The sample database classicmodels: its own mapping, and the one that is proposed for it.

The tables, columns and types are those of the sample; the rows are drawn here.
"""

from __future__ import annotations

import json
import random
import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

from endcap.adapters.database_url import parse_url
from endcap.bootstrap import open_database
from endcap.data.database.propose import propose

pytestmark = pytest.mark.server

SCHEMA = (Path(__file__).parent / "classicmodels.sql").read_text()
LINES = ("Classic Cars", "Motorcycles", "Planes", "Ships", "Trains", "Trucks and Buses", "Vintage")
CITIES = (("Nantes", "France"), ("Las Vegas", "USA"), ("København", "Danmark"), ("Sé", "Brazil"))
STATUSES = ("Shipped", "Shipped", "Shipped", "Cancelled", "On Hold", "In Process")


def tables(seed: int, orders: range) -> dict[str, list[tuple]]:
    """Rows of every table, in the order in which they can be inserted."""
    draw = random.Random(seed)
    codes = [f"S{10 + n % 60}_{1000 + 37 * n}" for n in range(110)]
    customers = [103 + 3 * n for n in range(122)]
    made: dict[str, list[tuple]] = {}
    made["productlines"] = [(line, f"All {line}", None, b"\x89PNG\x00") for line in LINES]
    made["products"] = [
        (code, f"19{n:02} Ford \"T\" n° {n}", LINES[n % 7], "1:18", f"Maker {n % 13}",
         f"It's {n}% true;\nin two lines", 15 + n, 10 + n / 4, 20 + n / 2)
        for n, code in enumerate(codes)
    ]  # fmt: skip
    made["offices"] = [("1", "Paris", "+33", "1 rue", None, None, "France", "75017", "EMEA")]
    made["employees"] = [
        (1002, "Murphy", "Di", "x1", "d@x", "1", None, "President"),
        (1370, "Her", "Gé", "x2", "g@x", "1", 1002, "Sales Rep"),
    ]
    made["customers"] = [
        (number, f"Shop {number}", "Last", "First", "555", "Street 1", None, city, None, None,
         country, draw.choice((1370, None)), draw.choice((None, 1000 * draw.randrange(120))))
        for number in customers for city, country in [draw.choice(CITIES)]
    ]  # fmt: skip
    made["orders"], made["orderdetails"] = [], []
    for number in orders:
        day = date(2003, 1, 6) + timedelta(days=(number - 10100) * 3)
        made["orders"].append(
            (number, day, day + timedelta(7), None, draw.choice(STATUSES), None,
             draw.choice(customers))
        )  # fmt: skip
        for line, code in enumerate(sorted(draw.sample(codes, draw.randrange(1, 18))), 1):
            made["orderdetails"].append(
                (number, code, draw.randrange(6, 98), draw.randrange(2600, 21000) / 100, line)
            )
    made["payments"] = [(number, f"HQ{number}", date(2004, 5, 1), 12.5) for number in customers]
    return made


def rating(quantity: int) -> int:
    return 1 + sum(quantity >= step for step in (25, 32, 39, 45))


@pytest.fixture
def classic(mariadb):
    mariadb.sql("DROP DATABASE IF EXISTS classicmodels;\nCREATE DATABASE classicmodels")
    mariadb.sql(SCHEMA, "classicmodels")
    rows = tables(1, range(10100, 10426))
    for table, found in rows.items():
        mariadb.rows("classicmodels", table, found)
    return rows


def expected(rows: dict[str, list[tuple]]) -> set[tuple]:
    """What the events must be, worked out from the rows themselves."""
    orders = {row[0]: row for row in rows["orders"] if row[4] != "Cancelled"}
    found = set()
    for number, code, quantity, price, _ in rows["orderdetails"]:
        if number in orders:
            order = orders[number]
            ts = (order[1] - date(1970, 1, 1)).days * 86_400_000_000
            user = str(order[6])
            bought = json.dumps({"price": price}, separators=(",", ":"))
            found.add((user, code, "purchase", ts, float(quantity), str(number), bought))
            found.add((user, code, "rating", ts, float(rating(quantity)), None, None))
    return found


def stored(lake) -> list[tuple]:
    with lake.connect() as connection:
        return connection.execute(
            "SELECT user_id, item_id, event_type, ts, value, session_id, attributes FROM events"
        ).fetchall()


def test_the_ready_mapping_gives_all_of_it(mariadb, classic, importing, lake) -> None:
    report = importing(mariadb, "classicmodels", "classicmodels")
    found = stored(lake)
    assert len(found) == len(set(found))
    assert set(found) == expected(classic)
    items = {item.item_id: item.attributes for item in lake.items()}
    assert len(items) == 110
    assert items["S10_1000"] == {
        "name": "1900 Ford \"T\" n° 0", "department": "Classic Cars", "aisle": "1:18",
        "vendor": "Maker 0", "description": "It's 0% true;\nin two lines",
        "price": 20.0, "stock": 15,
    }  # fmt: skip
    users = {user.user_id: user.attributes for user in lake.users()}
    for row in classic["customers"]:
        limit = {} if row[12] is None else {"credit_limit": float(row[12])}
        assert users[str(row[0])] == {"city": row[7], "country": row[10], **limit}
    said = [note for note in report.notes if "derived" in note]
    assert said == [
        "[events.rating] value is derived from quantityOrdered, and was given by nobody: 1, and "
        "one more from each of 25, 32, 39, 45 on"
    ]


def test_new_orders_come_with_the_next_import(mariadb, classic, importing, lake) -> None:
    importing(mariadb, "classicmodels", "classicmodels")
    more = tables(2, range(10426, 10440))
    for table in ("orders", "orderdetails"):
        mariadb.rows("classicmodels", table, more[table])
    importing(mariadb, "classicmodels", "classicmodels")
    both = {table: [*classic[table], *more[table]] for table in ("orders", "orderdetails")}
    found = stored(lake)
    assert len(found) == len(set(found))
    assert set(found) == expected(both)


def test_the_proposal_gives_the_same_purchases(mariadb, classic, importing, lake) -> None:
    database = open_database(parse_url(mariadb.url("classicmodels", "root")))
    text = propose(database.relations(), database.name)
    database.close()
    mapping = tomllib.loads(text)
    assert mapping["users"]["table"] == "customers"
    assert mapping["items"]["table"] == "products"
    assert [*mapping["events"]] == ["purchase"]
    shown = {*mapping["users"]["columns"].values()}
    assert shown.isdisjoint({"customerName", "contactLastName", "phone", "addressLine1"})
    importing(mariadb, "classicmodels", text)
    cancelled = {row[0] for row in classic["orders"] if row[4] == "Cancelled"}
    lines = [row for row in classic["orderdetails"] if row[0] not in cancelled]
    found = [row for row in stored(lake) if int(row[5]) not in cancelled]
    assert len(found) == len(lines)
    assert {(row[:5]) for row in found} == {
        row[:5] for row in expected(classic) if row[2] == "purchase"
    }
