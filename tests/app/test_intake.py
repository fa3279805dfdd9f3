"""Intake: group commit, repeats, refusals, and that an answer means it is on disk."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from endcap.app.intake import Intake, Outcome, commit, write
from endcap.domain.errors import InvalidInput, Mismatch, Unavailable
from endcap.domain.records import EventsPosted, ItemsPut, decode, digest
from endcap.domain.values import Event, Item
from endcap.engine.state import MOST_EVENT_TYPES


def records(shop: Any) -> list[Any]:
    return [decode(payload) for _, payload in shop.log.read(shop.log.trim(0))]


def event_ids(shop: Any) -> list[str]:
    return [e.event_id for r in records(shop) if isinstance(r, EventsPosted) for e in r.events]


def submit_all(shop: Any, *asked: Any) -> list[Any]:
    """All in one turn of a loop; outcomes or exceptions in order."""

    async def ask() -> list[Any]:
        intake = Intake(shop)
        return await asyncio.gather(*map(intake.submit, asked), return_exceptions=True)

    return asyncio.run(ask())


def test_one_turn_is_one_commit(empty_board: Any, monkeypatch: Any) -> None:
    board, shop = empty_board, empty_board.shop
    commits = []
    append = shop.log.append
    monkeypatch.setattr(shop.log, "append", lambda *a: commits.append(1) or append(*a))
    told = submit_all(shop, *(board.record((f"u{n}", "x", "view")) for n in range(20)))
    assert told == [Outcome(1, 0)] * 20
    assert len(commits) == 1
    assert [len(shop.now.state.history(f"u{n}").items) for n in range(20)] == [1] * 20


def test_the_same_event_twice_in_a_group_is_stored_once(empty_board: Any) -> None:
    one = empty_board.record(("u", "x", "view"))
    both = replace(one, events=one.events * 2)
    assert submit_all(empty_board.shop, one, one, both) == [
        Outcome(1, 0), Outcome(0, 1), Outcome(0, 2),
    ]  # fmt: skip
    assert len(event_ids(empty_board.shop)) == 1


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("body", [b"", digest("body")])
def test_a_key_with_the_same_body_is_a_repeat(
    empty_board: Any, together: bool, body: bytes
) -> None:
    board, key = empty_board, digest("key")
    first = board.record(("u", "x", "view"), key=key, body=body)
    again = replace(board.record(("u", "x", "view")), key=key, body=body)  # other event ids
    told = (
        submit_all(board.shop, first, again)
        if together
        else [*submit_all(board.shop, first), *submit_all(board.shop, again)]
    )
    assert told == [Outcome(1, 0), Outcome(0, 1)]
    assert len(records(board.shop)) == 1


@pytest.mark.parametrize("together", [True, False])
def test_a_key_with_another_body_is_refused(empty_board: Any, together: bool) -> None:
    board, key = empty_board, digest("key")
    first = board.record(("u", "x", "view"), key=key, body=digest("one"))
    other = board.record(("v", "y", "view"), key=key, body=digest("two"))
    after = board.record(("w", "z", "view"))
    told = (
        submit_all(board.shop, first, other, after)
        if together
        else [r for record in (first, other, after) for r in submit_all(board.shop, record)]
    )
    assert (told[0], told[2]) == (Outcome(1, 0), Outcome(1, 0))
    assert isinstance(told[1], Mismatch)
    assert (told[1].code, told[1].status) == ("key_reused", 422)
    assert len(board.shop.now.state.history("v").items) == 0
    assert len(event_ids(board.shop)) == 2


def test_a_record_that_cannot_be_written_fails_alone(empty_board: Any) -> None:
    board = empty_board
    poison = ItemsPut(board.at, key=digest("k"), items=(Item("x", {"stock": 2**70}),))
    good = board.record(("u", "x", "view"))
    told = submit_all(board.shop, poison, good)
    assert isinstance(told[0], OverflowError)
    assert told[1] == Outcome(1, 0)
    assert board.shop.now.state.body_of(digest("k")) is None
    mended = replace(poison, items=(Item("x", {"stock": 2}),))
    assert submit_all(board.shop, mended) == [Outcome(1, 0)]


def test_one_event_type_too_many_is_refused_and_leaves_nothing(empty_board: Any) -> None:
    board = empty_board
    board.post(*(("u", "x", f"type-{n}") for n in range(MOST_EVENT_TYPES - 3)))
    extra = board.record(("v", "x", "view"), ("v", "x", "one more"))
    told = submit_all(board.shop, extra, board.record(("w", "x", "purchase")))
    assert isinstance(told[0], InvalidInput)
    assert (told[0].code, told[0].field) == ("too_many_event_types", "event_type")
    assert told[1] == Outcome(1, 0)
    assert len(board.shop.now.state.history("v").items) == 0
    assert write(board.shop, replace(extra, events=extra.events[:1])) == Outcome(1, 0)


def test_event_types_are_counted_over_the_whole_group(empty_board: Any) -> None:
    board = empty_board
    board.post(*(("u", "x", f"type-{n}") for n in range(MOST_EVENT_TYPES - 4)))
    told = submit_all(board.shop, *(board.record(("v", "x", kind)) for kind in ("a", "b", "a")))
    assert [isinstance(t, InvalidInput) for t in told] == [False, True, False]
    assert board.shop.now.state.events_ignored == 0


def test_repeats_of_any_kind_change_nothing(board: Any) -> None:
    known = records(board.shop)
    posted = [r for r in known if isinstance(r, EventsPosted)]
    size, before = board.shop.log.end(), board.answer(user_id="s1", k=24)
    told = submit_all(board.shop, *posted, *reversed(posted))
    assert sum(outcome.repeats for outcome in told) == 2 * sum(len(r.events) for r in posted)
    assert {outcome.stored for outcome in told} == {0}
    assert board.shop.log.end() == size
    assert board.answer(user_id="s1", k=24) == before


def test_two_workers_see_each_other_and_store_a_repeat_once(empty_board: Any) -> None:
    board = empty_board
    here, there = board.shop, board.open()
    asked = [board.record((f"u{n % 3}", f"i{n % 5}", "view")) for n in range(12)]
    for n, record in enumerate(asked):
        first, second = (here, there) if n % 2 else (there, here)
        assert submit_all(first, record) == [Outcome(1, 0)]
        assert submit_all(second, record) == [Outcome(0, 1)]
    assert len(set(event_ids(here))) == len(event_ids(here)) == 12
    there.refresh()
    for user in ("u0", "u1", "u2"):
        mine, theirs = here.now.state.history(user), there.now.state.history(user)
        assert here.now.state.items.ids(mine.items) == there.now.state.items.ids(theirs.items)
    answers = [board.answer("popular", shop, k=5) for shop in (here, there)]
    assert answers[0] == answers[1]


def test_an_event_from_the_future_happens_on_arrival(empty_board: Any) -> None:
    board = empty_board
    event = Event("u", "x", "view", board.at + 10**12, "late")
    write(board.shop, EventsPosted(board.at, events=(event,)))
    assert board.shop.now.state.history("u").ts.tolist() == [board.at]


def test_a_new_product_is_dated_and_keeps_its_date(empty_board: Any) -> None:
    board = empty_board
    board.put("x", name="first")
    created = board.at
    board.put("x", name="second")
    board.put("y", name="third", created=5)
    state = board.shop.now.state
    assert state.item_attributes(state.items.row("x")) == {"created": created, "name": "second"}
    assert state.item_attributes(state.items.row("y"))["created"] == 5


def test_a_log_that_cannot_write_changes_nothing(empty_board: Any, monkeypatch: Any) -> None:
    board, shop = empty_board, empty_board.shop
    board.post(("u", "x", "view"))
    whole = shop.log.append

    def refuse(choose: Any, since: int) -> int:
        def chosen(tail: Any) -> Any:
            choose(tail)
            raise Unavailable("disk_full", retry_after_s=10, field="log")

        return int(whole(chosen, since))

    monkeypatch.setattr(shop.log, "append", refuse)
    asked = [board.record((f"u{n}", "x", "view")) for n in range(5)]
    offset = shop.now.state.offset
    told = submit_all(shop, *asked)
    assert [type(t) for t in told] == [Unavailable] * 5
    assert shop.now.state.offset == offset == shop.log.end()
    assert [len(shop.now.state.history(f"u{n}").items) for n in range(5)] == [0] * 5
    monkeypatch.setattr(shop.log, "append", whole)
    assert submit_all(shop, *asked) == [Outcome(1, 0)] * 5


FULL_DISK = """
import resource, signal, sys
from endcap.app.intake import write
from endcap.bootstrap import open_shop
from endcap.domain.errors import Unavailable
from endcap.domain.records import EventsPosted
from endcap.domain.values import Event
from endcap.settings import load_settings

shop = open_shop(load_settings({"ENDCAP_HOME": sys.argv[1]}))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
stored = 0
while True:
    events = tuple(Event("u", "x", "view", stored, f"e{stored} {n}") for n in range(20))
    try:
        write(shop, EventsPosted(10**15, events=events))
    except Unavailable as error:
        assert len(shop.now.state.history("u").items) == min(stored * 20, 500)
        print(error.code, stored)
        break
    stored += 1
"""


def test_a_real_full_disk_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(home)], capture_output=True, text=True, check=True
    )
    code, stored = done.stdout.split()
    assert code == "disk_full"
    from endcap.bootstrap import open_shop
    from endcap.settings import load_settings

    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}))
    assert len(event_ids(shop)) == int(stored) * 20 > 0
    assert write(shop, EventsPosted(10**15, events=(Event("u", "x", "view", 1, "more"),))).stored


def test_an_answer_comes_only_after_the_sync(empty_board: Any, monkeypatch: Any) -> None:
    board, shop = empty_board, empty_board.shop
    let_go, sync = threading.Event(), shop.log.sync

    def slow(offset: int) -> None:
        let_go.wait(10)
        sync(offset)

    monkeypatch.setattr(shop.log, "sync", slow)
    record = board.record(("u", "x", "view"))

    async def ask() -> tuple[bool, bool, Any]:
        intake = Intake(shop)
        first = asyncio.ensure_future(intake.submit(record))
        await asyncio.sleep(0.05)
        seen = len(shop.now.state.history("u").items) == 1  # readable before it is durable
        again = asyncio.ensure_future(intake.submit(record))
        await asyncio.sleep(0.05)
        early = first.done() or again.done()
        let_go.set()
        return seen, early, await asyncio.gather(first, again)

    assert asyncio.run(ask()) == (True, False, [Outcome(1, 0), Outcome(0, 1)])


def test_a_failed_sync_is_told_and_the_next_one_counts(empty_board: Any, monkeypatch: Any) -> None:
    board, shop = empty_board, empty_board.shop
    sync, failures = shop.log.sync, [Unavailable("log_not_written", field="log", reason="no")]

    def once(offset: int) -> None:
        if failures:
            raise failures.pop()
        sync(offset)

    monkeypatch.setattr(shop.log, "sync", once)
    record = board.record(("u", "x", "view"))

    async def ask() -> list[Any]:
        intake = Intake(shop)
        first = await asyncio.gather(intake.submit(record), return_exceptions=True)
        return [*first, await intake.submit(record)]

    told = asyncio.run(ask())
    assert isinstance(told[0], Unavailable)
    assert told[1] == Outcome(0, 1)  # it was written; now it is durable as well


def test_askers_who_leave_do_not_disturb_others(empty_board: Any) -> None:
    board = empty_board

    async def ask() -> list[Any]:
        intake = Intake(board.shop)
        tasks = [
            asyncio.ensure_future(intake.submit(board.record((f"u{n}", "x", "view"))))
            for n in range(6)
        ]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    told = asyncio.run(ask())
    assert told[1::2] == [Outcome(1, 0)] * 3
    assert all(isinstance(t, asyncio.CancelledError) for t in told[::2])


def test_a_commit_of_repeats_alone_writes_nothing(empty_board: Any) -> None:
    record = empty_board.record(("u", "x", "view"))
    write(empty_board.shop, record)
    size = empty_board.shop.log.end()
    assert commit(empty_board.shop, [record, record]) == ([Outcome(0, 1)] * 2, size)
