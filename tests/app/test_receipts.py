"""A receipt is given at once; what takes long to look through is completed by the keeper."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.app import compaction, receipts
from endcap.app.compaction import keeper_round, settle
from endcap.app.erasure import erase_users, erasure, forget_stored
from endcap.app.intake import write
from endcap.app.receipts import LATE, PENDING, complete_receipts, receipts_of
from endcap.data.lake import Lake

USERS = ("s1", "s2", "s3")


def deleted(board: Any, *users: str) -> list[Any]:
    """As ``DELETE /v1/users/{userId}`` does."""
    made = []
    for user in users:
        board.at += 1_000_000
        write(board.shop, erasure(user, board.at))
        made.append(forget_stored(board.shop, user, board.at))
    return made


def test_a_delete_does_not_read_the_lake(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(board.shop, board.at)
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "connect", lambda *_: pytest.fail("the lake was read"))
        (receipt,) = deleted(board, "s1")
    assert receipt.pending == LATE
    assert set(receipt.until_purge).isdisjoint(LATE)


def test_the_keeper_completes_all_receipts_in_one_pass(
    board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(board.shop, board.at)
    deleted(board, *USERS)
    passes = []
    held = receipts.held_in_lake
    monkeypatch.setattr(
        receipts, "held_in_lake", lambda shop, users: passes.append(users) or held(shop, users)
    )
    assert keeper_round(board.shop, board.at).completed == 3
    assert passes == [set(USERS)]
    for user in USERS:
        (receipt,) = receipts_of(board.shop, user)
        assert receipt.pending == ()
        assert receipt.until_purge["events in the lake"] > 1
        assert receipt.forgotten["rejected rows"] == 0
    assert keeper_round(board.shop, board.at).completed == 0
    assert len(passes) == 1


def test_a_purge_that_is_quicker_closes_the_receipt(
    board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(board.shop, board.at)
    deleted(board, "s1")
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "complete_receipts", lambda _: 0)
        settle(board.shop, board.at, purge_now=True)
    (receipt,) = receipts_of(board.shop, "s1")
    assert (receipt.purged_at, receipt.pending, receipt.until_purge) == (board.at, (), {})
    assert board.shop.documents.query(PENDING) == []
    assert complete_receipts(board.shop) == 0
    assert receipts_of(board.shop, "s1") == [receipt]


def test_who_is_erased_twice_has_two_receipts_and_the_first_keeps_what_it_said(board: Any) -> None:
    settle(board.shop, board.at)
    (first,) = erase_users(board.shop, ["s1"], board.at)
    board.post(("s1", "black-2", "view"))
    board.at += 1_000_000
    (second,) = erase_users(board.shop, ["s1"], board.at)
    assert receipts_of(board.shop, "s1") == [first, second]
    assert first.receipt != second.receipt
    assert second.forgotten["events of the history"] == 1
    assert second.pending == first.pending == ()


def test_a_purge_that_is_due_comes_before_what_is_pending(
    board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (receipt,) = deleted(board, "s1")
    board.at += 48 * 3_600_000_000  # the purge is due
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "held_in_lake", lambda *_: 1 / 0)
        keeper_round(board.shop, board.at)
    (closed,) = receipts_of(board.shop, "s1")
    assert (closed.receipt, closed.purged_at, closed.pending) == (receipt.receipt, board.at, ())


def test_an_erasure_asked_for_while_a_purge_closes_receipts_stays_open(
    board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(board.shop, board.at)
    deleted(board, "s1")
    other = board.open()
    query, asked = board.shop.documents.query, list[str]()

    def just_before(kind: str, *words: Any, **more: Any) -> Any:
        if kind == receipts.OPEN_RECEIPTS and not asked:
            asked.append("s2")
            write(other, erasure("s2", board.at + 1))
            forget_stored(other, "s2", board.at + 1)
        return query(kind, *words, **more)

    def begin(*_: Any) -> int:
        monkeypatch.setattr(board.shop.documents, "query", just_before)
        return close(*_)

    close = compaction.close_receipts
    monkeypatch.setattr(compaction, "close_receipts", begin)
    settle(board.shop, board.at, purge_now=True)
    assert asked
    assert [bool(receipts_of(board.shop, u)[0].purged_at) for u in ("s1", "s2")] == [True, False]
    settle(board.shop, board.at + 2, purge_now=True)
    assert receipts_of(board.shop, "s2")[0].purged_at == board.at + 2
