"""``POST /submit`` as a function, run as Lambda runs it: the literal answer, of the model and what
the shopper did last; the submission in the stream; an answer whatever cannot be reached."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb_calls import DynamoCalls
from endcap.adapters.dynamodb_events import DynamoEvents
from endcap.app.intake import Intake
from endcap.app.reloading import reload
from endcap.app.submit import submission
from endcap.domain.values import Event
from endcap.entrypoints.lambdas.gateway import Gateway
from endcap.entrypoints.lambdas.table import FUNCTIONS
from endcap.serving.api import Api

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
DONE = "Recommendations generated successfully"
JSON = ("Content-Type", "application/json")
PRODUCT = ["product_id", "probability", "product_name", "department", "aisle"]
S3 = "(GET|HEAD) /.*"


class Submitting:
    """One environment of the function."""

    def __init__(self, host: Any, events: Any, told: Path, output: Any) -> None:
        self.host, self.events, self.told, self.output = host, events, told, output

    def __call__(self, body: Any, *headers: tuple[str, str], form: str = "http-v2") -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = self.host.invoke(self.events.FORMS[form]("POST", "/submit", raw, [JSON, *headers]))
        assert not given.failed, (given.payload, self.told.read_text("utf-8")[-3000:])
        return self.events.answer_of(given.payload)

    def asks(self, user_id: str, *headers: tuple[str, str], form: str = "http-v2") -> Any:
        """What every answer has, whatever was done without."""
        told = self({"user_id": user_id, "event": "get_recommendations"}, *headers, form=form)
        assert told.status == 200, told.raw
        assert list(told.body) == ["message", "recommendations"]
        assert told.body["message"] == DONE
        for product in told.body["recommendations"]:
            assert list(product) == PRODUCT
            assert 0 <= product["probability"] <= 1
        return told

    def metric(self, name: str) -> float:
        total: float = self.output.metric(self.told, name)
        return total


Open = Callable[..., Submitting]


@pytest.fixture
def opened(
    cloud: Any,
    faults: Any,
    lambda_host: Any,
    as_in_lambda: dict[str, str],
    gateway_events: Any,
    output: Any,
    tmp_path: Path,
) -> Iterator[Open]:
    """``opened()``: a new environment, whose clients meet the faults."""
    with ExitStack() as hosts:

        def made(name: str = "one", **variables: str) -> Submitting:
            environment = {
                **as_in_lambda, **cloud.settings, **faults.environment,
                "ENDCAP_AUTH": "gateway",
                "ENDCAP_STREAM": f"kinesis://{cloud.stream}",
                "ENDCAP_HOME": str(tmp_path / name),
                **variables,
            }  # fmt: skip
            told = tmp_path / f"{name}.log"
            host = lambda_host(FUNCTIONS["Submit"].handler, environment, told, 250)
            return Submitting(hosts.enter_context(host), gateway_events, told, output)

        yield made


def colours(told: Any) -> set[str]:
    return {product["product_id"].split("-")[0] for product in told.body["recommendations"]}


def streamed(cloud: Any, user_id: str) -> list[dict[str, Any]]:
    return [record for record in cloud.streamed() if record.get("userId") == user_id]


def test_the_answer_is_the_laptop_s_and_the_submission_is_streamed(
    cloud: Any, opened: Open
) -> None:
    submit, board = opened(), cloud.board
    for form in ("http-v2", "rest-v1", "function-url"):
        told = submit.asks("s0", form=form)
        assert told.headers["endcap-model-version"] == "v0001"
        assert told.headers["endcap-strategy"] == "personal"
        assert "endcap-fallback" not in told.headers
    reload(board.shop)  # which trained the model, and has not taken it up
    found = submission(board.shop, "s0", 5, time.time_ns() // 1000)
    assert [p["product_id"] for p in told.body["recommendations"]] == [
        product.product_id for product in found.products
    ]
    records = streamed(cloud, "s0")
    assert [record["event"] for record in records] == ["get_recommendations"] * 3
    assert "s0" not in submit.told.read_text("utf-8").replace('"s0"', "")
    events = DynamoEvents(DynamoCalls(), cloud.names)
    before = submit.asks("visitor")
    assert before.headers["endcap-strategy"] == "popular"
    at = board.shop.now.state.newest_ts
    events.put(Event("visitor", "white-3", "view", at + 1, "click"))
    after = submit.asks("visitor")
    assert after.headers["endcap-strategy"] == "personal"
    assert colours(after) == {"white"}


def test_a_retry_is_the_same_submission(cloud: Any, opened: Open) -> None:
    submit, key = opened(), ("Idempotency-Key", "k1")
    first, again = submit.asks("retrier", key), submit.asks("retrier", key)
    assert first.raw == again.raw
    records = streamed(cloud, "retrier")
    assert len(records) == 2
    assert records[0] == records[1]
    other = submit({"user_id": "another", "event": "get_recommendations"}, key)
    assert (other.status, other.headers["endcap-error-code"]) == (422, "key_reused")
    assert streamed(cloud, "another") == []


def test_what_the_laptop_refuses_is_refused_in_the_same_words(
    cloud: Any, opened: Open, empty_board: Any
) -> None:
    submit, shop = opened(), empty_board.shop
    gateway = Gateway(Api(shop, Intake(shop), lambda: 1))
    said = {"user_id": "u", "event": "get_recommendations"}
    for body in (b"", b"{", {}, {**said, "event": "buy"}, {**said, "user_id": ""},
                 {**said, "user_id": 7}, {**said, "k": 101}, [said]):  # fmt: skip
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        laptop = submit.events.answer_of(
            gateway(submit.events.second("POST", "/submit", raw, [JSON]))
        )
        assert laptop.status == 400
        told = submit(body)
        assert (told.status, told.raw, told.headers) == (laptop.status, laptop.raw, laptop.headers)
    assert streamed(cloud, "u") == []


@pytest.mark.parametrize(
    ("pattern", "code", "status", "fallback"),
    [("PutRecords", "InternalFailure", 500, "stream:stream_unavailable"),
     ("PutRecords", "AccessDeniedException", 400, "stream:stream_denied"),
     ("Query", "ProvisionedThroughputExceededException", 400, "history:"),
     ("Query", "AccessDeniedException", 400, "history:"),
     ("PutItem", "AccessDeniedException", 400, "documents:dynamodb_denied")],
)  # fmt: skip
def test_a_warm_function_answers_without_what_fails(
    opened: Open, faults: Any, pattern: str, code: str, status: int, fallback: str
) -> None:
    submit = opened()
    assert "endcap-fallback" not in submit.asks("s1").headers
    faults.refuse(pattern, 1000, code, status)
    told = submit.asks("s1", ("Idempotency-Key", f"{pattern} {code}"))
    assert fallback in told.headers["endcap-fallback"]
    assert colours(told) == {"white"}  # by what the snapshot knows
    assert submit.metric("fallbacks_total") >= 1


def test_a_table_that_hangs_is_left_alone_after_a_while(opened: Open, faults: Any) -> None:
    submit = opened()
    submit.asks("s1")
    faults.hang("Query", 1000, 4.0)
    assert "dynamodb_unavailable" in submit.asks("s1").headers["endcap-fallback"]
    before = len(faults.seen)
    again = submit.asks("s1")
    assert "dependency_open" in again.headers["endcap-fallback"]  # nobody waits for it any more
    assert set(faults.seen[before:]) == {"PutRecords"}
    assert colours(again) == {"white"}
    assert submit.metric("breaker_opened_total") == 1


@pytest.mark.parametrize(
    ("pattern", "code", "status", "reason"),
    [(S3, "AccessDenied", 403, "s3_denied"),
     ("(GetItem|Query|PutItem)", "AccessDeniedException", 400, "dynamodb_denied"),
     ("(GetItem|Query|PutItem)", "ResourceNotFoundException", 400, "no_table")],
)  # fmt: skip
def test_a_cold_function_that_reaches_no_store_answers_and_recovers(
    cloud: Any, opened: Open, faults: Any, pattern: str, code: str, status: int, reason: str
) -> None:
    submit, user = opened(), f"cold-{reason}"
    faults.refuse(pattern, 1000, code, status)
    told = submit.asks(user)
    assert reason in told.headers["endcap-fallback"]
    assert told.headers["endcap-model-version"] == "none"
    assert told.body["recommendations"] == []  # nothing is known of any product
    assert submit.metric("fallbacks_total") >= 1
    assert len(streamed(cloud, user)) == 1  # what can be kept is kept
    faults.clear()
    well = submit.asks("s1")
    assert "endcap-fallback" not in well.headers
    assert colours(well) == {"white"}


def test_a_model_that_is_gone_leaves_popular_items_marked(
    cloud: Any, opened: Open, aws: Any
) -> None:
    """Last of these: the bucket has no model any more."""
    s3 = aws.client("s3")
    found = s3.list_objects_v2(Bucket=cloud.bucket)["Contents"]
    for one in found:
        if "/models/" in one["Key"]:
            s3.delete_object(Bucket=cloud.bucket, Key=one["Key"])
    submit = opened()
    told = submit.asks("stranger")
    assert told.headers["endcap-strategy"] == "popular"
    assert "model:" in told.headers["endcap-fallback"]
    assert len(told.body["recommendations"]) == 5
    assert colours(submit.asks("s1")) == {"white"}  # what the history alone says
    assert submit.metric("load_failures_total") >= 1
