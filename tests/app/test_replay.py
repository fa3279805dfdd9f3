"""The same state three ways: snapshot and tail, the whole log from its beginning, the lake."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from endcap.app.compaction import settle
from endcap.data.compact import MOST_PARTS
from endcap.engine.snapshot import Snapshot, build_snapshot
from endcap.engine.state import LiveState

pytestmark = pytest.mark.server  # no processes, but each round takes its time

HOUR_US = 3_600_000_000


def live(shop: Any, rng: random.Random, board: Any, rounds: int) -> None:
    """Rounds of a busy shop: events, upserts, erasures, each round settled like the keeper's."""
    for _ in range(rounds):
        for _ in range(rng.randint(1, 12)):
            board.at += rng.randint(1, HOUR_US)
            user, item = f"u{rng.randint(0, 9)}", f"i{rng.randint(0, 14)}"
            draw = rng.random()
            if draw < 0.1:
                board.erase(user)
            elif draw < 0.25:
                board.put(item, price=rng.randint(1, 9), name=item)
            else:
                board.post(*((user, item, rng.choice(["view", "purchase", "wish"])),) * 2)
        settle(shop, board.at)


def seen(state: LiveState, at: int) -> dict[str, Any]:
    """What answers are made of, by ids."""
    histories = {}
    for user in filter(None, state.users):
        items, types, ts = state.history(user)
        if len(items):
            names = [state.event_types[code] for code in types]
            histories[user] = [*zip(state.items.ids(items), names, ts.tolist(), strict=True)]
    attributes = {text: state.item_attributes(row) for row, text in enumerate(state.items)}
    return {"histories": histories, "items": attributes, "newest": state.newest_ts}


def counted(state: LiveState, at: int) -> dict[str, float]:
    rows, counts = state.popular(at, 50)
    return dict(zip(state.items.ids(rows), counts.tolist(), strict=True))


@pytest.mark.parametrize("seed", [1, 2])
def test_snapshot_and_tail_whole_log_and_lake_agree(
    empty_board: Any, tmp_path: Path, seed: int
) -> None:
    board, rng = empty_board, random.Random(seed)
    shop = board.shop
    live(shop, rng, board, rounds=10)
    board.post(("u1", "i1", "view"), ("tail", "i2", "purchase"))  # a tail behind the snapshot
    board.reopen()
    mine = board.shop.now.state
    assert mine.base.log_offset > 0
    assert shop.log.trim(0) == 0  # retained: nothing was cut

    whole = LiveState(None, board.shop.limits)
    for end, payload in board.shop.log.read(0):
        whole.fold(payload, end)
    settle(board.shop, board.at)
    folder = tmp_path / "built"
    folder.mkdir()
    build_snapshot(board.shop.lake, None, folder, board.shop.limits, at=board.at)
    built = LiveState(Snapshot.open(folder), board.shop.limits)

    assert seen(mine, board.at) == seen(whole, board.at)
    assert seen(built, board.at)["histories"] == seen(mine, board.at)["histories"]
    catalogue = {k: v for k, v in seen(built, board.at)["items"].items() if v}
    assert catalogue == {k: v for k, v in seen(mine, board.at)["items"].items() if v}
    assert counted(mine, board.at) == pytest.approx(counted(whole, board.at), rel=1e-6)


def test_parts_of_a_date_stay_few(empty_board: Any) -> None:
    board = empty_board
    for n in range(MOST_PARTS + 2):
        board.post(("u", f"i{n}", "view"))
        settle(board.shop, board.at)
    manifest = board.shop.lake.manifest()
    dates = Counter(part.path.split("/")[1] for part in manifest.events)
    assert max(dates.values()) <= MOST_PARTS
    assert sum(part.rows for part in manifest.events) == MOST_PARTS + 2
