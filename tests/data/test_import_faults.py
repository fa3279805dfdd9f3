"""Bad rows are kept with file, line, column, code and value; bad files are refused whole."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from endcap.data.importer import ImportOptions, ImportReport, import_files
from endcap.data.lake import Lake
from endcap.data.mapping import parse_mapping
from endcap.data.sources import Source
from endcap.domain.errors import Conflict, EndcapError, InvalidInput, NotFound

AT = 1_760_000_000_000_000
HEAD = "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP,EVENT_VALUE\n"
GOOD = "U1,I1,view,1700000000,1\n"


def run(folder: Path, path: Path, table: str = "events", **options) -> tuple[Lake, ImportReport]:
    lake = Lake(folder / "lake", 256, 1)
    mapping = parse_mapping(options.pop("pairs", ()))
    options = ImportOptions(AT, **options)
    return lake, import_files(lake, [Source(table, str(path))], mapping, options, lambda _: None)


def rejects(report: ImportReport) -> list[tuple[int, str, str, str]]:
    if not report.rejects:
        return []
    found = map(json.loads, Path(report.rejects).read_text().strip().split("\n"))
    return [(r["line"], r["column"], r["code"], r["value"]) for r in found]


# row of a CSV file → (column, code, value)
BAD_ROWS = [
    (",I1,view,1700000000,1", "USER_ID", "empty_id", ""),
    ("   ,I1,view,1700000000,1", "USER_ID", "empty_id", "   "),
    ("U1,,view,1700000000,1", "ITEM_ID", "empty_id", ""),
    ("U1,I1,,1700000000,1", "EVENT_TYPE", "empty_id", ""),
    ("U" * 257 + ",I1,view,1700000000,1", "USER_ID", "id_too_long", "U" * 200),
    ("U1," + "I" * 300 + ",view,1700000000,1", "ITEM_ID", "id_too_long", "I" * 200),
    ("U\x001,I1,view,1700000000,1", "USER_ID", "id_unprintable", "U\x001"),
    ("U1,I\x071,view,1700000000,1", "ITEM_ID", "id_unprintable", "I\x071"),
    ("U1,I1,vi\tew,1700000000,1", "EVENT_TYPE", "id_unprintable", "vi\tew"),
    ("U1,I\u00851,view,1700000000,1", "ITEM_ID", "id_unprintable", "I\u00851"),
    ("U1,I1,view,,1", "TIMESTAMP", "bad_time", ""),
    ("U1,I1,view,yesterday,1", "TIMESTAMP", "bad_time", "yesterday"),
    ("U1,I1,view,12/1/2010 8:26,1", "TIMESTAMP", "bad_time", "12/1/2010 8:26"),
    ("U1,I1,view,2025-13-01,1", "TIMESTAMP", "bad_time", "2025-13-01"),
    ("U1,I1,view,2025-02-30T00:00:00Z,1", "TIMESTAMP", "bad_time", "2025-02-30T00:00:00Z"),
    ("U1,I1,view,infinity,1", "TIMESTAMP", "bad_time", "infinity"),
    ("U1,I1,view,nan,1", "TIMESTAMP", "bad_time", "nan"),
    ("U1,I1,view,epoch,1", "TIMESTAMP", "bad_time", "epoch"),
    ("U1,I1,view,-5,1", "TIMESTAMP", "time_out_of_range", "-5"),
    ("U1,I1,view,1969-12-31,1", "TIMESTAMP", "time_out_of_range", "1969-12-31"),
    ("U1,I1,view,9000000000,1", "TIMESTAMP", "time_out_of_range", "9000000000"),
    ("U1,I1,view,2999-01-01,1", "TIMESTAMP", "time_out_of_range", "2999-01-01"),
    ("U1,I1,view,99999999999999999999,1", "TIMESTAMP", "time_out_of_range", "99999999999999999999"),
    ("U1,I1,view,1700000000,cheap", "EVENT_VALUE", "not_a_number", "cheap"),
    ("U1,I1,view,1700000000,inf", "EVENT_VALUE", "not_a_number", "inf"),
    ("U1,I1,view,1700000000,nan", "EVENT_VALUE", "not_a_number", "nan"),
    ("U1,I1,view", "", "wrong_number_of_columns", "U1,I1,view"),
    ("U1,I1,view,1700000000,1,more", "", "wrong_number_of_columns", "U1,I1,view,1700000000,1,more"),
    ('"U1,I1,view,1700000000,1', "", "unclosed_quote", '"U1,I1,view,1700000000,1'),
]


def test_bad_rows_are_kept_and_the_others_go_in(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    rows = "".join(row + "\n" for row, *_ in BAD_ROWS)
    path.write_text(HEAD + GOOD + rows + "U2,I2,view,1700000001,\n", newline="")
    _, report = run(tmp_path, path)
    expected = [(line, *fault) for line, (_, *fault) in enumerate(BAD_ROWS, 3)]
    assert rejects(report) == expected
    table = report.tables["events"]
    assert (table.rows, table.accepted) == (len(BAD_ROWS) + 2, 2)
    assert sum(reason.rows for reason in table.reasons) == table.rejected == len(BAD_ROWS)


BAD_LINES = [
    (b"{not json", "", "bad_json", "{not json"),
    (b'{"user_id": "U1"', "", "bad_json", '{"user_id": "U1"'),
    (b"[1, 2]", "", "not_an_object", "[1, 2]"),
    (b"17", "", "not_an_object", "17"),
    (b'{"item_id": "I1", "timestamp": 1700000000}', "user_id", "empty_id", ""),
    (b'{"user_id": null, "item_id": "I1", "timestamp": 1700000000}', "user_id", "empty_id", ""),
    (
        b'{"user_id": ["U1"], "item_id": "I1", "timestamp": 1700000000}',
        "user_id",
        "not_a_string",
        '{"user_id": ["U1"], "item_id": "I1", "timestamp": 1700000000}',
    ),
    (
        b'{"user_id": "U\\u0000", "item_id": "I1", "timestamp": 17}',
        "user_id",
        "id_unprintable",
        "U\0",
    ),
    (b'{"user_id": "U1", "item_id": "I1", "timestamp": true}', "timestamp", "bad_time", "true"),
    (b'{"user_id": "\xff"}', "", "bad_encoding", '{"user_id": "\ufffd"}'),
]  # fmt: skip


def test_bad_json_lines_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    good = b'{"user_id": "U1", "item_id": "I1", "timestamp": 1700000000}\n'
    rows = b"".join(line + b"\n" for line, *_ in BAD_LINES)
    path.write_bytes(good + b"\n" + rows + good.replace(b"U1", b"U2"))
    _, report = run(tmp_path, path)
    expected = [(line, *fault) for line, (_, *fault) in enumerate(BAD_LINES, 3)]
    assert rejects(report) == expected
    assert report.tables["events"].accepted == 2


BAD_ITEMS = [
    ("I1,free,true,2025-01-01", "price", "not_a_number", "free"),
    ("I1,inf,true,2025-01-01", "price", "not_a_number", "inf"),
    ("I1,1.5,maybe,2025-01-01", "available", "not_a_boolean", "maybe"),
    ("I1,1.5,true,soon", "created", "bad_time", "soon"),
    (",1.5,true,2025-01-01", "item_id", "empty_id", ""),
]


def test_bad_items_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    rows = "".join(row + "\n" for row, *_ in BAD_ITEMS)
    path.write_text(f"item_id,price,available,created\n{rows}I2,2,0,1700000000\n")
    lake, report = run(tmp_path, path, "items")
    expected = [(line, *fault) for line, (_, *fault) in enumerate(BAD_ITEMS, 2)]
    assert rejects(report) == expected
    assert [(i.item_id, i.attributes) for i in lake.items()] == [
        ("I2", {"price": 2.0, "available": False, "created": 1_700_000_000_000_000})
    ]


PARQUET = pa.table({"user_id": ["U1"], "item_id": ["I1"], "timestamp": [1_700_000_000]})


def parquet_bytes(tmp_path: Path) -> bytes:
    parquet.write_table(PARQUET, tmp_path / "whole.pq")
    return (tmp_path / "whole.pq").read_bytes()


# name, content → code and the field that is named ("FILE": the path)
BAD_FILES = [
    ("a.csv", b"", "empty_file", "FILE"),
    ("a.csv", b"\xef\xbb\xbf\r\n \n", "empty_file", "FILE"),
    ("a.csv", "USER_ID,ITEM_ID,TIMESTAMP\n".encode("utf-16"), "wrong_encoding", "FILE"),
    ("a.csv", b"USER_ID,ITEM_ID,TIMESTAMP,user_id\n", "duplicate_column", "user_id"),
    ("a.csv", b"USER_ID,ITEM_ID,,TIMESTAMP\n", "bad_header", "FILE"),
    ("a.csv", b"ITEM_ID,TIMESTAMP\nI1,17\n", "unmapped_column", "user_id"),
    ("a.csv", b"USER_ID,ITEM_ID\nU1,I1\n", "unmapped_column", "ts"),
    ("a.csv", b"USER_ID,ITEM_ID,time,date\nU1,I1,1,1\n", "ambiguous_column", "ts"),
    (
        "a.csv.gz",
        gzip.compress(HEAD.encode() + GOOD.encode() * 9, mtime=0)[:-9],
        "damaged_file",
        "FILE",
    ),
    ("a.csv.gz", b"\x1f\x8bgarbage garbage", "damaged_file", "FILE"),
    ("a.parquet", b"PAR1 garbage PAR1", "damaged_file", "FILE"),
    ("a.parquet", b"not at all", "damaged_file", "FILE"),
    ("a.json", b'[{"user_id": "U1"}, {"user_id"', "damaged_file", "FILE"),
    ("a.json", b'[{"user_id": "U1"} {"user_id": "U2"}]', "damaged_file", "FILE"),
    ("a.json", b"[]", "no_objects", "FILE"),
    ("a.jsonl", b"nothing\nhere\n", "no_objects", "FILE"),
]


@pytest.mark.parametrize(("name", "content", "code", "field"), BAD_FILES)
def test_a_bad_file_is_refused(
    tmp_path: Path, name: str, content: bytes, code: str, field: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        run(tmp_path, path)
    assert caught.value.code == code
    assert caught.value.field == (str(path) if field == "FILE" else field)
    assert Lake(tmp_path / "lake", 256, 1).manifest().version == 0
    assert not [*(tmp_path / "lake" / "staging").glob("*")]


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet_bytes(tmp_path)[:-10])
    with pytest.raises(InvalidInput) as caught:
        run(tmp_path, path)
    assert (caught.value.code, caught.value.field) == ("damaged_file", str(path))


WRONG_CALLS = [
    ({"path": "missing.csv"}, NotFound, "no_such_file"),
    ({"path": "missing-*.csv"}, NotFound, "no_such_file"),
    ({"path": "folder"}, InvalidInput, "empty_folder"),
    ({"path": "/dev/null"}, InvalidInput, "not_a_file"),
    ({"keep": ("Quantity >",)}, InvalidInput, "bad_keep"),
    ({"keep": ("missing_column > 1",)}, InvalidInput, "bad_keep"),
    ({"keep": ("1); DROP TABLE x; --",)}, InvalidInput, "bad_keep"),
    ({"encoding": "klingon"}, InvalidInput, "unknown_encoding"),
    ({"delimiter": ";;"}, InvalidInput, "bad_delimiter"),
    ({"pairs": ("user_id",)}, InvalidInput, "bad_mapping"),
    ({"pairs": ("user_id=nobody",)}, InvalidInput, "unmapped_column"),
]


@pytest.mark.parametrize(("options", "kind", "code"), WRONG_CALLS)
def test_a_wrong_call_is_refused(
    tmp_path: Path, options: dict, kind: type[EndcapError], code: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.csv").write_text(HEAD + GOOD)
    options = dict(options)
    path = tmp_path / options.pop("path", "a.csv")
    with pytest.raises(kind) as caught:
        run(tmp_path, path, **options)
    assert caught.value.code == code


def test_strict_stops_at_the_first_bad_row_and_publishes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + GOOD + "U1,,view,1700000000,1\n,,view,1,1\n")
    with pytest.raises(InvalidInput) as caught:
        run(tmp_path, path, strict=True)
    error = caught.value
    assert (error.code, error.field, error.value) == ("rejected_row", "ITEM_ID", "")
    assert (error.facts["line"], error.facts["reason"]) == (3, "empty_id")
    assert Lake(tmp_path / "lake", 256, 1).manifest().version == 0


def test_two_processes_do_not_import_the_same_files_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + GOOD)
    lake = Lake(tmp_path / "lake", 256, 1)
    sources, options = [Source("events", str(path))], ImportOptions(AT)

    def again(_: object) -> None:
        with pytest.raises(Conflict) as caught:
            import_files(lake, sources, {}, options, lambda _: None)
        assert caught.value.code == "import_running"

    import_files(lake, sources, {}, options, again)


def test_lines_are_counted_over_quoted_line_ends_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    quoted = '"U\n1",I1,view,1700000000,1\n'  # a line end in an id: lines 2 and 3
    path.write_text(HEAD + quoted + "\n" + GOOD + "U1,I1,view,never,1\n")
    _, report = run(tmp_path, path)
    assert [(line, code) for line, _, code, _ in rejects(report)] == [
        (2, "id_unprintable"),
        (6, "bad_time"),
    ]


def test_a_line_of_ten_megabytes_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        HEAD + GOOD + "U1," + "x" * 10_000_000 + ",view,17,1\n" + GOOD.replace("U1", "U2")
    )
    _, report = run(tmp_path, path)
    assert [(line, column, code) for line, column, code, _ in rejects(report)] == [
        (3, "ITEM_ID", "id_too_long")
    ]
    assert report.tables["events"].accepted == 2


def test_a_line_too_long_to_hold_is_skipped(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("endcap.data.blocks.BLOCK_BYTES", 4096)
    path = tmp_path / "a.csv"
    path.write_text(HEAD + GOOD + "x" * 20_000 + "\n" + GOOD.replace("U1", "U2") + "\n\n,,,,\n")
    _, report = run(tmp_path, path)
    found = [(line, code) for line, _, code, _ in rejects(report)]
    assert found == [(3, "line_too_long"), (7, "empty_id")]
    assert report.tables["events"].accepted == 2
