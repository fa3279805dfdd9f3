"""Import end to end: formats, mappings, times, repeats, attributes, the quality report."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from endcap.data.importer import ImportOptions, ImportReport, import_files
from endcap.data.lake import Lake
from endcap.data.sources import Source
from endcap.domain.values import Event, Item

AT = 1_760_000_000_000_000
DAY = 86_400_000_000


def run(root: Path, path: Path | str, table: str = "events", mapping=None, **options):
    lake = Lake(root, 256, 1)
    source = [Source(table, str(path))]
    return lake, import_files(lake, source, mapping or {}, ImportOptions(AT, **options), print_not)


def print_not(_: object) -> None:
    """Progress that nobody looks at."""


def events(lake: Lake, columns: str = "*") -> list[tuple]:
    with lake.connect() as connection:
        return connection.execute(f"SELECT {columns} FROM events ORDER BY ALL").fetchall()


def write(path: Path, rows: list[dict]) -> Path:
    """The rows in the format that the suffix names."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    suffix = path.name.removesuffix(".gz").rsplit(".", 1)[1]
    if suffix == "parquet":
        buffer = io.BytesIO()
        parquet.write_table(pa.Table.from_pylist(rows), buffer, row_group_size=3)
        data = buffer.getvalue()
    elif suffix == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(rows)
        data = text.getvalue().encode()
    elif suffix == "json":
        data = json.dumps(rows, indent=2, ensure_ascii=False).encode()
    else:
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


FORMATS = ("a.csv", "a.jsonl", "a.json", "a.parquet", "a.csv.gz", "a.jsonl.gz", "a.parquet.gz")
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
IDS = TEXTS.map(str.strip).filter(lambda s: s and not s.endswith(".0"))
WORDS = st.sampled_from(["Rome", "Cape Town", 'a "quoted", word', "two\nlines", "ünï", "x;y|z"])
ROWS = st.fixed_dictionaries(
    {
        "user_id": st.one_of(st.sampled_from(["U1", "U2", "7"]), IDS),
        "item_id": st.sampled_from(["I1", "I,2", "I 3"]),
        "event_type": st.sampled_from(["view", "purchase"]),
        "timestamp": st.integers(1_600_000_000, 1_600_400_000),
        "event_value": st.one_of(st.none(), st.sampled_from([0.0, 1.5, -2.0, 1e-7])),
        "city": st.one_of(st.none(), WORDS),
    }
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(ROWS, min_size=1, max_size=12))
def test_every_format_gives_the_same_lake(tmp_path_factory, rows: list[dict]) -> None:
    rows[0]["event_value"], rows[0]["city"] = 1.5, "Rome"  # so that Parquet columns have a type
    folder = tmp_path_factory.mktemp("formats")
    found = []
    for name in FORMATS[:4]:
        lake, report = run(folder / name[2:], write(folder / name, rows))
        table = report.tables["events"]
        assert table.rows == len(rows)
        assert (table.rejected, table.accepted + table.repeats) == (0, len(rows))
        found.append(events(lake))
    assert found[1:] == found[:1] * (len(found) - 1)
    key = ("user_id", "item_id", "event_type", "timestamp", "event_value")
    assert len(found[0]) == len({tuple(row[name] for name in key) for row in rows})


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_plain_and_packed(tmp_path: Path, name: str) -> None:
    rows = [
        {"USER_ID": "U1", "ITEM_ID": "I1", "TIMESTAMP": 1_700_000_000 + i, "extra": i + 0.5}
        for i in range(10)
    ]
    lake, report = run(tmp_path / "lake", write(tmp_path / name, rows))
    assert report.tables["events"].accepted == 10
    assert events(lake, "ts, attributes")[9] == (1_700_000_009_000_000, '{"extra":9.5}')


# what a file says → µs
TIMES = [
    ("1600000000", 1_600_000_000_000_000),
    ("1600000000123", 1_600_000_000_123_000),
    ("1600000000123456", 1_600_000_000_123_456),
    ("1600000000123456789", 1_600_000_000_123_456),
    ("1600000000.5", 1_600_000_000_500_000),
    ("1.6e9", 1_600_000_000_000_000),
    ("2020-09-13T12:26:40Z", 1_600_000_000_000_000),
    ("2020-09-13T14:26:40+02:00", 1_600_000_000_000_000),
    ("2020-09-13 12:26:40.25", 1_600_000_000_250_000),
    (" 2020-09-13T12:26Z ", 1_599_999_960_000_000),
    ("2020-09-13", 1_599_955_200_000_000),
    ("0", 0),
]


def test_times_are_read_by_magnitude_and_stored_in_utc(tmp_path: Path) -> None:
    rows = [{"user_id": f"U{i:02}", "item_id": "I", "ts": t} for i, (t, _) in enumerate(TIMES)]
    lake, report = run(tmp_path / "lake", write(tmp_path / "a.csv", rows))
    assert report.tables["events"].rejected == 0
    assert [ts for _, ts in events(lake, "user_id, ts")] == [ts for _, ts in TIMES]


@pytest.mark.parametrize(
    "kind", [pa.timestamp("s"), pa.timestamp("ns", "Europe/Rome"), pa.int32(), pa.float64()]
)
def test_typed_times_of_parquet(tmp_path: Path, kind: pa.DataType) -> None:
    moment = datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)
    timed = pa.types.is_timestamp(kind)
    value = moment if timed and kind.tz else moment.replace(tzinfo=None) if timed else 1_600_000_000
    table = pa.table({"user_id": ["U"], "item_id": ["I"], "timestamp": pa.array([value], kind)})
    parquet.write_table(table, tmp_path / "a.parquet")
    lake, _ = run(tmp_path / "lake", tmp_path / "a.parquet")
    assert events(lake, "ts") == [(1_600_000_000_000_000,)]


def test_numeric_ids_lose_the_point_that_a_missing_value_gave_them(tmp_path: Path) -> None:
    table = pa.table({"user_id": [12345.0, None], "item_id": [7, 8], "timestamp": [1.6e9, 1.6e9]})
    parquet.write_table(table, tmp_path / "a.parquet")
    write(tmp_path / "b.csv", [{"user_id": "12346.0", "item_id": "7", "timestamp": "1600000000"}])
    lake, report = run(tmp_path / "lake", tmp_path / "a.parquet")
    run(tmp_path / "lake", tmp_path / "b.csv")
    assert events(lake, "user_id, item_id") == [("12345", "7"), ("12346", "7")]
    assert [(r.code, r.rows) for r in report.tables["events"].reasons] == [("empty_id", 1)]


def test_columns_are_found_by_alias_and_said(tmp_path: Path) -> None:
    rows = [{"Customer ID": 1, "StockCode": "A", "Invoice Date": "2020-09-13", "Quantity": 3}]
    lake, report = run(tmp_path / "lake", write(tmp_path / "a.csv", rows), event_type="purchase")
    assert events(lake, "user_id, item_id, event_type, value") == [("1", "A", "purchase", 3.0)]
    assert report.mapping == {
        str(tmp_path / "a.csv"): {
            "user_id": "Customer ID",
            "item_id": "StockCode",
            "ts": "Invoice Date",
            "value": "Quantity",
        }
    }
    assert report.notes == ["1 file(s) name no event type: every row counts as purchase"]


def test_a_mapping_and_renamed_types(tmp_path: Path) -> None:
    rows = [{"who": 1, "what": "A", "when": 1_600_000_000, "did": "Transaction"}]
    mapping = {"user_id": "WHO", "item_id": "what", "ts": "when", "event_type": "did"}
    path = write(tmp_path / "a.csv", rows)
    lake, report = run(
        tmp_path / "lake", path, mapping=mapping, event_types={"transaction": "purchase"}
    )
    assert events(lake, "user_id, event_type") == [("1", "purchase")]
    assert report.mapping == {}


def test_keep_counts_each_expression(tmp_path: Path) -> None:
    rows = [
        {"user_id": f"U{i}", "item_id": "I", "ts": 1_600_000_000, "n": n, "invoice": invoice}
        for i, (n, invoice) in enumerate(
            [(2, "A1"), (0.4, "A2"), (-1, "A3"), (3, "C4"), ("", "A5")]
        )
    ]
    keep = ("n > 0", "invoice NOT LIKE 'C%'")
    lake, report = run(tmp_path / "lake", write(tmp_path / "a.csv", rows), keep=keep)
    assert [user for (user,) in events(lake, "user_id")] == ["U0", "U1"]
    assert [(r.column, r.rows) for r in report.tables["events"].reasons] == [
        ("invoice NOT LIKE 'C%'", 1),
        ("n > 0", 2),
    ]


def test_a_file_twice_adds_nothing(tmp_path: Path) -> None:
    rows = [
        {"user_id": "U1", "item_id": "I1", "ts": 1_600_000_000 + i // 2, "event_id": ""}
        for i in range(6)
    ]
    rows += [
        {"user_id": "U2", "item_id": "I1", "ts": ts, "event_id": "e"}
        for ts in (1_600_100_000, 1_600_900_000)
    ]
    items = [{"item_id": "I1", "price": 3.5}, {"item_id": "I1", "price": 4.5}]
    for again in (False, True):
        lake, report = run(tmp_path / "lake", write(tmp_path / "a.csv", rows))
        table = report.tables["events"]
        assert (table.accepted, table.repeats) == ((0, 8) if again else (4, 4))
        lake, report = run(tmp_path / "lake", write(tmp_path / "i.csv", items), "items")
        assert report.tables["items"].repeats == 1
        assert [*lake.items()] == [Item("I1", {"price": 4.5})]
        assert lake.manifest().version == 2
    assert len(events(lake)) == 4


def test_a_file_repeats_what_came_by_the_log(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", 256, 1)
    lake.append([Event("U1", "I1", "view", 5 * DAY, "abc")], [], [], [], 10)
    rows = [{"user_id": "U1", "item_id": "I1", "ts": "1970-01-07", "event_id": "abc"}]
    _, report = run(tmp_path / "lake", write(tmp_path / "a.csv", rows))
    assert report.tables["events"].repeats == 1


def test_who_was_erased_may_be_imported_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", 256, 1)
    rows = [{"user_id": "U1", "item_id": "I1", "ts": 1_600_000_000}]
    path = write(tmp_path / "a.csv", rows)
    run(tmp_path / "lake", path)
    lake.append([], [], [], ["U1"], 10)
    assert events(lake) == []
    _, report = run(tmp_path / "lake", path)
    assert report.tables["events"].accepted == 1
    lake.append([Event("U2", "I2", "view", DAY, "x")], [], [], [], 20)
    assert len(events(lake)) == 2


@pytest.mark.parametrize("name", FORMATS[:4])
def test_attributes_have_types(tmp_path: Path, name: str) -> None:
    rows = [
        {"ITEM_ID": "I1", "PRICE": 3, "stars": 4, "weight": 1.5, "zip": "00123", "new": True},
        {"ITEM_ID": "I2", "PRICE": 2, "stars": 5, "weight": 2, "zip": "90210", "new": False},
    ]
    lake, _ = run(tmp_path / "lake", write(tmp_path / name, rows), "items")
    first = next(lake.items())
    assert first == Item(
        "I1", {"price": 3.0, "stars": 4, "weight": 1.5, "zip": "00123", "new": True}
    )
    assert {name: type(value) for name, value in first.attributes.items()} == {
        "price": float, "stars": int, "weight": float, "zip": str, "new": bool,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_lists_are_lists_of_texts(tmp_path: Path, name: str) -> None:
    rows = [{"user_id": "U1", "tags": ["a", 'b"c']}, {"user_id": "U2", "tags": None}]
    lake, _ = run(tmp_path / "lake", write(tmp_path / name, rows), "users")
    assert [(u.user_id, u.attributes) for u in lake.users()] == [
        ("U1", {"tags": ["a", 'b"c']}), ("U2", {}),
    ]  # fmt: skip


def test_a_later_file_replaces_what_its_columns_name(tmp_path: Path) -> None:
    first = [{"item_id": i, "name": f"Pear {i}", "price": 3} for i in ("I1", "I2")]
    lake, _ = run(tmp_path / "lake", write(tmp_path / "a.csv", first), "items")
    second = [{"item_id": "I1", "PRICE": ""}, {"item_id": "I3", "PRICE": 9}]
    run(tmp_path / "lake", write(tmp_path / "b.csv", second), "items")
    assert {i.item_id: i.attributes for i in lake.items()} == {
        "I1": {"name": "Pear I1"},
        "I2": {"name": "Pear I2", "price": 3.0},
        "I3": {"price": 9.0},
    }


def test_folders_and_globs(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i, name in enumerate(("a.csv", "b.jsonl", "c.parquet", "notes.md")):
        row = {"user_id": f"U{i}", "item_id": "I", "ts": 1_600_000_000}
        write(tmp_path / "in" / name, [row])
    _, report = run(tmp_path / "one", tmp_path / "in")
    assert (report.tables["events"].files, report.tables["events"].accepted) == (3, 3)
    _, report = run(tmp_path / "two", f"{tmp_path}/in/*.*[vl]")
    assert (report.tables["events"].files, report.tables["events"].accepted) == (2, 2)


def test_odd_csv_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = '\ufeffuser_id;item_id;ts;note\r\n U1 ;"I;1";1600000000;"a ""b""\r\nc"\r\n\r\n'
    path.write_text(text + 'U2;I2;1600000000;5" pipe\r\n', newline="")
    lake, report = run(tmp_path / "lake", path)
    assert report.tables["events"].rejected == 0
    notes = ['{"note":"a \\"b\\"\\r\\nc"}', '{"note":"5\\" pipe"}']
    assert events(lake, "user_id, item_id, replace(attributes, '\\r', '')") == [
        ("U1", "I;1", notes[0].replace("\\r", "")),
        ("U2", "I2", notes[1]),
    ]


def test_a_file_of_a_header_only_is_empty_but_right(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id,item_id,ts\n")
    lake, report = run(tmp_path / "lake", path)
    assert report.tables["events"].rows == 0
    assert lake.manifest().version == 0


def test_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("user_id,item_id,ts\nJürgen,I,1600000000\n".encode("latin-1"))
    _, report = run(tmp_path / "one", path)
    assert [r.code for r in report.tables["events"].reasons] == ["bad_encoding"]
    lake, _ = run(tmp_path / "two", path, encoding="latin-1")
    assert events(lake, "user_id") == [("Jürgen",)]


def test_the_quality_report(tmp_path: Path) -> None:
    write(tmp_path / "i.csv", [{"item_id": i} for i in ("I1", "I2", "I3", "I4")])
    run(tmp_path / "lake", tmp_path / "i.csv", "items")
    rows = [
        {"user_id": user, "item_id": item, "ts": day, "event_type": "view"}
        for user, item, day in [
            ("U1", "I1", "2020-01-01"), ("U1", "I9", "2020-01-02"), ("U1", "I9", "2020-01-06"),
            ("U2", "I1", "2020-01-06"),
        ]
    ]  # fmt: skip
    report: ImportReport
    _, report = run(tmp_path / "lake", write(tmp_path / "a.csv", rows))
    q = report.quality
    assert (q.events, q.users, q.items, q.known_items) == (4, 2, 2, 4)
    assert (q.first_event, q.last_event) == ("2020-01-01T00:00:00Z", "2020-01-06T00:00:00Z")
    assert (q.unknown_items, q.unknown_item_events) == (1, 2)
    assert (q.cold_items, q.cold_share) == (3, 0.75)
    assert (q.days_with_events, q.days_without_events) == (3, 3)
    assert [(g.first, g.last, g.days) for g in q.gaps] == [("2020-01-03", "2020-01-05", 3)]
    assert (q.events_per_user["0.5"], q.events_per_user["1"]) == (2.0, 3.0)
    assert q.event_types == {"view": 4}
    saved = tmp_path / "lake" / "imports" / f"{report.import_id}.json"
    assert json.loads(saved.read_text())["quality"]["events"] == 4
