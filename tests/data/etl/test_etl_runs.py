"""Runs: only what changed is made anew, a partition is replaced as a whole, failures are told."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from endcap.data.etl import duckdb_users
from endcap.data.etl.catalogue import newest
from endcap.data.etl.duckdb_engine import DuckDBEngine
from endcap.data.etl.sources import parse_dates, read_lake
from endcap.data.etl.storage import LocalStorage, of_os, only_run
from endcap.data.etl.tables import TABLES
from endcap.domain.errors import Conflict, Damaged, InvalidInput, Unavailable
from endcap.domain.values import Event, Item, User

Etl = Any  # tests/data/etl/conftest.py
DAY = 86_400_000_000
START = 20_000 * DAY  # 2024-10-04, as there
AS_OF = START + 9 * DAY + 5 * 3_600_000_000

FEATURES = {"history", "user_features", "product_features", "user_product_features", "quality"}
COUNTS = {"cooccurrence", "neighbours"}
WHOLE = FEATURES | COUNTS | {"items", "users"}
DATED = {"events", "training", "sessions"}


def view(user: str, item: str, day: int, second: int = 0, kind: str = "view") -> Event:
    ts = START + day * DAY + second * 1_000_000
    return Event(user, item, kind, ts, f"{user}{item}{ts}{kind}", 1.0)


@pytest.fixture
def shop(etl: Etl) -> Etl:
    """Two users on three days."""
    events = [view("u1", "i1", 0), view("u1", "i2", 0, 60), view("u2", "i1", 1),
              view("u1", "i1", 2, 0, "purchase")]  # fmt: skip
    items = [Item("i1", {"price": 2, "colour": "red"}), Item("i2", {"price": 3})]
    etl.lake.append(events, items, [User("u1", {"country": "ZA"})], [], 10)
    return etl


def test_the_first_run_makes_all_and_the_second_nothing(shop: Etl) -> None:
    assert shop.made() == dict.fromkeys(WHOLE, 1) | dict.fromkeys(DATED, 3)
    before = {file: file.stat().st_mtime_ns for file in shop.root.rglob("*.parquet")}
    assert shop.made() == {}
    assert {f: f.stat().st_mtime_ns for f in shop.root.rglob("*.parquet")} == before


def test_rows_are_joined(shop: Etl) -> None:
    shop.run()
    columns = ["user_id", "item_id", "item_price", "item_colour", "user_country", "date"]
    rows = sorted(tuple(row.values()) for row in shop.rows("training", columns))
    assert rows == [
        ("u1", "i1", 2.0, "red", "ZA", "2024-10-04"),
        ("u1", "i1", 2.0, "red", "ZA", "2024-10-06"),
        ("u1", "i2", 3.0, None, "ZA", "2024-10-04"),
        ("u2", "i1", 2.0, "red", None, "2024-10-05"),
    ]


def test_a_late_event_touches_its_date_alone(shop: Etl) -> None:
    shop.run()
    others = [file for file in shop.files("events") if file.date != "2024-10-05"]
    shop.lake.append([view("u3", "i2", 1, 5)], [], [], [], 20)
    assert shop.made() == dict.fromkeys(FEATURES | COUNTS | DATED, 1)
    assert set(others) < set(shop.files("events"))
    assert [row["user_id"] for row in shop.rows("events") if row["date"] == "2024-10-05"] == [
        "u2", "u3",
    ]  # fmt: skip


def test_features_of_another_time_are_made_anew(shop: Etl) -> None:
    shop.run()
    assert set(shop.made(as_of=AS_OF + DAY)) == FEATURES


def test_named_dates_are_made_anew_and_no_others(shop: Etl) -> None:
    shop.run()
    shop.lake.append([view("u3", "i2", 1, 5)], [], [], [], 20)
    made = shop.made(tables=("sessions",), first_date="2024-10-04", last_date="2024-10-04")
    assert made == {"events": 1, "sessions": 1}
    assert shop.made(tables=("sessions",)) == {"events": 1, "sessions": 1}


def test_full_makes_everything(shop: Etl) -> None:
    shop.run()
    before = {name: sorted(map(str, shop.rows(name))) for name in ("events", "user_features")}
    assert shop.made(full=True) == dict.fromkeys(WHOLE, 1) | dict.fromkeys(DATED, 3)
    assert {name: sorted(map(str, shop.rows(name))) for name in before} == before


def test_an_erased_user_is_gone_from_every_file(shop: Etl) -> None:
    shop.run()
    assert holding(shop.root, b"u1")
    shop.lake.append([], [], [], ["u1"], 20)
    shop.run()
    assert holding(shop.root, b"u1") == []
    assert {row["user_id"] for row in shop.rows("events")} == {"u2"}


def holding(root: Path, word: bytes) -> list[str]:
    """Files with a text column that has the word."""
    found = []
    for path in root.rglob("*.parquet"):
        rows = duckdb.sql("SELECT * FROM read_parquet($1)", params=[str(path)]).fetchall()
        if word in repr(rows).encode():
            found.append(path.name)
    return found


def test_a_date_that_is_gone_from_the_lake_goes(shop: Etl) -> None:
    shop.run()
    shop.lake.publish(lambda now: type(now)(**{f: getattr(now, f) for f in now.__struct_fields__}
                                            | {"events": now.events[1:]}))  # fmt: skip
    shop.run()
    assert {file.date for file in shop.files("events")} == {"2024-10-05", "2024-10-06"}

    assert list((shop.root / "events" / "date=2024-10-04").glob("*.parquet")) == []


def test_a_new_column_appears_in_what_is_made_from_then_on(shop: Etl) -> None:
    shop.run()
    shop.lake.append([view("u2", "i2", 2, 9)], [Item("i2", {"size": 4})], [], [], 20)
    assert shop.made()["training"] == 1
    sizes = {(row["date"], row["item_id"]): row["item_size"] for row in shop.rows("training")}
    assert sizes == {
        ("2024-10-04", "i1"): None, ("2024-10-04", "i2"): None, ("2024-10-05", "i1"): None,
        ("2024-10-06", "i1"): None, ("2024-10-06", "i2"): 4,
    }  # fmt: skip


def test_a_wider_type_makes_every_partition_anew(shop: Etl) -> None:
    shop.lake.append([], [Item("i1", {"size": 4})], [], [], 20)
    shop.run()
    shop.lake.append([], [Item("i2", {"size": 4.5})], [], [], 30)
    made = shop.made()
    assert (made["items"], made["training"]) == (1, 3)
    assert "sessions" not in made
    assert {row["item_size"] for row in shop.rows("training")} == {4.0, 4.5}
    assert {type(row["item_size"]) for row in shop.rows("training")} == {float}


def test_a_widening_that_was_cut_short_goes_on(shop: Etl, monkeypatch) -> None:
    shop.lake.append([], [Item("i1", {"size": 4})], [], [], 20)
    shop.run()
    shop.lake.append([], [Item("i2", {"size": "L"})], [], [], 30)
    monkeypatch.setattr(DuckDBEngine, "rows_at_once", 1)
    fail_at(monkeypatch, "training", 2)
    with pytest.raises(OSError, match="cut"):
        shop.run()
    monkeypatch.undo()
    assert shop.made()["training"] == 2
    assert {row["item_size"] for row in shop.rows("training")} == {"4", "L"}


def fail_at(monkeypatch, name: str, time: int) -> None:
    """Let the engine fail when it makes a table for the n-th time."""
    make, times = DuckDBEngine.make, []

    def failing(self, table, *rest):
        times.append(table.name)
        if times.count(name) == time:
            raise OSError("cut")
        return make(self, table, *rest)

    monkeypatch.setattr(DuckDBEngine, "make", failing)


def test_a_run_that_was_cut_short_leaves_whole_tables_and_goes_on(shop: Etl, monkeypatch) -> None:
    monkeypatch.setattr(DuckDBEngine, "rows_at_once", 1)
    fail_at(monkeypatch, "sessions", 2)
    with pytest.raises(OSError, match="cut"):
        shop.run()
    assert len(shop.files("events")) == 3
    assert len(shop.files("sessions")) == 1
    assert not (shop.root / ".staging").exists()
    monkeypatch.undo()
    assert shop.made() == dict.fromkeys(FEATURES | COUNTS, 1) | {"sessions": 2}
    records = [json.loads(path.read_text()) for path in sorted((shop.root / "runs").iterdir())]
    assert [(r["status"], r["reason"]) for r in records] == [("failed", "OSError"), ("done", "")]


def test_many_small_parts_become_one_file_a_date(shop: Etl) -> None:
    for n in range(5):
        shop.lake.append([view("u4", "i1", 1, 100 + n)], [], [], [], 20 + n)
    shop.run()
    assert [file.date for file in shop.files("events")] == [
        "2024-10-04", "2024-10-05", "2024-10-06",
    ]  # fmt: skip
    assert len(list(shop.root.glob("events/date=2024-10-05/*.parquet"))) == 1


def test_files_on_disk_are_those_of_the_manifest(shop: Etl) -> None:
    shop.run()
    shop.lake.append([view("u3", "i2", 1, 5)], [], [], [], 20)
    shop.run()
    named = {str(shop.root / path) for path in newest(shop.storage).paths()}
    assert {str(path) for path in shop.root.rglob("*.parquet")} == named


def test_sessions_end_after_a_pause_at_midnight_and_where_the_client_says(etl: Etl) -> None:
    def at(day: int, minute: int, session: str | None = None) -> Event:
        ts = START + day * DAY + minute * 60_000_000
        return Event("u", f"i{minute}", "purchase", ts, f"{day}{minute}", 2.0, session)

    times = [at(0, 0), at(0, 30), at(0, 61), at(0, 62, "a"), at(0, 63, "a"), at(0, 64, "b"),
             at(0, 1439), at(1, 0)]  # fmt: skip
    etl.lake.append(times, [], [], [], 10)
    etl.run(tables=("sessions",))
    names = ["date", "session_number", "events", "first_item_id", "last_item_id", "duration_s"]
    rows = sorted(tuple(row.values()) for row in etl.rows("sessions", names))
    assert rows == [
        ("2024-10-04", 1, 2, "i0", "i30", 1800.0), ("2024-10-04", 2, 3, "i61", "i63", 120.0),
        ("2024-10-04", 3, 1, "i64", "i64", 0.0), ("2024-10-04", 4, 1, "i1439", "i1439", 0.0),
        ("2024-10-05", 1, 1, "i0", "i0", 0.0),
    ]  # fmt: skip


def test_cooccurrence_counts_users(etl: Etl) -> None:
    events = [view(u, i, 0, n) for n, (u, i) in enumerate(["ax", "ay", "bx", "by", "cx", "ax"])]
    etl.lake.append(events, [], [], [], 10)
    etl.run(tables=("cooccurrence",))
    found = sorted(tuple(row.values()) for row in etl.rows("cooccurrence"))
    assert found == [("x", "x", 3), ("x", "y", 2), ("y", "y", 2)]


def test_quality_finds_what_is_wrong(lakes, tmp_path, etl_of) -> None:
    etl = etl_of(lakes["awkward"], tmp_path)
    etl.run(tables=("quality",))
    failing = {row["check_name"]: (row["failing"], row["checked"]) for row in etl.rows("quality")}
    events = len(etl.rows("events"))
    unlisted = sum(row["item_id"] in ("unlisted", "%s", "$as_of") for row in etl.rows("events"))
    assert failing["event_of_unknown_item"] == (unlisted, events)
    assert failing["event_in_the_future"][0] >= 3
    assert failing["item_created_later"][0] >= 1
    assert 0 < failing["item_without_price"][0] < failing["item_without_price"][1]


def test_a_shop_without_anything_has_empty_tables(etl: Etl) -> None:
    record = etl.run()
    assert [made.rows for made in record.tables if made.table != "quality"] == [0] * 11
    assert len(record.tables) == len(TABLES)


def test_two_runs_do_not_meet(tmp_path: Path) -> None:
    with only_run(tmp_path), pytest.raises(Conflict) as failure, only_run(tmp_path):
        pass
    assert failure.value.code == "etl_running"


def test_failures_are_told(shop: Etl, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as failure:
        shop.run(tables=("evnts",))
    assert (failure.value.code, failure.value.value) == ("unknown_table", "evnts")
    assert of_os(OSError(errno.ENOSPC, "full"), "x").code == "disk_full"
    assert of_os(OSError(errno.EACCES, "denied"), "x").code == "folder_not_writable"
    shop.run()
    (shop.root / "manifest" / "999999999999.json").write_text("{")
    with pytest.raises(Damaged) as damage:
        shop.run()
    assert damage.value.code == "tables_damaged"


@pytest.mark.parametrize("text", ["2026-02-30", "yesterday", "2026-02-02..2026-02-01", ""])
def test_dates_that_are_none(text: str) -> None:
    with pytest.raises(InvalidInput) as failure:
        parse_dates(text)
    assert (failure.value.code, failure.value.value) == ("bad_date", text)


def test_dates_are_one_or_a_range() -> None:
    assert parse_dates("2026-01-02") == ("2026-01-02", "2026-01-02")
    assert parse_dates("2026-01-02..2026-01-03") == ("2026-01-02", "2026-01-03")
    assert parse_dates(None) == (None, None)


def test_a_lake_is_read_through_any_storage(shop: Etl, tmp_path: Path) -> None:
    assert read_lake(LocalStorage(shop.lake.root)) == shop.lake.manifest()
    assert read_lake(LocalStorage(tmp_path / "none")).version == 0


def test_memory_is_bounded_and_said(shop: Etl) -> None:
    engine = DuckDBEngine(shop.lake.root, shop.root, 16, 1)
    try:
        engine.connection.execute("SET temp_directory = ''")
        with pytest.raises(Unavailable) as failure:
            engine._run("SELECT list(range) FROM range(20000000)")
    finally:
        engine.close()
    assert (failure.value.code, failure.value.value) == ("etl_out_of_memory", 16)


def test_only_the_named_tables_are_written(shop: Etl) -> None:
    shop.run()
    names = ("user_features", "user_product_features", "product_features", "neighbours")
    expected = {name: sorted(map(str, shop.rows(name))) for name in names}
    apart = type(shop)(shop.lake, shop.root.parent / "apart")
    assert apart.made(tables=names, only=True) == dict.fromkeys(names, 1)
    assert {path.parent.name for path in apart.root.rglob("*.parquet")} == set(names)
    assert {name: sorted(map(str, apart.rows(name))) for name in names} == expected
    assert apart.made(tables=names, only=True) == {}
    assert apart.made(tables=("sessions",), only=True) == {"sessions": 3}
    assert sorted(map(str, apart.rows("sessions"))) == sorted(map(str, shop.rows("sessions")))


@pytest.mark.parametrize("coded", [10**6, 3])
def test_users_made_some_at_a_time_are_the_same_rows(
    lakes, tmp_path, etl_of, monkeypatch, coded
) -> None:
    names = ("history", "user_features", "user_product_features")
    whole = etl_of(lakes["all"], tmp_path / "whole")
    whole.run(tables=names)
    monkeypatch.setattr(duckdb_users, "ROWS_OF_A_SLICE", 100)
    monkeypatch.setattr(duckdb_users, "MOST_CODED", coded)
    sliced = etl_of(lakes["all"], tmp_path / "sliced")
    sliced.run(tables=names)
    for name in names:
        assert len(sliced.files(name)) > len(whole.files(name)) == 1
        assert in_order(sliced.rows(name)) == in_order(whole.rows(name))


def in_order(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Sums differ in their last digits with the order in which they are taken."""
    return sorted(
        [f"{value:.9g}" if isinstance(value, float) else repr(value) for value in row.values()]
        for row in rows
    )
