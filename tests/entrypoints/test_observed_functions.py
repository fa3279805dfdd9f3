"""What a call of a function leaves behind: lines of JSON, metrics, an error without its text."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.domain.errors import InvalidInput, Unavailable
from endcap.domain.metrics import COUNTER, GAUGE, HISTOGRAM, IN_FUNCTIONS, METRICS
from endcap.entrypoints.lambdas import observed as module
from endcap.entrypoints.lambdas.deltas import Deltas
from endcap.entrypoints.lambdas.observed import observed, telemetry, tell
from endcap.telemetry import Telemetry

SECRET = "anna@mail.example"


class Context:
    function_name = "Tested"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:us-east-1:1:function:Tested"

    def __init__(self, aws_request_id: str = "r-1") -> None:
        self.aws_request_id = aws_request_id


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "Tested")
    forget()
    yield
    forget()


def forget() -> None:
    """What functions called before in this process left: Powertools keeps it by class."""
    module.metrics().clear_default_dimensions()
    module.metrics().clear_metrics()
    for one in (module.metrics, module.deltas, module.telemetry, module.started):
        one.cache_clear()


def lines(capsys: pytest.CaptureFixture[str]) -> tuple[list[Any], list[Any]]:
    """Lines of the log, and of metrics."""
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [t for t in told if "_aws" not in t], [t for t in told if "_aws" in t]


def test_a_call_tells_its_counts_and_which_call_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    @observed
    def handler(event: Any, _: Any) -> Any:
        tell("stored", {"stored": 2, "superseded": 1}, step="one")
        tell("stored", {"stored": 3})
        return event

    assert handler({"userId": SECRET}, Context("r-1")) == {"userId": SECRET}
    handler({}, Context("r-2"))
    log, metrics = lines(capsys)
    assert [one["function_request_id"] for one in log] == ["r-1", "r-1", "r-2", "r-2"]
    assert [one["cold_start"] for one in log] == [True, True, False, False]
    assert (log[0]["message"], log[0]["stored"], log[0]["step"]) == ("stored", 2, "one")
    assert [one["stored"] for one in metrics] == [[2.0, 3.0], [2.0, 3.0]]
    assert "ColdStart" in metrics[0]
    assert "ColdStart" not in metrics[1]
    (directive,) = metrics[1]["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Endcap", [["function"]])
    assert metrics[1]["function"] == "Tested"
    assert SECRET not in json.dumps((log, metrics))


def test_what_the_engine_counts_is_sent_once(capsys: pytest.CaptureFixture[str]) -> None:
    @observed
    def handler(event: int, _: Any) -> None:
        for _ in range(event):
            telemetry().count("answers_total", surface="personal", strategy="popular")
            telemetry().observe("request_seconds", 0.5, route="personalized")
        telemetry().count("keeper_rounds_total", outcome="done")  # nothing for a function

    for times in (2, 0, 3):
        handler(times, Context())
    _, (first, last) = lines(capsys)
    assert (first["answers_total"], last["answers_total"]) == ([2.0], [3.0])
    assert (first["request_seconds"], last["request_seconds"]) == ([0.5] * 2, [0.5] * 3)
    assert "keeper_rounds_total" not in first


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (InvalidInput("unknown_step", field="step", value=SECRET, permitted=SECRET),
         InvalidInput, "unknown_step: step"),
        (Unavailable("dynamodb_unavailable", field="t", reason=SECRET), Unavailable,
         "dynamodb_unavailable: t"),
        (KeyError(SECRET), Exception, "the log of this call says where"),
        (UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), Exception,
         "the log of this call says where"),
    ],
)  # fmt: skip
def test_an_error_keeps_its_name_and_loses_its_text(
    capsys: pytest.CaptureFixture[str], error: Exception, kind: type[Exception], text: str
) -> None:
    @observed
    def handler(*_: Any) -> Any:
        tell("begun", {"begun": 1})
        raise error

    with pytest.raises(kind) as raised:
        handler({}, Context())
    assert str(raised.value) == text
    assert type(raised.value).__name__ == type(error).__name__
    assert SECRET not in repr(raised.value) + repr(vars(raised.value))
    assert raised.value.__suppress_context__
    assert raised.traceback[-1].name == "handler"
    log, metrics = lines(capsys)
    assert log[-1]["message"] == "failed"
    assert log[-1]["kind"] == type(error).__name__
    assert log[-1]["where"][-1].startswith("test_observed_functions.py:")
    assert metrics[0]["begun"] == [1.0]
    assert SECRET not in json.dumps(log)
    if isinstance(error, InvalidInput):
        assert (log[-1]["code"], log[-1]["field"]) == ("unknown_step", "step")


def test_our_own_log_has_no_texts_of_errors_either(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
    ours = logging.getLogger("endcap")
    monkeypatch.setattr(ours, "handlers", [])
    monkeypatch.setattr(ours, "propagate", ours.propagate)

    @observed
    def handler(*_: Any) -> None:
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("endcap.answers").exception(
                "answered with less", extra={"facts": {"stage": "rank"}}
            )

    handler({}, Context())
    (line,), _ = lines(capsys)
    assert (line["message"], line["stage"], line["kind"]) == (
        "answered with less", "rank", "ValueError",
    )  # fmt: skip
    assert SECRET not in json.dumps(line)


def test_every_metric_of_a_function_is_one_of_the_table() -> None:
    assert {METRICS[name].kind for name in IN_FUNCTIONS} == {COUNTER, GAUGE, HISTOGRAM}


@given(st.lists(st.lists(st.sampled_from(("a", "b", "c")), max_size=5), max_size=6))
def test_deltas_add_up(calls: list[list[str]]) -> None:
    registry = Telemetry()
    deltas = Deltas(registry)
    for counted in calls:
        for label in counted:
            registry.count("fallbacks_total", stage=label, reason="late")
            registry.observe("request_seconds", len(counted), route=label)
        found = deltas.take()
        assert found.get("fallbacks_total", [0]) == [len(counted)]
        assert found.get("request_seconds", []) == [len(counted)] * len(counted)


def test_a_gauge_is_told_when_it_was_moved() -> None:
    registry = Telemetry()
    deltas = Deltas(registry)
    registry.gauge("model_age_seconds", 5.0)
    assert deltas.take() == {"model_age_seconds": [5.0]}
    assert deltas.take() == {}
    registry.gauge("model_age_seconds", 65.0)
    assert deltas.take() == {"model_age_seconds": [65.0]}
