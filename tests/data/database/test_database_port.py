"""The contract of the port Database. A new adapter is one more line in ``ADAPTERS``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from endcap.adapters.database_url import DatabaseUrl, parse_url
from endcap.adapters.mysql import MysqlDatabase
from endcap.adapters.postgres_source import PostgresDatabase
from endcap.domain.errors import InvalidInput, Unavailable
from endcap.ports import Database

pytestmark = pytest.mark.server
ADAPTERS: dict[str, Callable[[DatabaseUrl], Database]] = {
    "mysql": MysqlDatabase, "postgresql": PostgresDatabase,
}  # fmt: skip
PASSWORD = "reAd:er/@ %secret"
TABLES = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, score INTEGER)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, who INTEGER NOT NULL,"
    " FOREIGN KEY (who) REFERENCES people (id))",
    "CREATE VIEW named AS SELECT name FROM people",
)


@pytest.fixture
def open_database(fresh) -> Iterator[Callable[[], Database]]:
    """Each call opens the same database again, as it is then."""
    server, name = fresh
    server.sql(";\n".join(TABLES), name)
    server.rows(name, "people", [(1, "Zoë 日本", 7), (2, "", None), (3, "it's 50%", -1)])
    opened: list[Database] = []

    def connect() -> Database:
        url = parse_url(server.url(name), password=PASSWORD)
        opened.append(ADAPTERS[server.dialect](url))
        return opened[-1]

    yield connect
    for database in opened:
        database.close()


def rows(database: Database, query: str, *parameters: object, at_once: int = 10) -> list[tuple]:
    tables = database.read(query, parameters, at_once)
    return [tuple(row.values()) for table in tables for row in table.to_pylist()]


def test_it_says_what_it_is_without_the_password(open_database, fresh) -> None:
    server, name = fresh
    database = open_database()
    assert database.dialect == server.dialect
    assert name in database.name
    assert "reader" not in database.name
    assert "secret" not in database.name


def test_relations_are_in_order_with_their_keys(open_database) -> None:
    named, orders, people = open_database().relations()
    assert [relation.name for relation in (named, orders, people)] == ["named", "orders", "people"]
    assert [(c.name, c.kind, c.nullable) for c in people.columns] == [
        ("id", "whole", False), ("name", "text", False), ("score", "whole", True),
    ]  # fmt: skip
    assert (people.key, named.key) == (("id",), ())
    (foreign,) = orders.foreign
    assert (foreign.columns, foreign.table, foreign.others) == (("who",), "people", ("id",))


def test_every_column_is_read_as_text(open_database) -> None:
    found = rows(open_database(), "SELECT id, name, score FROM people ORDER BY id")
    assert found == [("1", "Zoë 日本", "7"), ("2", "", None), ("3", "it's 50%", "-1")]


def test_many_rows_come_in_several_tables_each_row_once(open_database, fresh) -> None:
    server, name = fresh
    server.rows(name, "people", [(n, "x" * 40, n) for n in range(4, 20_001)])
    tables = list(open_database().read("SELECT id, name FROM people ORDER BY id", (), 1000))
    found = [int(value) for table in tables for value in table.column(0).to_pylist()]
    assert found == list(range(1, 20_001))
    assert len(tables) > 1


def test_parameters_are_values_and_never_sql(open_database) -> None:
    query = "SELECT id FROM people WHERE name = %s"
    assert rows(open_database(), query, "it's 50%") == [("3",)]
    assert rows(open_database(), query, "' OR 1 = 1 --") == []


def test_one_value_as_text(open_database) -> None:
    database = open_database()
    assert database.value("SELECT COUNT(*) FROM people") == "3"
    assert database.value("SELECT score FROM people WHERE id = %s", (2,)) is None
    assert database.value("SELECT id FROM people WHERE id = %s", (9,)) is None


def test_what_others_write_meanwhile_is_not_seen(open_database, fresh) -> None:
    server, name = fresh
    database = open_database()
    assert database.value("SELECT COUNT(*) FROM people") == "3"
    server.rows(name, "people", [(4, "late", 0)])
    assert database.value("SELECT COUNT(*) FROM people") == "3"
    assert open_database().value("SELECT COUNT(*) FROM people") == "4"


def test_a_query_that_cannot_be_run_is_told_in_our_words(open_database) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_database().value("SELECT nothing FROM nowhere")
    assert caught.value.code.startswith("database_")


def test_nothing_is_written(open_database) -> None:
    with pytest.raises((InvalidInput, Unavailable)):
        rows(open_database(), "DELETE FROM people")
    assert open_database().value("SELECT COUNT(*) FROM people") == "3"


def test_closing_twice_raises_nothing(open_database) -> None:
    database = open_database()
    database.close()
    database.close()
