"""Records that cannot be understood or stored: set aside with a reason, in nobody's way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from endcap.adapters.dead_letters import DeadLetterFiles
from endcap.app.compaction import settle
from endcap.app.health import Finding, dead_letters, log
from endcap.app.intake import commit
from endcap.domain.records import EventsPosted, UsersPut, encode
from endcap.domain.values import Event, User
from endcap.ports import DeadLetter

FAR = 10**18  # µs: a time that no date can say


def put(shop: Any, payload: bytes) -> None:
    shop.log.append(lambda tail: [*tail][:0] or [payload], shop.log.end())


def rows(shop: Any) -> list[tuple[str, str]]:
    with shop.lake.connect() as sql:
        found: list[tuple[str, str]] = sql.execute("SELECT user_id, item_id FROM events").fetchall()
    return sorted(found)


def letters(shop: Any) -> list[DeadLetter]:
    return list(shop.dead.read())


def test_a_record_of_a_later_version_stops_nobody(empty_board: Any) -> None:
    board = empty_board
    board.post(("u", "before", "view"))
    later = msgspec.msgpack.encode(["z", board.at, b"", b"", "what will be"])
    put(board.shop, later)
    board.post(("u", "after", "view"))
    assert board.shop.now.state.records_skipped == 1
    assert len(board.shop.now.state.history("u").items) == 2
    board.reopen()  # a restart reads it again
    assert len(board.shop.now.state.history("u").items) == 2
    with pytest.raises(Finding, match="1 of 3 records"):
        log(board.shop.log)

    assert settle(board.shop, board.at).snapshot
    assert rows(board.shop) == [("u", "after"), ("u", "before")]
    (letter,) = letters(board.shop)
    assert (letter.payload, letter.reason) == (later, "not a record of this version of Endcap")
    with pytest.raises(Finding, match="1 records were set aside"):
        dead_letters(board.shop.dead)


def test_an_event_without_a_possible_time_leaves_its_batch_alone(empty_board: Any) -> None:
    board = empty_board
    events = tuple(Event("u", f"i{n}", "view", FAR if n == 1 else 5, f"e{n}") for n in range(3))
    told, _ = commit(board.shop, [EventsPosted(FAR, events=events)])
    assert told[0].stored == 3  # it was acknowledged, so it is accounted for below
    state = board.shop.now.state
    assert state.items.ids(state.history("u").items) == ["i0", "i2"]
    assert settle(board.shop, board.at).snapshot
    assert rows(board.shop) == [("u", "i0"), ("u", "i2")]
    (letter,) = letters(board.shop)
    assert b"i1" in letter.payload
    assert b"i0" not in letter.payload
    assert letter.users == ("u",)


def test_what_the_lake_refuses_is_found_by_halving(empty_board: Any, monkeypatch: Any) -> None:
    board = empty_board
    for n in range(7):
        board.post((f"u{n}", "bad" if n == 4 else "good", "view"))
    append = board.shop.lake.append

    def picky(events: Any, *rest: Any) -> Any:
        if any(event.item_id == "bad" for event in events):
            raise duckdb.ConversionException("cannot say that")
        return append(events, *rest)

    monkeypatch.setattr(board.shop.lake, "append", picky)
    settle(board.shop, board.at)
    assert [user for user, _ in rows(board.shop)] == ["u0", "u1", "u2", "u3", "u5", "u6"]
    (letter,) = letters(board.shop)
    assert letter.users == ("u4",)
    assert letter.reason == "ConversionException: cannot say that"
    assert board.shop.lake.manifest().log_offset == board.shop.now.state.base.log_offset


def test_a_full_disk_is_no_fault_of_a_record(empty_board: Any, monkeypatch: Any) -> None:
    board = empty_board
    board.post(("u", "x", "view"))

    def full(*_: Any) -> None:
        raise duckdb.IOException("no space left")

    monkeypatch.setattr(board.shop.lake, "append", full)
    with pytest.raises(duckdb.IOException):
        settle(board.shop, board.at)
    assert letters(board.shop) == []
    monkeypatch.undo()
    settle(board.shop, board.at)
    assert rows(board.shop) == [("u", "x")]


def test_an_erasure_takes_dead_letters_along(empty_board: Any) -> None:
    board = empty_board
    for user in ("u", "v"):
        put(board.shop, encode(EventsPosted(FAR, events=(Event(user, "x", "view", FAR, user),))))
    put(board.shop, msgspec.msgpack.encode(["z", board.at, b"", b"", "about u"]))
    put(board.shop, encode(UsersPut(board.at, users=(User("v", {"name": "V"}),))))
    board.shop.refresh()
    settle(board.shop, board.at)
    assert len(letters(board.shop)) == 3
    board.erase("u")
    settle(board.shop, board.at)
    assert [letter.users for letter in letters(board.shop)] == [("v",)]


def letter(n: int, day: int = 0, payload: bytes = b"x" * 100) -> DeadLetter:
    return DeadLetter(day * 86_400_000_000, n, "a reason", payload, (f"user-{n}",))


def test_a_letter_is_kept_once(tmp_path: Path) -> None:
    files = DeadLetterFiles(tmp_path / "dead")
    assert list(files.read()) == []
    for n in (1, 2, 1):
        files.add(letter(n))
    assert [found.offset for found in files.read()] == [1, 2]
    assert [p.name for p in (tmp_path / "dead").iterdir()] == ["1970-01-01.jsonl"]


def test_the_oldest_letters_make_room(tmp_path: Path) -> None:
    files = DeadLetterFiles(tmp_path, most_bytes=2000)
    for n in range(40):
        files.add(letter(n, day=n // 8))
    kept = [found.offset for found in files.read()]
    assert kept == list(range(40 - len(kept), 40))
    assert 4 <= len(kept) <= 12
    for n in range(40, 80):  # all on one day
        files.add(letter(n, day=9))
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 2000
    assert max(found.offset for found in files.read()) == 79


def test_a_torn_line_is_left_out_and_goes_with_an_erasure(tmp_path: Path) -> None:
    files = DeadLetterFiles(tmp_path)
    files.add(letter(1))
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(b'{"at":1,"off\x90')
    assert [found.offset for found in files.read()] == [1]
    assert files.erase("somebody else") == 1
    assert files.erase("user-1") == 1
    assert list(tmp_path.iterdir()) == []
