"""``POST /recommend`` as a function that may put an item and nothing else: literal answers, the
laptop's refusals, and what is counted when the store fails."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb_tables import TABLES, Names, create
from endcap.app.intake import Intake
from endcap.entrypoints.lambdas import one_route, record_preference, surroundings
from endcap.entrypoints.lambdas.gateway import Gateway
from endcap.entrypoints.lambdas.table import FUNCTIONS, Action
from endcap.serving.api import Api

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
TABLE = TABLES["CustomerInterest"]
SAID = {"customer_id": "12345", "interest": "organic_food", "location": "Cape Town"}
RECORDED = b'{"message":"Customer preference recorded."}'
JSON = ("Content-Type", "application/json")
FORMS = ("http-v2", "http-v2-stage", "http-v1", "rest-v1", "function-url")


class Recorder:
    """The function with a table of its own, whose client may put an item and nothing else."""

    def __init__(self, aws: Any, faults: Any, events: Any) -> None:
        self.aws, self.faults, self.events = aws, faults, events
        self.table = aws.name("interests")
        create(aws.client("dynamodb"), Names(given={TABLE.name: self.table}), [TABLE])
        self.environment = {
            **faults.environment,
            "CustomerInterestTable": self.table,
            "ENDCAP_AUTH": "gateway",
        }
        self.call: Any = None
        self.deny()

    def deny(self) -> None:
        self.faults.clear()
        self.faults.refuse("(?!PutItem$).*", 1_000_000, "AccessDeniedException")

    def ask(self, body: Any, form: str = "http-v2", target: str = "/recommend") -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.events.answer_of(
            self.call(self.events.FORMS[form]("POST", target, raw, [JSON]))
        )

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.aws.client("dynamodb").scan(TableName=self.table)[
            "Items"
        ]
        return found


def forget() -> None:
    for opened in (surroundings.settings, record_preference.opened):
        opened.cache_clear()


@pytest.fixture
def recorder(
    aws: Any, faults: Any, gateway_events: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recorder]:
    """In this process, opened anew."""
    made = Recorder(aws, faults, gateway_events)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    forget()
    made.call = lambda event: record_preference.handler(event, None)
    yield made
    forget()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", ["/recommend", "/v1/recommend?offers=false"])
def test_the_answer_is_literal_and_the_row_has_its_types(
    recorder: Recorder, form: str, target: str
) -> None:
    before = int(time.time())
    told = recorder.ask(SAID, form, target)
    assert (told.status, told.raw) == (200, RECORDED)
    assert told.headers["content-type"] == "application/json"
    (row,) = recorder.rows()
    assert row["customer_id"] == {"S": "12345"}
    assert (row["interest"], row["location"]) == ({"S": "organic_food"}, {"S": "Cape Town"})
    assert before <= int(row["timestamp"]["N"]) <= time.time()
    assert set(recorder.faults.seen) == {"PutItem"}


def test_two_records_of_one_second_are_both_there(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = 1_755_369_000_000_007
    monkeypatch.setattr(one_route, "now_us", lambda: at)  # not even a microsecond between them
    interests = ["tea", "coffee", "tea"]
    assert [recorder.ask({**SAID, "interest": i}).raw for i in interests] == [RECORDED] * 3
    rows = recorder.rows()
    assert sorted(row["interest"]["S"] for row in rows) == ["coffee", "tea", "tea"]
    assert {row["timestamp"]["N"] for row in rows} == {"1755369000"}
    assert set(recorder.faults.seen) == {"PutItem"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", {}, {**SAID, "customer_id": ""}, {**SAID, "interest": None},
     {**SAID, "location": 7}, {**SAID, "location": "x" * 300}, {**SAID, "more": 1},
     {**SAID, "interest": "a\nb"}, b"[" * 100_000],
    ids=str,
)  # fmt: skip
def test_what_the_laptop_refuses_is_refused_in_the_same_words(
    recorder: Recorder, empty_board: Any, body: Any
) -> None:
    shop = empty_board.shop
    function, recorder.call = recorder.call, Gateway(Api(shop, Intake(shop), lambda: 1))
    laptop = recorder.ask(body)
    recorder.call = function
    told = recorder.ask(body)
    assert (told.status, told.raw, told.headers) == (laptop.status, laptop.raw, laptop.headers)
    assert told.status != 400 or recorder.faults.seen == []


def test_offers_are_another_function_s(recorder: Recorder) -> None:
    told = recorder.ask(SAID, target="/recommend?offers=true")
    assert (told.status, told.headers["endcap-error-code"]) == (400, "offers_elsewhere")
    assert "GET /v1/offers" in told.body["error"]
    assert recorder.rows() == []
    assert recorder.faults.seen == []
    other = recorder.events.answer_of(recorder.call(recorder.events.second("GET", "/v1/offers")))
    assert other.status == 404


def test_a_lost_answer_records_once(recorder: Recorder) -> None:
    recorder.faults.lose("PutItem", 1)
    assert recorder.ask(SAID).raw == RECORDED
    assert len(recorder.rows()) == 1


def test_its_right_is_to_put_an_item() -> None:
    assert FUNCTIONS["RecordPreference"].actions == (Action("dynamodb:PutItem", "interests_table"),)


def test_run_as_lambda_runs_it_a_store_that_fails_is_told_and_counted(
    aws: Any,
    faults: Any,
    gateway_events: Any,
    lambda_host: Any,
    as_in_lambda: dict[str, str],
    output: Any,
    tmp_path: Path,
) -> None:
    recorder, told = Recorder(aws, faults, gateway_events), tmp_path / "told"
    environment = {**recorder.environment, **as_in_lambda, "ENDCAP_HOME": str(tmp_path / "home")}
    handler = FUNCTIONS["RecordPreference"].handler
    with lambda_host(handler, environment, told, 120) as host:
        recorder.call = lambda event: host.invoke(event).payload
        assert recorder.ask({**SAID, "customer_id": "cust-1"}, "rest-v1").raw == RECORDED
        assert output.metric(told, "InsertSuccess") == 1
        assert output.metric(told, "InsertError") == 0
        faults.clear()
        faults.refuse("PutItem", 1_000_000, "ProvisionedThroughputExceededException")
        failed = recorder.ask({**SAID, "customer_id": "cust-2"}, "rest-v1")
        assert failed.status == 500
        assert set(failed.body) == {"error"}
        assert output.metric(told, "InsertSuccess") == 1
        assert output.metric(told, "InsertError") == 1
        recorder.deny()
        assert recorder.ask({**SAID, "customer_id": "cust-2"}, "rest-v1").raw == RECORDED
    assert len(recorder.rows()) == 2
    said = told.read_text("utf-8")
    assert not any(text in said for text in ("cust-", "organic_food", "Cape Town"))
    environment["ENDCAP_AUTH"] = "required"
    with lambda_host(handler, environment, told, 120) as host:
        assert host.invoke(gateway_events.second("POST", "/recommend")).failed
    assert '"not_behind_gateway"' in told.read_text("utf-8")
