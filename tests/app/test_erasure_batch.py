"""Forgetting a user everywhere, and batches that respect it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from endcap.app import batch
from endcap.app.answers import answer
from endcap.app.compaction import settle
from endcap.app.erasure import erasure, forget_stored
from endcap.app.intake import write
from endcap.domain.records import UsersPut
from endcap.domain.values import Query, User


def forget(shop: Any, user: str, at: int) -> None:
    """As ``DELETE /v1/users/{userId}`` does."""
    write(shop, erasure(user, at))
    forget_stored(shop, user, at)


def in_lake(shop: Any, user: str) -> int:
    sql = "SELECT (SELECT count(*) FROM events WHERE user_id = $u), count(*) FROM users u WHERE "
    found = shop.lake.connect().execute(sql + "u.user_id = $u", {"u": user}).fetchone()
    return int(sum(found))


@pytest.mark.parametrize("settled", [False, True])
def test_nothing_of_an_erased_user_is_left(board: Any, settled: bool) -> None:
    shop = board.shop
    write(shop, UsersPut(board.at, users=(User("s1", {"city": "Ulm"}),)))
    batch.store(shop, batch.answers(shop, ["s1", "s2"], 5, board.at), board.at)
    if settled:
        settle(shop, board.at)
        assert in_lake(shop, "s1") > 5
    events = [e for r in (board.record(("s1", "white-5", "view")),) for e in r.events]
    forget(shop, "s1", board.at)
    for seen in (shop, board.open()):
        assert len(seen.now.state.history("s1").items) == 0
        assert seen.now.state.user_attributes("s1") == {}
        assert batch.stored(seen, "s1") is None
        assert batch.stored(seen, "s2") is not None
        assert board.answer(shop=seen, user_id="s1").strategy == "popular"
    settle(shop, board.at)
    assert in_lake(shop, "s1") == 0
    assert in_lake(shop, "s2") > 0
    assert len(events) == 1


def test_later_events_of_the_same_id_start_anew(board: Any) -> None:
    before = board.shop.now.state.history("s1")
    forget(board.shop, "s1", board.at)
    board.post(("s1", "black-2", "view"))
    settle(board.shop, board.at)
    for shop in (board.shop, board.open()):
        rows = shop.now.state.history("s1").items
        assert shop.now.state.items.ids(rows) == ["black-2"]
    assert len(before.items) > 1
    assert in_lake(board.shop, "s1") == 1


def test_a_late_retry_does_not_bring_an_event_back(board: Any) -> None:
    record = board.record(("s1", "black-2", "purchase"))
    write(board.shop, record)
    forget(board.shop, "s1", board.at)
    assert write(board.shop, record).stored == 0
    assert len(board.shop.now.state.history("s1").items) == 0


def test_a_batch_answers_as_a_request_does(board: Any) -> None:
    told = dict(batch.answers(board.shop, None, 4, board.at))
    assert sorted(told) == sorted(f"s{n}" for n in range(60))
    query = Query("personal", board.at, k=4, user_id="s7")
    assert told["s7"] == replace(answer(board.shop, query), answer_id="")
    assert batch.row("s7", told["s7"])["items"][0]["id"] == told["s7"].items[0].id


def test_a_batch_sees_what_others_wrote_and_skips_the_erased(board: Any) -> None:
    other = type(board)(board.home)
    other.post(("fresh", "white-1", "view"))
    other.erase("s3")
    users = [user for user, _ in batch.answers(board.shop, None, 3, board.at)]
    assert "fresh" in users
    assert "s3" not in users
    assert "" not in users


def test_stored_answers_are_kept_in_portions(board: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(batch, "STORE_AT_ONCE", 7)
    assert batch.store(board.shop, batch.answers(board.shop, None, 3, board.at), board.at) == 60
    kept = batch.stored(board.shop, "s59")
    assert kept is not None
    assert kept["recommendations"] == board.ids(user_id="s59", k=3)
    assert (kept["model_version"], kept["stored_at"]) == ("v0001", board.at)
    assert batch.stored(board.shop, "nobody") is None


def test_who_is_erased_while_a_batch_runs_is_not_stored(board: Any, monkeypatch: Any) -> None:
    other, put_many = board.open(), board.shop.documents.put_many

    def late(kind: str, bodies: Any) -> None:
        forget(other, "s4", board.at)  # between the answer and its writing
        put_many(kind, bodies)

    monkeypatch.setattr(board.shop.documents, "put_many", late)
    rows = batch.answers(board.shop, ["s4", "s5", "unknown"], 3, board.at)
    assert batch.store(board.shop, rows, board.at) == 2
    assert batch.stored(board.shop, "s4") is None
    assert batch.stored(board.shop, "unknown") is not None
