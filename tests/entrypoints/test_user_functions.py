"""The functions of the users' pipeline in this process: what each makes of an event."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters import personalize
from endcap.domain.errors import InvalidInput, Unavailable
from endcap.entrypoints.lambdas import (
    fetch_recommendations,
    import_users,
    mock_recommendations,
    notify_completion,
    surroundings,
)
from endcap.entrypoints.lambdas.table import FUNCTIONS

USER = {"userId": "s0", "k": 3}
ARN = "arn:aws:personalize:us-east-1:1:campaign/shop"


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 600_000  # a slow machine is no defect


@pytest.fixture(autouse=True)
def opened_anew(board: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test as in a new environment, over the checkerboard shop."""
    monkeypatch.setenv("ENDCAP_HOME", str(board.home))
    cached = (surroundings.settings, surroundings.published, surroundings.rows,
              fetch_recommendations.campaign)  # fmt: skip
    for one in cached:
        one.cache_clear()
    yield
    for one in cached:
        one.cache_clear()


def test_with_a_model_the_event_passes_and_its_answer_is_fetched(board: Any) -> None:
    assert mock_recommendations.handler(USER, Context()) == USER
    done = fetch_recommendations.handler(USER, Context())
    assert done["recommendations"] == board.ids(user_id="s0", k=3)
    assert (done["strategy"], done["modelVersion"]) == ("personal", "v0001")
    assert fetch_recommendations.handler(done, Context()) == done


def test_without_a_model_popular_items_are_answered_and_marked(
    board: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    board.shop.documents.put("campaign", "default", {"name": "default", "version": ""})
    done = mock_recommendations.handler({"userId": "s0", "k": 3}, Context())
    assert (done["mock"], done["strategy"], len(done["recommendations"])) == (True, "popular", 3)
    assert fetch_recommendations.handler(done, Context()) == done
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [one for one in told if "_aws" not in one]
    assert line["mocked"] == 1
    (line,) = [one for one in told if "mocked" in one and "_aws" in one]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert {"Name": "mocked", "Unit": "Count"} in directive["Metrics"]
    assert line["mocked"] == [1.0]


class Runtime:
    def __init__(self, fails: bool) -> None:
        self.fails, self.ids = fails, ["theirs"]

    def recommend(self, user_id: str, k: int) -> personalize.Recommended:
        if self.fails:
            raise Unavailable("campaign_unavailable", reason="late")
        return personalize.Recommended(self.ids, [0.5] * len(self.ids))


@pytest.mark.parametrize("fails", [False, True])
def test_a_campaign_is_asked_and_stood_in_for(
    board: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: bool
) -> None:
    monkeypatch.setenv("PERSONALIZE_CAMPAIGN_ARN", ARN)
    monkeypatch.setattr(personalize, "Campaign", lambda arn: Runtime(fails))
    assert mock_recommendations.handler(USER, Context()) == USER
    done = fetch_recommendations.handler(USER, Context())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [line for line in lines if "_aws" not in line]
    counted = [line["answers_total"] for line in lines if "answers_total" in line]
    assert counted == [[1.0]]
    if fails:
        assert done["recommendations"] == board.ids(user_id="s0", k=3)
        assert done["fallback"] == "campaign_unavailable"
        assert (told[-1]["fallbacks"], told[-1]["code"]) == (1, "campaign_unavailable")
    else:
        assert (done["recommendations"], done["strategy"]) == (["theirs"], "campaign")
        assert (done["modelVersion"], told) == ("shop", [])


@pytest.mark.parametrize("fails", [False, True])
def test_a_campaign_in_the_shadow_is_compared_and_never_answers(
    board: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fails: bool
) -> None:
    monkeypatch.setenv("ENDCAP_CAMPAIGN", f"shadow:{ARN}")
    runtime = Runtime(fails)
    runtime.ids = [board.ids(user_id="s0", k=3)[0], "theirs"]
    monkeypatch.setattr(personalize, "Campaign", lambda arn: runtime)
    assert mock_recommendations.handler(USER, Context()) == USER
    done = fetch_recommendations.handler(USER, Context())
    assert done["recommendations"] == board.ids(user_id="s0", k=3)
    assert "fallback" not in done
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (counted,) = [line for line in lines if "campaign_calls_total" in line]
    assert len(counted["campaign_call_seconds"]) == 1
    if fails:
        assert "campaign_items_total" not in counted
    else:
        assert counted["campaign_items_total"] == [3.0]
        assert counted["campaign_items_shared_total"] == [1.0]


def test_only_so_many_users_go_into_one_answer() -> None:
    users: list[str] = []
    add = import_users.adding(users)
    for n in (*range(import_users.MOST_INLINE), 3, 4):
        add(f"u{n}")
    assert len(users) == import_users.MOST_INLINE
    with pytest.raises(InvalidInput) as raised:
        add("one more")
    assert raised.value.code == "too_many_users"
    with pytest.raises(InvalidInput):
        import_users.adding([])("u" * import_users.MOST_INLINE_BYTES)


@pytest.mark.parametrize(
    "event", [{}, {"source": "users.json"}, {"bucket": "b"}, {"source": "s3://b/"}]
)
def test_a_file_is_named_by_its_address(event: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as raised:
        import_users.source_of(event)
    assert raised.value.code == "bad_s3_url"
    assert import_users.source_of({"bucket": "b", "key": "a/u.json"}) == "s3://b/a/u.json"


def test_the_message_of_a_run_goes_to_whom_the_settings_name(board: Any) -> None:
    plan = [{"step": "one", "result": "one", "when": ""}]
    event = {"pipeline": "users", "run_id": "r", "plan": plan, "facts": {"one": {"read": 3}}}
    done = notify_completion.handler(event, Context())
    assert done["status"] == "done"
    line = (Path(board.home) / "groups/default/messages.jsonl").read_text("utf-8")
    assert "read: 3" in json.loads(line)["text"]
    assert done["sent"] == json.loads(line)["id"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_the_table_is_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "infra" / "functions")
    module, _, handler = FUNCTIONS[name].handler.rpartition(".")
    imported = __import__(module, fromlist=[handler])
    assert callable(getattr(imported, handler))
    assert hasattr(getattr(imported, handler), "__wrapped__"), "by observed"
    for action in FUNCTIONS[name].actions:
        assert "*" not in action.action
