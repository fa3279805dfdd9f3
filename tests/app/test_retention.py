"""Events that are too old leave the lake, files and all, and what is made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from endcap.app import compaction
from endcap.app.compaction import keeper_round, needs_building, settle
from endcap.app.training import train
from endcap.domain.times import DAY_US, iso


def dates(board: Any) -> set[str]:
    """Of the event files on the disk, whoever names them."""
    files = Path(board.shop.lake.root, "events").rglob("*.parquet")
    return {path.parent.name.removeprefix("date=") for path in files}


def users(board: Any) -> set[str]:
    with board.shop.lake.connect() as sql:
        return {row[0] for row in sql.sql("SELECT DISTINCT user_id FROM events").fetchall()}


def history(board: Any, user: str) -> int:
    return len(board.shop.now.state.history(user).items)


@pytest.fixture
def aged(board: Any) -> Any:
    """A shop that keeps events for five days, ten days after all but the last of its events."""
    settle(board.shop, board.at)
    shop = type(board)(board.home, ENDCAP_RETENTION_DAYS="5")
    shop.at += 10 * DAY_US
    shop.post(("new", "black-1", "view"), ("new", "black-2", "purchase"))
    return shop


def test_old_dates_go_with_their_files_and_histories(aged: Any) -> None:
    assert history(aged, "s0") > 0
    assert len(dates(aged)) == 1
    done = keeper_round(aged.shop, aged.at)  # although the tail is short
    assert done.snapshot != ""
    assert done.compacted_bytes > 0
    assert dates(aged) == {iso(aged.at)[:10]}
    assert users(aged) == {"new"}
    for _ in range(2):
        assert history(aged, "s0") == 0
        assert history(aged, "new") == 2
        assert aged.ids(user_id="s0", k=5)  # popular ones
        aged.reopen()
    assert len({item.item_id for item in aged.shop.lake.items()}) == 24
    train(aged.shop, aged.at, progress=lambda *_: None, budget_s=0.1)


def test_once_a_day_is_enough(aged: Any) -> None:
    keeper_round(aged.shop, aged.at)
    standing, end = compaction.pointer(aged.shop), aged.shop.log.end()
    assert keeper_round(aged.shop, aged.at + 1).snapshot == ""
    assert (compaction.pointer(aged.shop), aged.shop.log.end()) == (standing, end)
    assert keeper_round(aged.shop, aged.at + DAY_US).snapshot == ""  # looked: nothing so old
    assert compaction.pointer(aged.shop) == standing
    assert keeper_round(aged.shop, aged.at + 7 * DAY_US).snapshot != ""
    assert (users(aged), dates(aged), history(aged, "new")) == (set(), set(), 0)


def test_the_last_kept_date_stays_whole(aged: Any) -> None:
    """Five days back from any moment of a date ends on one date, all of which is kept."""
    day = aged.at // DAY_US * DAY_US
    keeper_round(aged.shop, aged.at)
    for later, kept in ((5 * DAY_US, {"new"}), (6 * DAY_US - 1, {"new"}), (6 * DAY_US, set())):
        aged.shop.documents.delete("pointer", "retention")
        settle(aged.shop, day + later)
        assert users(aged) == kept


def test_without_the_setting_nothing_ever_goes(board: Any) -> None:
    settle(board.shop, board.at)
    before = users(board)
    assert keeper_round(board.shop, board.at + 3650 * DAY_US).snapshot == ""
    assert users(board) == before
    assert len(before) == 60


def test_a_keeper_killed_before_the_snapshot_is_made_good(
    aged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "publish_built", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            keeper_round(aged.shop, aged.at)
    aged.reopen()
    assert needs_building(aged.shop)
    assert keeper_round(aged.shop, aged.at).snapshot != ""
    assert (history(aged, "s0"), history(aged, "new")) == (0, 2)
