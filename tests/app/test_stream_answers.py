"""Batches of stream records to records with recommendations: the pure function alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.adapters.vector_folder import FolderVectors
from endcap.app.stream_answers import (
    DROPPED,
    FAILED,
    OK,
    Incoming,
    Outgoing,
    Terms,
    infer,
    within,
)
from endcap.domain.errors import Unavailable
from endcap.engine.guarding import Deadline

ARRIVED = 1_760_000_000_000_000  # 2025-10-09T08:53:20Z


def record(number: int = 0, arrived_at: int = ARRIVED, **members: Any) -> Incoming:
    return Incoming(f"r{number}", msgspec.json.encode(members), arrived_at)


def viewed(user_id: str, item_id: str, number: int = 0) -> Incoming:
    return record(number, userId=user_id, itemId=item_id, event_type="view")


def line(outgoing: Outgoing) -> dict[str, Any]:
    assert outgoing.result == OK, outgoing
    assert outgoing.data.endswith(b"\n")
    assert outgoing.data.count(b"\n") == 1
    found: dict[str, Any] = json.loads(outgoing.data)
    return found


def colours(outgoing: Outgoing, first: int = 5) -> set[str]:
    return {item["id"].split("-")[0] for item in line(outgoing)["items"][:first]}


def one(board: Any, incoming: Incoming, **terms: Any) -> Outgoing:
    (found,) = infer(board.shop.now, [incoming], Terms(board.at, **terms))
    return found


def test_known_shoppers_get_their_taste_and_the_line_says_how(board: Any) -> None:
    found = infer(
        board.shop.now, [record(n, userId=f"s{n}") for n in range(4)], Terms(board.at, k=5)
    )
    assert [colours(o) for o in found] == [{"black"}, {"white"}, {"black"}, {"white"}]
    told = line(found[1])
    assert told["userId"] == "s1"
    assert told["recordId"] == "r1"
    assert (told["strategy"], told["modelVersion"]) == ("personal", "v0001")
    assert set(told) == {
        "userId", "items", "strategy", "modelVersion", "at", "recordId"
    }  # fmt: skip
    assert set(told["items"][0]) == {"id", "score"}
    assert found[1].partition == (("date", "2025-10-09"),)
    assert [i.id for i in found[1].answer.items] == [i["id"] for i in told["items"]]


def test_the_answer_is_that_of_the_api(board: Any) -> None:
    told = line(one(board, record(userId="s3"), k=7))
    assert [item["id"] for item in told["items"]] == board.ids(user_id="s3", k=7)


def test_what_the_record_tells_counts_at_once(board: Any) -> None:
    assert colours(one(board, viewed("somebody", "white-3"))) == {"white"}
    assert colours(one(board, viewed("somebody", "black-3"))) == {"black"}


def test_what_earlier_records_of_the_batch_tell_counts_too(board: Any) -> None:
    batch = [viewed("somebody", "white-3", 1), record(2, userId="somebody")]
    _, second = infer(board.shop.now, batch, Terms(board.at))
    assert line(second)["strategy"] == "personal"
    assert colours(second) == {"white"}


def test_records_that_tell_nothing_new_share_one_answer(board: Any) -> None:
    batch = [record(n, userId="s1") for n in range(2)]
    batch += [viewed("s1", "black-1", 2), record(3, userId="s1")]
    batch += [record(4, userId="s1", k=3), record(5, userId="s2")]
    found = [o.answer for o in infer(board.shop.now, batch, Terms(board.at))]
    assert found[0] is found[1]
    assert found[2] is found[3]
    assert len({id(answer) for answer in found}) == 4
    assert len(found[4].items) == 3


def test_a_history_in_the_record_stands_in_for_one_that_is_not_known(board: Any) -> None:
    past = ["black-1", "no such item", "black-2"]
    assert colours(one(board, record(userId="somebody", history=past))) == {"black"}
    assert colours(one(board, record(userId="s1", history=past))) == {"white"}


def test_an_unknown_shopper_gets_what_is_popular(board: Any) -> None:
    told = line(one(board, record(userId="nobody yet"), k=3))
    assert told["strategy"] == "popular"
    assert [item["id"] for item in told["items"]] == board.ids("popular", k=3)


def test_the_record_says_how_many(board: Any) -> None:
    assert len(line(one(board, record(userId="s1", k=3), k=9))["items"]) == 3
    assert len(line(one(board, record(userId="s1"), k=9))["items"]) == 9


def test_user_ids_as_the_submit_route_spells_them(board: Any) -> None:
    found = one(board, record(user_id="s1", event="get_recommendations"))
    assert colours(found) == {"white"}


def test_nothing_of_the_state_changes(board: Any) -> None:
    state = board.shop.now.state
    before = (len(state.users), len(state.items), state.offset, state.history("s1"))
    infer(
        board.shop.now,
        [viewed("s1", "black-3"), viewed("new", "new item"), record(userId="x", history=["y"])],
        Terms(board.at),
    )
    assert (len(state.users), len(state.items), state.offset) == before[:3]
    for now, then in zip(state.history("s1"), before[3], strict=True):
        np.testing.assert_array_equal(now, then)


POISON = {
    "not JSON": (b"{", "bad_record"),
    "not UTF-8": (b'{"userId": "\xff"}', "bad_record"),
    "no object": (b"[1, 2]", "bad_record"),
    "no user": (b'{"itemId": "a", "event_type": "view"}', "missing_member"),
    "empty user": (b'{"userId": ""}', "bad_record"),
    "user is a number": (b'{"userId": 7}', "bad_record"),
    "control character": (b'{"userId": "a\\u0000b"}', "bad_record"),
    "half a surrogate": (b'{"userId": "\\ud800"}', "bad_record"),
    "long user": (b'{"userId": "' + b"x" * 257 + b'"}', "bad_record"),
    "unknown type": (b'{"userId": "u", "itemId": "a", "event_type": "steal"}', "bad_record"),
    "no type": (b'{"userId": "u", "itemId": "a"}', "missing_member"),
    "no item": (b'{"userId": "u", "event_type": "view"}', "missing_member"),
    "k": (b'{"userId": "u", "k": 101}', "bad_record"),
    "time": (b'{"userId":"u","itemId":"a","event_type":"view","ts":"soon"}', "bad_time"),
    "year 1": (
        b'{"userId":"u","itemId":"a","event_type":"view","ts":"0001-01-01T00:00:00+23:59"}',
        "time_out_of_range",
    ),
    "far future": (
        b'{"userId":"u","itemId":"a","event_type":"view","ts":"2999-01-01"}',
        "time_out_of_range",
    ),
    "huge number": (
        b'{"userId":"u","itemId":"a","event_type":"view","attributes":{"n":99999999999999999999}}',
        "bad_record",
    ),
    "deep": (b'{"userId":' + b"[" * 100_000, "bad_record"),
}


@pytest.mark.parametrize("data", POISON)
def test_a_poison_record_is_marked_and_the_others_are_answered(board: Any, data: str) -> None:
    poison, reason = POISON[data]
    batch = [record(0, userId="s1"), Incoming("bad", poison, ARRIVED), record(2, userId="s2")]
    found = infer(board.shop.now, batch, Terms(board.at))
    assert [o.result for o in found] == [OK, FAILED, OK]
    assert [o.record_id for o in found] == ["r0", "bad", "r2"]
    assert (found[1].reason, found[1].data) == (reason, b"")


@pytest.mark.parametrize("data", [b"", b"  \n"])
def test_a_record_with_nothing_in_it_is_dropped(board: Any, data: bytes) -> None:
    assert one(board, Incoming("r", data, ARRIVED)).result == DROPPED


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(
    [b'{"userId":"s1"}', b'{"userId":"s1","itemId":"black-1","event_type":"purchase"}', b""]
)), max_size=8))  # fmt: skip
def test_every_record_comes_back_once_in_its_place(board: Any, data: list[bytes]) -> None:
    batch = [Incoming(f"r{n}", each, ARRIVED) for n, each in enumerate(data)]
    found = infer(board.shop.now, batch, Terms(board.at))
    assert [o.record_id for o in found] == [i.record_id for i in batch]
    assert all((o.result == OK) == bool(o.data) for o in found)


def test_when_time_is_over_popular_items_are_answered_and_later_nothing(board: Any) -> None:
    over, far = Deadline(lambda: 10.0, 9.0), Deadline(lambda: 10.0, 99.0)
    late = line(one(board, record(userId="s1"), late=over, last=far))
    assert (late["strategy"], late["fallback"]) == ("popular", "observe:deadline")
    gone = one(board, record(userId="s1"), late=over, last=over)
    assert (gone.result, gone.reason) == (FAILED, "deadline")


def test_without_model_and_events_there_is_nothing_to_answer(empty_board: Any) -> None:
    found = one(empty_board, record(userId="s1"))
    assert (found.result, found.reason) == (FAILED, "no_model")


def vectors_of(board: Any, folder: Path, version: str) -> FolderVectors:
    """The items of the served model as another program loads them."""
    embeddings = board.shop.now.serving.embeddings
    index = FolderVectors(folder)
    index.load(version, list(embeddings.item_ids), embeddings.factors)
    index.switch(version)
    return index


def test_neighbours_of_the_shoppers_vector_in_the_models_order(board: Any, tmp_path: Path) -> None:
    index = vectors_of(board, tmp_path, "v0001")
    batch = [record(0, userId="s0"), record(1, userId="nobody"), viewed("somebody", "white-1", 2)]
    found = infer(board.shop.now, batch, Terms(board.at, k=5, vectors=index))
    told = [line(o) for o in found]
    assert [t["strategy"] for t in told] == ["embedding", "popular", "embedding"]
    assert (colours(found[0]), colours(found[2])) == ({"black"}, {"white"})
    assert all("fallback" not in t for t in told)
    scores = [item["score"] for item in told[0]["items"]]
    assert scores == sorted(scores, reverse=True)


def test_neighbours_that_may_not_be_sold_are_left_out(board: Any, tmp_path: Path) -> None:
    index = vectors_of(board, tmp_path, "v0001")
    first = line(one(board, record(userId="s0"), k=5, vectors=index))["items"][0]["id"]
    board.put(first, available=False)
    told = line(one(board, record(userId="s0"), k=5, vectors=index))
    assert first not in [item["id"] for item in told["items"]]


def test_neighbours_of_another_version_are_not_used(board: Any, tmp_path: Path) -> None:
    index = vectors_of(board, tmp_path, "v0002")
    told = line(one(board, record(userId="s0"), k=5, vectors=index))
    assert (told["strategy"], told["fallback"]) == ("personal", "vectors:version")


def test_an_index_out_of_reach_is_answered_without(board: Any, tmp_path: Path) -> None:
    class Gone(FolderVectors):
        def nearest(self, *_: Any) -> Any:
            raise Unavailable("documents_busy", field="vectors")

    failures: list[tuple[str, str]] = []
    told = line(
        one(board, record(userId="s0"), vectors=Gone(tmp_path),
            failed=lambda stage, reason, _: failures.append((stage, reason)))
    )  # fmt: skip
    assert (told["strategy"], told["fallback"]) == ("personal", "vectors:documents_busy")
    assert failures == [("vectors", "documents_busy")]


def test_a_model_that_breaks_is_answered_with_popular_items(board: Any) -> None:
    now = board.shop.now
    broken = replace(now, serving=replace(now.serving, recipe=Broken()))
    (found,) = infer(broken, [record(userId="s0")], Terms(board.at))
    assert (line(found)["strategy"], line(found)["fallback"]) == ("popular", "candidates:error")


class Broken:
    """A recipe of which everything fails."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_what_finds_no_room_is_marked_and_the_rest_fits() -> None:
    whole = [Outgoing(f"r{n}", OK, b"x" * size) for n, size in enumerate([300, 3000, 300, 30])]
    kept = within(whole, most_bytes=4 * (50 + 2) + 400 + 400 + 40, around=50)
    assert [o.result for o in kept] == [OK, FAILED, OK, OK]
    assert kept[1] == Outgoing("r1", FAILED, reason="no_room")
    assert within(whole, 10**6, 50) == whole
