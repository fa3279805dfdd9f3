"""Mapping files, the SQL they become, and what a proposal makes of toy databases."""

from __future__ import annotations

import tomllib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.adapters.database_url import DatabaseUrl, parse_url
from endcap.data.database.binding import bind
from endcap.data.database.dialects import kind_of
from endcap.data.database.mapping import READY, find_mapping, overlap_of, parse
from endcap.data.database.propose import propose
from endcap.data.database.roles import find_role, words_of
from endcap.data.database.rows import event_ids, stepped
from endcap.data.database.select import select_newest, select_rows
from endcap.domain.errors import InvalidInput
from endcap.domain.relations import Column, ForeignKey, Relation


def url(text: str, **more: str) -> DatabaseUrl:
    return parse_url(text, **more)


def test_a_url_is_read() -> None:
    found = url("mariadb://re%40d:p%3Aw@[::1]:33/sh%20op?tls=off")
    assert found[:6] == ("mysql", "::1", 33, "re@d", "sh op", found.password)
    assert (found.password.reveal(), found.tls, found.name) == (
        "p:w", "off", "mysql://[::1]:33/sh op",
    )  # fmt: skip
    assert "p:w" not in repr(found)
    assert url("postgres://u@db.example/d").tls == "verify"
    assert url("postgres://u@db.example/d").port == 5432
    assert url("mysql://u@localhost/d").tls == "off"
    assert url("mysql://u:a@h/d", password="b").password.reveal() == "b"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("oracle://u:pw@h/d", "scheme"),
        ("mysql://h/d", "no user"),
        ("mysql://u:pw@h", "one database"),
        ("mysql://u:pw@h/d/e", "one database"),
        ("mysql://u:pw@h:port/d", "cannot be read"),
        ("mysql://u:pw@h/d?ssl=1", "the option"),
        ("mysql://u:p@w@[h/d", "cannot be read"),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(text: str, word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        url(text)
    assert caught.value.code == "bad_database_url"
    assert word in str(caught.value)
    assert "pw" not in str(caught.value)
    assert "p@w" not in str(caught.value)


def test_a_choice_of_tls_that_is_none() -> None:
    for more in ({"tls": "maybe"}, {"tls": "off", "ca": "x.pem"}):
        with pytest.raises(InvalidInput) as caught:
            url("mysql://u@h/d", **more)
        assert caught.value.code == "bad_choice"
    with pytest.raises(InvalidInput) as caught:
        url("mysql://u@h/d", ca="no-such-file.pem")
    assert caught.value.code == "unreadable_file"


EVENT = '[events.view]\ntable = "v"\ncolumns = { user_id = "u", item_id = "i", ts = "t" }\n'


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "none of the sections"),
        ("[users", "Expected"),
        ('[users]\ncolumns = { user_id = "a" }', "table"),
        ('[users]\ntable = "t"\ncolumns = {}', "names no column for user_id"),
        ('[users]\ntable = "t"\ncolumns = { user_id = 3 }', "$.users.columns"),
        (EVENT + 'keys = ["a"]', "keys"),
        (EVENT.replace("{ ", '{ event_id = "x", '), "made of the table's key"),
        (EVENT + 'overlap = "soon"', "overlap"),
        (EVENT + "overlap = -1", "negative"),
        (EVENT.replace('"u"', '{ column = "u", steps = [1] }'), "without steps"),
        (EVENT.replace("{ ", '{ value = { column = "x", steps = [3, 2] }, '), "grow"),
    ],
)
def test_a_mapping_that_is_none_is_refused(text: str, word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text, "m.toml")
    assert (caught.value.code, caught.value.field) == ("bad_database_mapping", "m.toml")
    assert word in str(caught.value)


def test_ready_mappings_and_overlaps() -> None:
    for name in READY:
        assert {entry.table for entry in parse(find_mapping(name), name).entries} == {
            "users", "items", "events",
        }  # fmt: skip
    section = parse(EVENT + 'overlap = "2h"', "m").entries[0].section
    assert overlap_of(section) == (10_000, 7200)
    assert overlap_of(parse(EVENT + "overlap = 5", "m").entries[0].section) == (5, 5)


class Toy:
    """A database that is described, and never asked."""

    name = "mysql://toy/shop"

    def __init__(self, *relations: Relation, dialect: str = "mysql") -> None:
        self._relations, self.dialect = relations, dialect

    def relations(self) -> tuple[Relation, ...]:
        return self._relations


def relation(name: str, columns: str, key: str = "id", *foreign: ForeignKey) -> Relation:
    """``columns``: name:type, with spaces between."""
    pairs = [word.partition(":") for word in columns.split()]
    made = tuple(Column(n, t or "int", kind_of("mysql", t or "int"), False) for n, _, t in pairs)
    return Relation(name, made, tuple(key.split()), foreign)


LINES = relation("l%ines", "a b what", "a b")
HEAD = relation("heads", "id who at:datetime state:varchar(9)")
TEXT = """
[events.buy]
table = "l%ines"
join.heads.id = "a"
watermark = "heads.at"
overlap = 60
only = { "heads.state" = ["x' OR 1", "y"] }
columns = { user_id = "heads.who", item_id = "what", ts = "heads.at" }
"""


def test_the_sql_holds_quoted_names_and_parameters_only() -> None:
    (read,) = bind(parse(TEXT, "m"), Toy(LINES, HEAD))
    query = select_rows(read, "mysql", "UTC", "2024-01-01 10:00:00", ("7", "9"))
    assert query.sql == (
        'SELECT "l%%ines"."a", "l%%ines"."b", "heads"."who", "l%%ines"."what", "heads"."at" '
        'FROM "l%%ines" AS "l%%ines" LEFT JOIN "heads" AS "heads" ON "heads"."id" = "l%%ines"."a" '
        'WHERE "heads"."state" IN (%s, %s) AND "heads"."at" >= %s '
        'AND ("l%%ines"."a" >= %s AND ("l%%ines"."a" > %s OR "l%%ines"."b" > %s)) '
        'ORDER BY "l%%ines"."a", "l%%ines"."b"'
    )
    assert query.parameters == ("x' OR 1", "y", "2024-01-01 09:59:00", 7, 7, 9)
    newest = select_newest(read, "mysql")
    assert newest.sql == 'SELECT MAX("at") FROM "heads" WHERE "at" <= LOCALTIMESTAMP'


@given(
    st.lists(st.lists(st.text(alphabet="a~/01", max_size=4), min_size=2, max_size=2), max_size=9)
)
def test_no_two_keys_give_one_event_id(keys: list[list[str]]) -> None:
    columns = [
        pa.chunked_array([pa.array(column, pa.string())]) for column in zip(*keys, strict=True)
    ]
    if columns:
        ids = event_ids("buy", columns).to_pylist()
        assert len(set(ids)) == len({tuple(key) for key in keys})


def test_steps_count_from_one() -> None:
    values = pa.chunked_array([["0", "2", "4.9", "5", None]])
    assert stepped(values, (2, 5)).to_pylist() == [1, 2, 2, 3, None]


def test_words_of_names() -> None:
    found = [
        words_of(name) for name in ("orderDetails", "order_items", "tbl_Categories", "s.Rates")
    ]
    assert found == [["order", "detail"], ["order", "item"], ["tbl", "category"], ["rate"]]


USERS = relation("app_users", "id email:varchar(90) full_name:varchar(90) country:char(2)")
ITEMS = relation("products", "id title:varchar(90) price:decimal(9,2) updated_at:datetime")
ORDERS = relation("orders", "id user_id created_at:datetime")
ITEMS_OF = relation("order_items", "id order_id product_id quantity")


def test_a_proposal_without_foreign_keys_goes_by_names() -> None:
    made = tomllib.loads(propose((ITEMS_OF, USERS, ITEMS, ORDERS), "toy"))
    assert made["users"] == {
        "table": "app_users",
        "columns": {"user_id": "id", "country": "country"},
    }
    assert made["items"]["watermark"] == "updated_at"
    assert made["events"]["purchase"] == {
        "table": "order_items", "join": {"orders": {"id": "order_id"}}, "watermark": "id",
        "columns": {"user_id": "orders.user_id", "item_id": "product_id",
                    "ts": "orders.created_at", "session_id": "order_id", "value": "quantity"},
    }  # fmt: skip


def test_a_proposal_goes_by_foreign_keys_whatever_the_columns_are_called() -> None:
    likes = relation(
        "wishlist", "nr p c added_at:datetime", "nr",
        ForeignKey(("p",), "products", ("id",)), ForeignKey(("c",), "app_users", ("id",)),
    )  # fmt: skip
    made = tomllib.loads(propose((USERS, ITEMS, likes), "toy"))
    (section,) = made["events"].values()
    assert section["columns"] == {"user_id": "c", "item_id": "p", "ts": "added_at"}
    parse(propose((USERS, ITEMS, likes), "toy"), "proposed")


def test_a_database_of_no_shop_gives_no_proposal() -> None:
    for relations in ((), (USERS,), (relation("logs", "id text:text"),), (ITEMS,)):
        with pytest.raises(InvalidInput) as caught:
            propose(relations, "toy")
        assert caught.value.code == "nothing_to_propose"
    assert find_role((ORDERS,), "users") is None
