"""Files of users: the good records are written, the bad ones told, in bounded groups."""

from __future__ import annotations

import json
from typing import Any

import pytest

from endcap.app import user_records
from endcap.app.user_records import Bad, import_users, read_record, users_in
from endcap.domain.errors import InvalidInput

FILE = [
    {"userId": "u1", "name": "Ada", "tags": ["a", {"deep": 1.5}]},
    {"name": "nobody"},
    7,
    {"id": 42, "spent": 1e200},
    {"id": 43},
    {"user_id": "u1", "name": "Ada again"},
    {"user_id": "tab\there"},
    {"user_id": ["u9"]},
]


def imported(value: Any) -> tuple[user_records.Imported, dict[str, Any], list[str]]:
    table: dict[str, Any] = {}
    kept: list[str] = []
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return import_users([text], table.update, kept=kept.append), table, kept


def test_good_records_are_written_and_bad_ones_told() -> None:
    done, table, kept = imported(FILE)
    assert table == {
        "u1": {"user_id": "u1", "name": "Ada again"},
        "43": {"user_id": "43"},
    }
    assert kept == ["u1", "43"]
    assert (done.read, done.written, done.bad) == (8, 2, 5)
    assert done.told == (
        Bad(2, "user_without_id", "record"),
        Bad(3, "not_an_object", "record"),
        Bad(4, "number_out_of_range", "spent"),
        Bad(7, "bad_user_id", "user_id"),
        Bad(8, "bad_user_id", "user_id"),
    )
    assert done.codes["bad_user_id"] == 2


def test_lines_and_arrays_say_the_same() -> None:
    lines = "\n".join(json.dumps(record) for record in FILE).encode()
    assert imported(lines) == imported(FILE)
    assert list(users_in([lines])) == ["u1", "43", "u1"]


def test_large_files_go_in_groups_and_few_bad_records_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(user_records, "AT_ONCE", 10)
    sizes: list[int] = []
    refused: list[Bad] = []
    records = [{"userId": f"u{n}"} if n % 3 else {} for n in range(100)]
    done = import_users(
        [json.dumps(records).encode()],
        lambda rows: sizes.append(len(rows)),
        refused=refused.append,
    )
    assert sizes == [10] * 6 + [6]
    assert (done.written, done.bad, len(done.told)) == (66, 34, user_records.MOST_TOLD)
    assert [bad.position for bad in refused] == list(range(1, 101, 3))


@pytest.mark.parametrize("text", [b"", b"[]", b"not json\nat all", b'[{"userId": '])
def test_a_file_without_any_record_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInput) as raised:
        imported(text)
    assert raised.value.code == "no_user_records"


def test_a_file_that_breaks_off_keeps_what_came_before() -> None:
    done, table, _ = imported(b'[{"userId": "u1"}, {"userId": "u')
    assert (done.read, done.written, done.codes) == (1, 1, {"file_cut_off": 1})
    assert set(table) == {"u1"}


@pytest.mark.parametrize(
    ("record", "code"),
    [({"id": True}, "bad_user_id"), ({"id": "x" * 257}, "bad_user_id"),
     ({"id": "x", "n": 10**60 + 1}, "number_out_of_range"), ({"id": ""}, "user_without_id"),
     ({"id": "x", "n": [[[[[[[[[1]]]]]]]]]}, "nested_too_deep")],
)  # fmt: skip
def test_what_no_store_would_keep_is_refused(record: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_record(record)
    assert raised.value.code == code


def test_what_every_store_keeps_is_taken() -> None:
    record = {"id": 5, "a": 0, "b": -1.5e-100, "c": None, "d": [True, {"e": 10**37}]}
    assert read_record(record) == ("5", {**{k: v for k, v in record.items() if k != "id"},
                                         "user_id": "5"})  # fmt: skip
