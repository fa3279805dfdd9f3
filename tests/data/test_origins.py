"""What imports brought and what came by the log stay apart in the lake, however it is rewritten."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from endcap.data.importer import ImportOptions, Source, import_files
from endcap.data.lake import Lake
from endcap.data.manifest import LOG, without_imports
from endcap.domain.values import Event, Item, User

AT = 1_700_000_000_000_000
DAY = 86_400_000_000


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", 512, 1)


def bring(lake: Lake, table: str, rows: list[dict[str, Any]]) -> None:
    path = lake.root.parent / f"{table}-{lake.manifest().version}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    import_files(lake, [Source(table, str(path))], {}, ImportOptions(at=AT), lambda _: None)


def put(lake: Lake, *items: Item, users: tuple[User, ...] = ()) -> None:
    lake.append([], items, users, [], lake.manifest().log_offset + 1)


def of_log(lake: Lake, table: str = "items") -> dict[str, dict[str, Any]]:
    """By id, what an import that replaces the earlier ones would leave."""
    manifest = without_imports(lake.manifest(), [table])
    with lake.connect(manifest) as connection:
        rows = connection.sql(f"SELECT * FROM {table}").to_arrow_table().to_pylist()
    return {row.pop(f"{table[:-1]}_id"): row for row in rows}


def all_ids(lake: Lake) -> list[str]:
    return sorted(item.item_id for item in lake.items())


def test_rows_of_the_log_stay_so_when_many_parts_become_few(lake: Lake) -> None:
    bring(lake, "items", [{"item_id": "a", "price": 1.5}, {"item_id": "b", "price": 2.5}])
    for number in range(12):
        put(lake, Item(f"live-{number}", {"price": float(number)}))
    put(lake, Item("b", {"price": 3.5}))
    assert len(lake.manifest().items) < 12
    assert of_log(lake).keys() == {f"live-{number}" for number in range(12)} | {"b"}
    assert all_ids(lake) == sorted([*of_log(lake), "a"])


def test_a_type_that_widens_keeps_them_apart(lake: Lake) -> None:
    bring(lake, "items", [{"item_id": "a", "size": 1}, {"item_id": "b", "size": 2}])
    put(lake, Item("live", {"size": "large"}))
    assert of_log(lake) == {"live": {"size": "large"}}
    assert {part.source == LOG for part in lake.manifest().items} == {True, False}
    assert all_ids(lake) == ["a", "b", "live"]


def test_an_import_takes_over_what_it_names_and_leaves_the_rest_of_the_log(lake: Lake) -> None:
    put(lake, Item("one", {"price": 1.0}), Item("two", {"price": 2.0}))
    bring(lake, "items", [{"item_id": "two", "price": 3.5}, {"item_id": "a", "price": 4.5}])
    assert of_log(lake) == {"one": {"price": 1.0}}
    assert {item.item_id: item.attributes["price"] for item in lake.items()} == {
        "one": 1.0, "two": 3.5, "a": 4.5,
    }  # fmt: skip
    put(lake, Item("two", {"price": 5.0}))
    assert of_log(lake) == {"one": {"price": 1.0}, "two": {"price": 5.0}}


def test_a_purge_keeps_them_apart(lake: Lake) -> None:
    bring(lake, "users", [{"user_id": "a", "age": 1}, {"user_id": "gone", "age": 2}])
    put(lake, users=(User("live", {"age": 3}),))
    lake.append([], [], [], ["gone"], lake.manifest().log_offset + 1)
    lake.purge()
    assert of_log(lake, "users") == {"live": {"age": 3}}
    assert sorted(user.user_id for user in lake.users()) == ["a", "live"]


def test_events_of_the_log_are_merged_among_themselves(lake: Lake) -> None:
    rows = [{"user_id": "u", "item_id": f"i{n}", "ts": AT - DAY + n} for n in range(3)]
    bring(lake, "events", rows)
    for number in range(12):
        event = Event("u", f"live-{number}", "view", AT - DAY + number, str(number))
        lake.append([event], [], [], [], lake.manifest().log_offset + 1)
    assert len(lake.manifest().events) <= 10
    with lake.connect(without_imports(lake.manifest(), ["events"])) as connection:
        found = connection.execute("SELECT item_id FROM events").fetchall()
    assert {name for (name,) in found} == {f"live-{number}" for number in range(12)}
    with lake.connect() as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (15,)
