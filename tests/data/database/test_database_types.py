"""Columns of every type, odd names and odd values come through, or are refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from endcap.adapters.database_url import parse_url
from endcap.bootstrap import open_database
from endcap.data.database import rows
from endcap.domain.errors import InvalidInput

pytestmark = pytest.mark.server

ODD = "a\"b'c`d%s e.f;--ü"  # as a name: every way to leave a quoted one


def quoted(dialect: str, name: str) -> str:
    mark = "`" if dialect == "mysql" else '"'
    return mark + name.replace(mark, mark * 2).replace("%", "%") + mark


def test_names_are_only_names(fresh, importing, lake) -> None:
    server, name = fresh
    table, column = quoted(server.dialect, ODD), quoted(server.dialect, ODD[::-1])
    server.sql(f"CREATE TABLE {table} ({column} INT PRIMARY KEY, price INT)", name)
    server.sql(f"INSERT INTO {table} VALUES (1, 2), (3, 4)", name)
    text = (
        f"[items]\ntable = {json.dumps(ODD)}\nwatermark = {json.dumps(ODD[::-1])}\n"
        f'columns = {{ item_id = {json.dumps(ODD[::-1])}, price = "price" }}\n'
        f"without = {{ price = [4] }}\n"
    )
    for _ in range(2):
        importing(server, name, text)
        assert [(i.item_id, i.attributes) for i in lake.items()] == [("1", {"price": 2.0})]


ITEMS = """
[items]
table = "things"
[items.columns]
item_id = "id"
price = "price"
available = "there"
created = "born"
small = "small"
big = "big"
real = "rate"
note = "note"
day = "day"
doc = "doc"
raw = "raw"
"""
COMMON = "small SMALLINT, price DECIMAL(12, 3), note VARCHAR(80), day DATE, born TIMESTAMP NULL"
TYPES = {
    "mysql": f"CREATE TABLE things (id BIGINT UNSIGNED PRIMARY KEY, {COMMON}, "
    "big BIGINT UNSIGNED, rate DOUBLE, there BIT(1), doc JSON, raw VARBINARY(9))",
    "postgresql": f"CREATE TABLE things (id NUMERIC(30) PRIMARY KEY, {COMMON}, "
    "big NUMERIC(30), rate DOUBLE PRECISION, there BOOLEAN, doc JSONB, raw BYTEA)",
}


def test_every_type_that_can_be_read(fresh, importing, lake) -> None:
    server, name = fresh
    server.sql(TYPES[server.dialect], name)
    columns = "id, small, price, note, day, born, big, rate, there, doc, raw"
    truth, slash = ("1", "\\\\") if server.dialect == "mysql" else ("true", "\\")
    server.sql(
        f"INSERT INTO things ({columns}) VALUES (18446744073709551615, -3, 1.250, "
        f"'ü,\"\n{slash}N', '2024-02-29', '2024-02-29 23:59:59', 18446744073709551615, 0.1, "
        f"{truth}, "
        "'{\"a\": [1]}', 'ab'), "
        "(2, NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        name,
    )
    importing(server, name, ITEMS)
    items = {item.item_id: item.attributes for item in lake.items()}
    full = items.pop("18446744073709551615")
    assert items == {"2": {}}
    assert json.loads(full.pop("doc")) == {"a": [1]}
    assert full == {
        "small": -3, "price": 1.25, "note": 'ü,"\n\\N', "day": "2024-02-29",
        "created": 1_709_251_199_000_000, "big": 18446744073709551615.0, "real": 0.1,
        "available": True, "raw": "6162",
    }  # fmt: skip


VIEWS = """
[events.view]
table = "views"
watermark = "{}"
overlap = 0
columns = {{ user_id = "who", item_id = "what", ts = "at", value = "much" }}
"""


def test_times_of_a_zone(fresh, importing, lake) -> None:
    server, name = fresh
    kind = "DATETIME" if server.dialect == "mysql" else "TIMESTAMP"
    server.sql(
        f"CREATE TABLE views (id INT PRIMARY KEY, who INT, what INT, at {kind}, much INT);\n"
        "INSERT INTO views VALUES (1, 1, 1, '2024-07-01 12:00:00', 1)", name,
    )  # fmt: skip
    zone = "+02:00" if server.dialect == "mysql" else "Europe/Berlin"
    importing(server, name, f'time_zone = "{zone}"\n' + VIEWS.format("at"))
    with lake.connect() as connection:
        assert connection.execute("SELECT ts FROM events").fetchall() == [(1_719_828_000_000_000,)]


def test_a_date_of_zeros_rejects_its_row_alone(mariadb, importing) -> None:
    mariadb.sql(
        "DROP DATABASE IF EXISTS zeros;\nCREATE DATABASE zeros;\n"
        "CREATE TABLE zeros.views (id INT PRIMARY KEY, who INT, what INT, at DATETIME, much INT);\n"
        "SET sql_mode = '';\n"
        "INSERT INTO zeros.views VALUES (1, 1, 1, '2024-07-01', 1), (2, 1, 1, '0000-00-00', 1)"
    )
    report = importing(mariadb, "zeros", VIEWS.format("id"))
    rejected = [json.loads(line) for line in Path(report.rejects).read_text().splitlines()]
    assert [(r["line"], r["column"], r["code"], r["value"]) for r in rejected] == [
        (2, "at", "bad_time", "0000-00-00 00:00:00")
    ]
    assert report.tables["events"].accepted == 1


def test_numbers_that_are_none_are_rejected(postgres, importing) -> None:
    postgres.sql("DROP DATABASE IF EXISTS nans")
    postgres.sql("CREATE DATABASE nans")
    postgres.sql(
        "CREATE TABLE views (id INT PRIMARY KEY, who INT, what INT, at TIMESTAMPTZ, "
        "much NUMERIC);\n"
        "INSERT INTO views VALUES (1, 1, 1, '2024-07-01 02:00+02', 1.5), "
        "(2, 1, 1, 'infinity', 1), (3, 1, 1, '2024-07-01', 'NaN')", "nans",
    )  # fmt: skip
    report = importing(postgres, "nans", VIEWS.format("id"))
    codes = {(reason.code, reason.rows) for reason in report.tables["events"].reasons}
    assert ("bad_time", 1) in codes
    assert report.tables["events"].accepted == 3 - sum(rows for _, rows in codes)


def test_rows_at_the_watermark_late_and_without_one(fresh, importing, lake, monkeypatch) -> None:
    server, name = fresh
    monkeypatch.setattr(rows, "ROWS", 2)
    server.sql(
        "CREATE TABLE views (id INT PRIMARY KEY, who INT, what INT, at TIMESTAMP NULL, much INT)",
        name,
    )
    text = VIEWS.format("at").replace("overlap = 0", 'overlap = "1h"')
    at = "2024-07-01 12:{}:00".format
    server.rows(name, "views", [(1, 1, 1, at("00"), 1), (2, 1, 1, at("30"), 1)])
    importing(server, name, text)
    # One at the same moment, one that was committed late, one behind the overlap, one unknown.
    server.rows(
        name, "views",
        [(3, 1, 1, at("30"), 1), (4, 1, 1, at("10"), 1), (5, 1, 1, "2024-07-01 11:00:00", 1),
         (6, 1, 1, None, 1)],
    )  # fmt: skip
    report = importing(server, name, text)
    counts = report.tables["events"]
    assert (counts.rows, counts.accepted, counts.repeats, counts.rejected) == (5, 2, 2, 1)
    with lake.connect() as connection:
        found = connection.execute("SELECT event_id FROM events ORDER BY 1").fetchall()
    assert found == [("view/1",), ("view/2",), ("view/3",), ("view/4",)]
    importing(server, name, text, full=True)
    with lake.connect() as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchall() == [(5,)]


def test_a_time_still_to_come_does_not_hide_what_comes_before_it(fresh, importing, lake) -> None:
    server, name = fresh
    server.sql(
        "CREATE TABLE views (id INT PRIMARY KEY, who INT, what INT, at TIMESTAMP NULL, much INT)",
        name,
    )
    server.rows(name, "views", [(1, 1, 1, "2024-07-01 12:00:00", 1), (2, 1, 1, "2037-01-01", 1)])
    importing(server, name, VIEWS.format("at"))
    (mark,) = lake.manifest().marks
    assert mark.value == "2024-07-01 12:00:00"


def test_another_mapping_begins_anew(fresh, importing, lake) -> None:
    server, name = fresh
    server.sql(
        "CREATE TABLE views (id INT PRIMARY KEY, who INT, what INT, at INT, much INT);\n"
        "INSERT INTO views VALUES (1, 1, 1, 1700000000, 1), (2, 2, 2, 1700000001, 2)", name,
    )  # fmt: skip
    text = VIEWS.format("id")
    assert importing(server, name, text).tables["events"].rows == 2
    assert importing(server, name, text).tables["events"].rows == 1
    assert importing(server, name, text.replace(', value = "much"', "")).tables["events"].rows == 2


def test_what_is_written_meanwhile_is_not_seen(fresh) -> None:
    server, name = fresh
    server.sql("CREATE TABLE a (id INT PRIMARY KEY);\nCREATE TABLE b (id INT PRIMARY KEY)", name)
    server.rows(name, "a", [(1,)])
    database = open_database(parse_url(server.url(name), password="reAd:er/@ %secret"))
    assert database.value("SELECT COUNT(*) FROM a") == "1"
    server.rows(name, "a", [(2,)])
    server.rows(name, "b", [(2,)])
    counts = [database.value(f"SELECT COUNT(*) FROM {table}") for table in "ab"]
    database.close()
    assert counts == ["1", "0"]


def test_rows_of_any_size_come_a_few_at_a_time(fresh) -> None:
    server, name = fresh
    kind = "LONGTEXT" if server.dialect == "mysql" else "TEXT"
    server.sql(f"CREATE TABLE a (id INT PRIMARY KEY, words {kind})", name)
    for number in range(6):
        server.sql(f"INSERT INTO a VALUES ({number}, REPEAT('wörd,\n', 1500000))", name)
    database = open_database(parse_url(server.url(name), password="reAd:er/@ %secret"))
    tables = [*database.read("SELECT id, words FROM a ORDER BY id", (), 100_000)]
    database.close()
    assert len(tables) > 1
    assert [str(v) for t in tables for v in t.column(0).to_pylist()] == [*map(str, range(6))]
    assert {v for t in tables for v in t.column(1).to_pylist()} == {"wörd,\n" * 1_500_000}


def test_a_key_that_is_null_is_refused(fresh, importing) -> None:
    server, name = fresh
    server.sql("CREATE TABLE views (id INT, who INT, what INT, at INT, much INT)", name)
    server.rows(name, "views", [(None, 1, 1, 1_700_000_000, 1)])
    text = VIEWS.format("at").replace("overlap", 'key = ["id"]\noverlap')
    with pytest.raises(InvalidInput) as caught:
        importing(server, name, text)
    assert (caught.value.code, caught.value.value) == ("database_key_null", "views")
