"""After an erasure: the keeper purges the files in time, and the counts are made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.app.compaction import keeper_round, needs_building, pointer, purge_due, settle
from endcap.app.erasure import erasure
from endcap.app.importing import import_into
from endcap.app.intake import write
from endcap.data.importer import ImportOptions
from endcap.data.sources import Source

HOUR = 3_600_000_000


def named_in_lake(board: Any, user: str) -> bool:
    """Whether any file of the lake holds the id."""
    files = [path for path in board.shop.lake.root.rglob("*") if path.is_file()]
    return any(user.encode() in path.read_bytes() for path in files)


@pytest.mark.parametrize("settled", [False, True])
def test_the_keeper_purges_when_it_is_due_and_not_before(board: Any, settled: bool) -> None:
    name = "somebody-to-forget"
    shop, at = board.shop, board.at
    board.post((name, "white-1", "view"), ("other", "white-1", "view"))
    settle(shop, at)
    assert named_in_lake(board, name)
    write(shop, erasure(name, at))
    if settled:
        settle(shop, at)
    assert keeper_round(shop, at + 24 * HOUR - 1).snapshot == ""
    assert named_in_lake(board, name)
    done = keeper_round(shop, at + 24 * HOUR)
    assert done.snapshot == pointer(shop).name != ""
    assert not named_in_lake(board, name)
    assert not needs_building(shop)
    assert not purge_due(shop, at + 48 * HOUR)
    assert keeper_round(shop, at + 48 * HOUR).snapshot == ""
    for seen in (shop, board.open()):
        assert len(seen.now.state.history(name).items) == 0
        assert len(seen.now.state.history("other").items) == 1


@pytest.mark.server
@pytest.mark.parametrize("after", [False, True])
def test_a_purge_killed_at_any_step_is_made_good(
    board: Any, accounts: Any, fate: Any, killed: Any, after: bool, monkeypatch: Any
) -> None:
    board.post(("gone", "white-1", "view"), ("other", "white-2", "view"))
    write(board.shop, erasure("gone", board.at))
    wanted, later = accounts(board)["histories"], board.at + 24 * HOUR
    steps = 0
    while True:
        steps += 1
        board.reopen()
        with monkeypatch.context() as patch:
            doom = fate(board.shop, patch, steps, after)
            try:
                keeper_round(board.shop, later)
            except killed:
                assert accounts(board)["histories"] == wanted
                continue
            break
    assert steps > doom.steps
    board.reopen()
    keeper_round(board.shop, later)
    assert not named_in_lake(board, "gone")
    assert not needs_building(board.shop)
    assert accounts(board)["histories"] == wanted


def test_after_a_purge_nothing_of_the_user_is_counted(checkerboard_home: Path, board: Any) -> None:
    """Also of events that the history no longer held: it keeps ten here."""
    small = type(board)(board.home, ENDCAP_HISTORY_EVENTS="10")
    shop, at = small.shop, small.at
    settle(shop, at)
    row = shop.now.state.items.row("white-1")
    wanted = shop.now.state.popularity(at, np.array([row], np.int32))
    small.post(*(("many", "white-1", "purchase") for _ in range(40)))
    write(shop, erasure("many", at))
    left = shop.now.state.popularity(at, np.array([row], np.int32))
    assert left > wanted * 1.5  # what the history had lost is still counted
    settle(shop, at)
    still = shop.now.state.popularity(at, np.array([row], np.int32))
    np.testing.assert_allclose(still, left, rtol=1e-5)
    keeper_round(shop, at + 24 * HOUR)
    for seen in (shop, small.open()):
        found = seen.now.state.popularity(at, np.array([row], np.int32))
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
    small.post(("few", "white-2", "view"))
    settle(shop, at)  # extends again
    assert shop.now.state.erased_at == 0


def test_an_import_begun_before_an_erasure_does_not_bring_anybody_back_after_the_purge(
    board: Any, tmp_path: Path, killed: Any, monkeypatch: Any
) -> None:
    shop, at = board.shop, board.at
    file = tmp_path / "events.csv"
    rows = [f"{user},white-1,2021-01-0{day}" for user in ("gone", "stays") for day in (1, 2)]
    file.write_text("\n".join(["user_id,item_id,ts", *rows]))
    people = tmp_path / "users.csv"
    people.write_text("user_id,city\ngone,Ulm\nstays,Bonn\n")
    sources = [Source("events", str(file)), Source("users", str(people))]

    def bring_in(stop_at: str) -> None:
        def progress(now: Any) -> None:
            if now.phase == stop_at:
                raise killed

        import_into(shop, sources, {}, ImportOptions(at=at), progress)

    with pytest.raises(killed):
        bring_in("merge")  # staged whole
    write(shop, erasure("gone", at))
    with pytest.raises(killed):
        bring_in("measure")  # published, with the erasure in the lake
    assert {user.user_id for user in shop.lake.users()} >= {"stays"}
    assert count(shop, "gone") == 0
    assert count(shop, "stays") == 3
    keeper_round(shop, at + 24 * HOUR)
    assert not named_in_lake(board, "gone")
    assert count(shop, "stays") == 3


def test_a_purge_drops_what_an_import_staged_before(
    board: Any, tmp_path: Path, killed: Any
) -> None:
    shop, at = board.shop, board.at
    file = tmp_path / "events.csv"
    file.write_text("user_id,item_id,ts\ngone,white-1,2021-01-01\nstays,white-1,2021-01-01\n")

    def stop(now: Any) -> None:
        if now.phase == "merge":
            raise killed

    with pytest.raises(killed):
        import_into(shop, [Source("events", str(file))], {}, ImportOptions(at=at), stop)
    write(shop, erasure("gone", at))
    keeper_round(shop, at + 24 * HOUR)
    assert not named_in_lake(board, "gone")


def count(shop: Any, user: str) -> int:
    """Rows of the user in events and users."""
    sql = "SELECT (SELECT count(*) FROM events WHERE user_id = $u) + count(*) FROM users u WHERE "
    with shop.lake.connect() as connection:
        found = connection.execute(sql + "u.user_id = $u", {"u": user}).fetchone()
    return int(found[0])
