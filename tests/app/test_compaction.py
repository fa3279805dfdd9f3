"""The keeper's rounds: what they move, when, and what is left when they are killed."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from endcap.app.compaction import (
    keeper_round,
    needs_building,
    pointer,
    settle,
    stands_on_pointer,
)
from endcap.app.importing import import_into
from endcap.app.intake import write
from endcap.app.reloading import SNAPSHOTS
from endcap.app.versions import promote
from endcap.control import campaigns
from endcap.data.importer import ImportOptions
from endcap.data.sources import Source
from endcap.domain.errors import Damaged
from endcap.domain.records import EventsPosted, Pointed, UsersPut, decode
from endcap.domain.values import Event, User

SMALL = {
    "ENDCAP_SEGMENT_MB": "1",
    "ENDCAP_LOG_RETENTION_HOURS": "0",
    "ENDCAP_KEEP_SNAPSHOTS": "2",
}


def live_through(board: Any) -> None:
    """A bit of everything that a log may hold."""
    board.post(("u", "black-1", "view"), ("v", "white-1", "purchase"))
    board.put("fresh", department="black", name="fresh thing")
    board.erase("u")
    board.post(("u", "white-2", "view"), ("s1", "strange", "view"))
    board.put("fresh", name=None, price=3)
    write(board.shop, UsersPut(board.at, users=(User("v", {"city": "Ulm"}),)))
    board.erase("s2")


def write_files(folder: Path) -> list[Source]:
    folder.mkdir(exist_ok=True)
    rows = [f"old{n % 7},black-{n % 12},view,{1_700_000_000 + n}" for n in range(60)]
    text = "USER_ID,ITEM_ID,EVENT_TYPE,TIMESTAMP\n" + "\n".join(rows) + "\n"
    (folder / "events.csv").write_text(text)
    return [Source("events", str(folder / "events.csv"))]


def bring_in(board: Any, folder: Path) -> None:
    import_into(board.shop, write_files(folder), {}, ImportOptions(board.at), lambda _: None)


def test_a_short_tail_stays_in_the_log(board: Any) -> None:
    board.post(("u", "black-1", "view"))
    standing = pointer(board.shop)
    assert keeper_round(board.shop, board.at).snapshot == ""
    assert pointer(board.shop) == standing
    assert board.shop.telemetry.gauges["log_tail_bytes", ()] > 0


def test_a_long_tail_becomes_a_snapshot(checkerboard_home: Path, board: Any) -> None:
    shop = type(board)(board.home, ENDCAP_SNAPSHOT_TAIL_MB="1").shop
    for n in range(3):
        extra = {"note": "x" * 200_000}
        one = Event("u", "black-1", "view", board.at, f"long {n}", attributes=extra)
        write(shop, EventsPosted(board.at, events=(one,)))
        assert keeper_round(shop, board.at).snapshot == ""
    big = Event("u", "black-2", "view", board.at, "last", attributes={"note": "x" * 600_000})
    write(shop, EventsPosted(board.at, events=(big,)))
    done = keeper_round(shop, board.at)
    assert done.snapshot == pointer(shop).name != ""
    assert done.compacted_bytes > 2**20
    assert keeper_round(shop, board.at).snapshot == ""


def test_settling_moves_everything_and_then_nothing(board: Any, accounts: Any) -> None:
    live_through(board)
    before = accounts(board)
    first = settle(board.shop, board.at)
    assert first.snapshot
    after = accounts(board)
    assert after["histories"] == before["histories"]
    assert after["catalogue"] == before["catalogue"]
    assert len(after["lake"]) == sum(map(len, after["histories"].values()))
    assert after["items"] == after["catalogue"]
    size = board.shop.log.end()
    assert settle(board.shop, board.at).snapshot == ""
    assert board.shop.log.end() == size


@pytest.mark.server
@pytest.mark.parametrize("after", [False, True])
def test_settling_killed_at_any_step_is_made_good(
    board: Any, accounts: Any, fate: Any, killed: Any, after: bool, monkeypatch: Any
) -> None:
    live_through(board)
    wanted = accounts(board)["histories"]
    steps = 0
    while True:
        steps += 1
        board.reopen()
        board.post(("s3", "black-2", "view"))
        wanted["s3"] = accounts(board)["histories"]["s3"]
        with monkeypatch.context() as patch:
            doom = fate(board.shop, patch, steps, after)
            try:
                settle(board.shop, board.at)
            except killed:
                assert accounts(board)["histories"] == wanted
                continue
            break
    assert doom.steps < steps
    assert steps > 8
    board.reopen()
    settle(board.shop, board.at)
    found = accounts(board)
    assert found["histories"] == wanted
    assert len(found["lake"]) == len(set(found["lake"])) == sum(map(len, wanted.values()))


@pytest.mark.server
@pytest.mark.parametrize("after", [False, True])
def test_an_import_killed_at_any_step_is_made_good_by_the_keeper(
    board: Any, tmp_path: Path, accounts: Any, fate: Any, killed: Any, after: bool, monkeypatch: Any
) -> None:
    board.post(("u", "black-1", "view"))
    calm = type(board)(tmp_path / "calm")
    bring_in(calm, tmp_path / "files")
    wanted = accounts(calm)["histories"] | accounts(board)["histories"]
    steps = 0
    while True:
        steps += 1
        board.reopen()
        with monkeypatch.context() as patch:
            doom = fate(board.shop, patch, steps, after)
            try:
                bring_in(board, tmp_path / "files")
            except killed:
                board.reopen()
                keeper_round(board.shop, board.at)
                assert not needs_building(board.shop)
                found = accounts(board)
                known = {user: found["histories"].get(user) for user in wanted}
                missing = {user for user in wanted if known[user] != wanted[user]}
                assert missing <= {f"old{n}" for n in range(7)}
                if found["lake"] and ("old1" in {row[0] for row in found["lake"]}):
                    assert missing == set()  # what the lake has, the answers know
                continue
            break
    assert doom.steps < steps
    board.reopen()
    assert accounts(board)["histories"] == wanted
    found = accounts(board)
    assert len(found["lake"]) == len(set(found["lake"])) == sum(map(len, wanted.values()))


def test_a_keeper_that_waited_for_an_import_does_not_lose_it(
    board: Any, tmp_path: Path, accounts: Any, monkeypatch: Any
) -> None:
    keeper = board.open()
    board.post(("u", "black-1", "view"))
    keeper.refresh()
    whole = keeper.maintenance

    @contextmanager
    def waits() -> Any:
        """Before the keeper gets the lock, an import has been and gone, and events came."""
        monkeypatch.setattr(keeper, "maintenance", whole)
        bring_in(board, tmp_path / "files")
        board.post(("u", "black-2", "view"))
        with whole():
            yield

    monkeypatch.setattr(keeper, "maintenance", waits)
    assert settle(keeper, board.at).snapshot
    found = accounts(board)["histories"]
    assert {f"old{n}" for n in range(7)} <= set(found)
    assert len(found["u"]) == 2


def test_a_damaged_snapshot_falls_back_and_is_built_anew(
    board: Any, accounts: Any, damage: Any
) -> None:
    live_through(board)
    settle(board.shop, board.at)
    board.post(("w", "black-4", "view"))
    settle(board.shop, board.at)
    board.post(("w", "black-5", "view"))
    wanted = accounts(board)
    newest = pointer(board.shop).name
    damage(board, SNAPSHOTS, newest)
    with pytest.raises(Damaged):
        board.shop.artifacts.open(SNAPSHOTS, newest)
    board.reopen()
    assert board.shop.telemetry.counters["load_failures_total", (("code", "artifact_damaged"),)]
    assert not stands_on_pointer(board.shop)
    assert accounts(board) == wanted
    assert keeper_round(board.shop, board.at).snapshot != ""
    assert stands_on_pointer(board.open())
    assert accounts(board)["histories"] == wanted["histories"]
    assert keeper_round(board.shop, board.at).snapshot == ""


def test_a_damaged_only_snapshot_with_an_import_in_it(
    empty_board: Any, tmp_path: Path, accounts: Any, damage: Any
) -> None:
    board = empty_board
    keyed = board.record(("u", "black-1", "view"), key=b"key", body=b"body")
    write(board.shop, keyed)
    bring_in(board, tmp_path / "files")
    for name in board.shop.artifacts.names(SNAPSHOTS):
        if name != pointer(board.shop).name:
            board.shop.artifacts.delete(SNAPSHOTS, name)
    wanted = accounts(board)["histories"]
    damage(board, SNAPSHOTS, pointer(board.shop).name)
    board.reopen()
    assert set(accounts(board)["histories"]) == {"u"}  # what the log alone can tell
    keeper_round(board.shop, board.at)
    assert accounts(board)["histories"] == wanted
    assert board.open().now.state.body_of(b"key") == b"body"
    assert write(board.open(), keyed).stored == 0


def test_trimming_keeps_what_the_kept_snapshots_need(
    board: Any, accounts: Any, damage: Any
) -> None:
    small = type(board)(board.home, **SMALL)
    for n in range(6):
        big = {"note": "x" * 700_000}
        one = Event("u", f"black-{n}", "view", board.at + n, f"big {n}", attributes=big)
        write(small.shop, EventsPosted(board.at + n, events=(one,)))
        settle(small.shop, board.at + n)
        names = small.shop.artifacts.names(SNAPSHOTS)
        assert len(names) <= 2
        assert small.shop.log.trim(0) <= int(names[0].split("-")[0])
    assert small.shop.log.trim(0) > 0
    wanted = accounts(small)
    damage(small, SNAPSHOTS, pointer(small.shop).name)
    assert accounts(small) == wanted


def test_a_process_that_fell_behind_a_trim_goes_on(board: Any) -> None:
    late = type(board)(board.home, **SMALL)
    busy = type(board)(board.home, **SMALL)
    offset = late.shop.now.state.offset
    for n in range(5):
        big = {"note": "x" * 1_100_000}
        one = Event("u", f"black-{n}", "view", board.at + n, f"big {n}", attributes=big)
        write(busy.shop, EventsPosted(board.at + n, events=(one,)))
        settle(busy.shop, board.at + n)
    assert busy.shop.log.trim(0) > offset == late.shop.now.state.offset
    busy.at = late.at = board.at + 10
    assert late.ids(user_id="u", k=9) == busy.ids(user_id="u", k=9)
    assert len(late.shop.now.state.history("u").items) == 5
    assert late.post(("u", "white-1", "view")).stored == 1


def pointed(shop: Any) -> list[tuple[str, str]]:
    found = [decode(payload) for _, payload in shop.log.read(shop.log.trim(0))]
    return [(r.name, r.value) for r in found if isinstance(r, Pointed)]


def test_a_move_that_nobody_announced_is_announced_once(board: Any, second_version: Any) -> None:
    campaigns.promote(board.shop.documents, "v0001", board.at)
    version = second_version(board)
    campaigns.promote(board.shop.documents, version, board.at)  # killed before the log
    keeper_round(board.shop, board.at)
    keeper_round(board.shop, board.at)
    assert pointed(board.shop).count(("campaign", version)) == 1
    assert board.shop.now.serving.version == version


def test_a_damaged_version_is_not_tried_again_and_again(
    board: Any, second_version: Any, damage: Any
) -> None:
    version = second_version(board)
    damage(board, "models", version)
    campaigns.promote(board.shop.documents, version, board.at)
    for _ in range(5):
        keeper_round(board.shop, board.at)
    failures = board.shop.telemetry.counters["load_failures_total", (("code", "artifact_damaged"),)]
    assert failures == 1
    assert board.shop.now.serving.version == "v0001"
    assert ("campaign", version) not in pointed(board.shop)


def test_promoting_is_taken_up_by_another_process(board: Any, second_version: Any) -> None:
    worker = board.open()
    told: list[int] = []
    worker.on_pointer = lambda: told.append(1)
    promote(board.shop, second_version(board), board.at)
    assert not told
    worker.refresh()
    assert (told, worker.moved) == ([1], {"campaign"})


def test_many_erasures_are_stored_at_once_and_in_order(board: Any) -> None:
    settle(board.shop, board.at)
    before = board.shop.lake.manifest().version
    board.post(("back", "black-1", "view"), ("stays", "black-1", "view"))
    for number in range(20):
        board.erase(f"gone-{number}")
    board.erase("back")
    board.post(("back", "black-2", "view"), ("stays", "black-2", "view"))
    board.erase("gone-1")
    settle(board.shop, board.at)
    assert board.shop.lake.manifest().version == before + 2  # cut where "back" comes again
    with board.shop.lake.connect() as sql:
        found = sql.execute(
            "SELECT user_id, item_id FROM events WHERE user_id IN ('back', 'stays') ORDER BY ALL"
        ).fetchall()
    assert found == [("back", "black-2"), ("stays", "black-1"), ("stays", "black-2")]
