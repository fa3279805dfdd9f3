"""The pipeline over a file of users, on a shop with a trained model, and its one message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from endcap.app import user_answers
from endcap.app.erasure import erase_user
from endcap.app.notices import notice_of
from endcap.app.user_answers import Fetched
from endcap.app.user_run import USERS_RUN, UserRun
from endcap.domain.errors import InvalidInput, Unavailable
from endcap.pipeline.runner import Run, run_steps
from endcap.ports import Message

FILE = [{"userId": "s0", "name": "Ada"}, {"name": "lost"}, {"userId": "s1"}, {"userId": "new"}]
FACTS = {"source": "users.json", "k": 3, "dryRun": False}


def read(_: str) -> Iterable[bytes]:
    return [json.dumps(FILE).encode()]


def run(board: Any, **facts: Any) -> tuple[Run, Message]:
    told: list[Message] = []
    work = UserRun(board.shop, lambda: board.at, read, told.append)
    begun = Run("r1", "running", board.at, {**FACTS, **facts})
    ended = run_steps(
        USERS_RUN.bound(work), begun, board.shop.documents,
        sleep=lambda _: None, members=work.members,
    )  # fmt: skip
    (message,) = told
    return ended, message


def stored(board: Any, user_id: str) -> dict[str, Any] | None:
    document = board.shop.documents.get("storeRecommendations", user_id)
    return None if document is None else document.body


def test_users_are_imported_answered_and_stored(board: Any) -> None:
    ended, message = run(board)
    assert ended.facts["outcomes"] == {"stored": 3}
    item = stored(board, "s0")
    assert item is not None
    assert item["user_id"] == "s0"
    assert item["recommendations"] == board.ids(user_id="s0", k=3)
    assert {item_id.split("-")[0] for item_id in item["recommendations"]} == {"black"}
    assert (item["model_version"], item["stored_at"]) == ("v0001", board.at)
    users = board.shop.documents.query("EcommerceUsers")
    assert {d.key: d.body.get("name") for d in users} == {"new": None, "s0": "Ada", "s1": None}
    assert message.attributes == {
        "pipeline": "users", "runId": "r1", "status": "done", "failures": "1",
    }  # fmt: skip
    assert "outcomes: stored 3" in message.text.splitlines()
    assert "codes: user_without_id 1" in message.text.splitlines()
    assert not any(text in message.text for text in ("Ada", "s0", "s1"))
    assert "s0" not in json.dumps(board.shop.documents.get("pipeline_run", "r1").body)


def test_a_repeat_changes_nothing_and_a_late_one_replaces_nothing(board: Any) -> None:
    run(board)
    first = stored(board, "s0")
    run(board)
    assert stored(board, "s0") == first
    board.at -= 5
    assert run(board)[0].facts["outcomes"] == {"superseded": 3}
    assert stored(board, "s0") == first


def test_an_erased_user_is_gone_from_both_tables(board: Any) -> None:
    run(board)
    receipt = erase_user(board.shop, "s0", board.at)
    assert receipt.forgotten["tables of users"] == 1
    assert stored(board, "s0") is None
    assert board.shop.documents.get("EcommerceUsers", "s0") is None


def test_a_dry_run_stores_nothing(board: Any) -> None:
    ended, _ = run(board, dryRun=True)
    assert ended.facts["outcomes"] == {"dry_run": 3}
    assert stored(board, "s0") is None


def test_without_a_model_popular_items_are_stored_and_marked(empty_board: Any) -> None:
    empty_board.put("a")
    empty_board.post(("s5", "a", "view"))
    ended, _ = run(empty_board)
    assert ended.facts["outcomes"] == {"mock": 3}
    item = stored(empty_board, "s0")
    assert item is not None
    assert (item["recommendations"], item["mock"]) == (["a"], True)


def test_a_file_without_users_is_told_as_a_failure(board: Any) -> None:
    told: list[Message] = []

    def nothing(_: str) -> Iterator[bytes]:
        yield b"[]"

    work = UserRun(board.shop, lambda: board.at, nothing, told.append)
    with pytest.raises(InvalidInput):
        run_steps(
            USERS_RUN.bound(work), Run("r", "running", 0, FACTS), board.shop.documents, sleep=print
        )
    assert told[0].attributes["status"] == "failed"
    assert "step: ImportUsersFromS3\nerror: no_user_records" in told[0].text


WHOLE = {
    "source": "s3://b/users.json",
    "ImportUsersFromS3": {"read": 4, "written": 3, "bad": 1, "users": ["ann", "bob", "cid"]},
    "outcomes": [{"outcome": "stored"}, {"outcome": "failed"}, {"outcome": "stored"}],
}


def test_what_step_functions_gives_is_told_in_the_same_words() -> None:
    message = notice_of(USERS_RUN, {"run_id": "r", "facts": WHOLE})
    assert "outcomes: stored 2, failed 1" in message.text
    assert message.attributes["failures"] == "2"
    assert "ann" not in message.text
    failed = {**WHOLE, "failure": {"Error": "Unavailable", "Cause": "ann could not be written"}}
    del failed["outcomes"]
    message = notice_of(USERS_RUN, {"run_id": "r", "facts": failed})
    assert message.subject == "Endcap: users failed"
    assert "step: MockRecommendations\nerror: Unavailable" in message.text
    assert "ann" not in message.text


def test_a_member_of_whom_nothing_was_heard_is_told() -> None:
    message = notice_of(
        USERS_RUN, {"run_id": "r", "facts": {**WHOLE, "outcomes": [{"outcome": "stored"}]}}
    )
    assert "missing: 2" in message.text.splitlines()
    assert message.attributes["failures"] == "3"
    assert "missing" not in notice_of(USERS_RUN, {"run_id": "r", "facts": WHOLE}).text


def test_a_back_end_that_fails_is_stood_in_for() -> None:
    def down(user_id: str, k: int, at: int) -> Fetched:
        raise Unavailable("campaign_unavailable", reason="late")

    def other(user_id: str, k: int, at: int) -> Fetched:
        return Fetched(["a"], [1.0], "personal", "v1")

    told: list[str] = []
    ask = user_answers.falling_back(down, lambda: other, told.append)
    event = user_answers.fetch({"userId": "u"}, ask, 7)
    assert event == {
        "userId": "u", "recommendations": ["a"], "scores": [1.0], "strategy": "personal",
        "modelVersion": "v1", "at": 7, "fallback": "campaign_unavailable",
    }  # fmt: skip
    assert told == ["campaign_unavailable"]
    assert user_answers.fetch(event, down, 9) == event


@pytest.mark.parametrize("event", [{}, {"userId": ""}, {"userId": 5}])
def test_an_event_without_a_user_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as raised:
        user_answers.fetch(event, lambda *_: pytest.fail("asked"), 0)
    assert raised.value.code == "event_without_user"


@pytest.mark.parametrize("ids", [None, "a", [1]])
def test_only_lists_of_ids_are_stored(ids: Any) -> None:
    with pytest.raises(InvalidInput) as raised:
        user_answers.store({"userId": "u", "recommendations": ids}, lambda *_: True, 0)
    assert raised.value.code == "recommendations_missing"
