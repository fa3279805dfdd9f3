"""Exported files hold the lake's rows, in one order, in a form that other tools read."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from endcap.data.export import TABLES, export_tables
from endcap.data.lake import Lake
from endcap.domain.errors import Conflict, InvalidInput
from endcap.domain.values import Event, Item, User

AT = 1_755_369_000_123_456  # 2025-08-16T18:30:00.123456Z
EVENTS = [
    Event("bob", "milk", "view", AT + 1_000_000, "e2"),
    Event("ann", "tea", "purchase", AT, "e1", value=2.5, session_id="s"),
    Event("eve", "tea", "view", AT, "e3"),
]
ITEMS = [
    Item("tea", {"name": 'Green "Tea"', "tags": ["hot", "a, b"], "price": 3.5}),
    Item("milk", {"name": "Milk\nwhole"}),
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(tmp_path / "lake", 256, 1)
    made.append(EVENTS, ITEMS, [User("ann", {"age": 30})], ["eve"], 10)
    return made


def export(lake: Lake, folder: Path, form: str, replace: bool = False) -> dict[str, int]:
    return export_tables(
        lake, folder, tuple(TABLES), form, replace=replace, progress=lambda text, share: None
    )


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_every_table_is_a_file_without_the_erased(lake: Lake, tmp_path: Path, form: str) -> None:
    assert export(lake, tmp_path / "out", form) == {"events": 2, "items": 2, "users": 1}
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [f"{table}.{form}" for table in ("events", "items", "users")]


def test_parquet_keeps_types_and_order(lake: Lake, tmp_path: Path) -> None:
    export(lake, tmp_path, "parquet")
    events = pq.read_table(tmp_path / "events.parquet").to_pylist()
    assert [(e["user_id"], e["item_id"], e["ts"], e["value"]) for e in events] == [
        ("ann", "tea", "2025-08-16T18:30:00.123456Z", 2.5),
        ("bob", "milk", "2025-08-16T18:30:01.123456Z", None),
    ]
    items = pq.read_table(tmp_path / "items.parquet").to_pylist()
    assert [item["item_id"] for item in items] == ["milk", "tea"]
    assert (items[1]["tags"], items[1]["price"]) == (["hot", "a, b"], 3.5)


def test_csv_keeps_texts_and_lists(lake: Lake, tmp_path: Path) -> None:
    export(lake, tmp_path, "csv")
    with (tmp_path / "items.csv").open(newline="") as file:
        rows = {row["item_id"]: row for row in csv.DictReader(file)}
    assert rows["milk"]["name"] == "Milk\nwhole"
    assert rows["tea"]["name"] == 'Green "Tea"'
    assert json.loads(rows["tea"]["tags"]) == ["hot", "a, b"]


def test_json_lines_keep_lists_and_numbers(lake: Lake, tmp_path: Path) -> None:
    export(lake, tmp_path, "jsonl")
    rows = [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]
    assert rows[1]["tags"] == ["hot", "a, b"]
    assert rows[1]["price"] == 3.5


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_equal_lakes_give_equal_files(lake: Lake, tmp_path: Path, form: str) -> None:
    export(lake, tmp_path / "one", form)
    export(lake, tmp_path / "two", form)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_file_that_is_there_is_not_replaced_unasked(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("mine")
    with pytest.raises(Conflict) as caught:
        export(lake, tmp_path, "csv")
    assert (caught.value.code, caught.value.value) == ("file_exists", str(tmp_path / "users.csv"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lake", "users.csv"]
    export(lake, tmp_path, "csv", replace=True)
    assert (tmp_path / "users.csv").read_text() != "mine"


def test_a_folder_that_cannot_be_made_is_named(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput) as caught:
        export(lake, tmp_path / "file" / "out", "csv")
    assert (caught.value.code, caught.value.field) == ("unwritable_file", "FOLDER")


def test_an_empty_lake_gives_files_without_rows(tmp_path: Path) -> None:
    counts = export(Lake(tmp_path / "lake", 256, 1), tmp_path / "out", "parquet")
    assert counts == {"events": 0, "items": 0, "users": 0}
    assert pq.read_table(tmp_path / "out" / "events.parquet").num_rows == 0
