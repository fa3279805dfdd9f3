"""What an endpoint of SageMaker may answer, and what becomes of it."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoRegionError,
    ReadTimeoutError,
)

from endcap.adapters.breaker import FAILURES
from endcap.adapters.sagemaker import SagemakerEndpoint
from endcap.domain import npy
from endcap.domain.errors import EndcapError

ROWS = np.array([[1.0, np.nan], [2.0, 3.0], [0.5, 0.25]], np.float32)
MARGINS = np.array([0.1, -2.5, 7.0], np.float32)
TREES = "0f0f"


def refusal(code: str, status: int, message: str = "no", **more: Any) -> ClientError:
    told = {"Error": {"Code": code, "Message": message}, **more}
    told["ResponseMetadata"] = {"HTTPStatusCode": status}
    return ClientError(told, "InvokeEndpoint")


class Runtime:
    """Plays a list of outcomes, the last one again and again."""

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes, self.asked = list(outcomes), []

    def invoke_endpoint(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome() if callable(outcome) else outcome


def answer(table: Any = None, attributes: str = f"version=v0001;trees={TREES}") -> Any:
    table = np.column_stack((np.full(3, 0.5), MARGINS)) if table is None else table

    def made() -> dict[str, Any]:
        body = table if isinstance(table, bytes) else npy.encode(np.asarray(table, np.float32))
        return {"Body": io.BytesIO(body), "CustomAttributes": attributes}

    return made


class Clock:
    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def endpoint(*outcomes: Any, step: float = 0.0) -> tuple[SagemakerEndpoint, Runtime, Counter[str]]:
    runtime, counted = Runtime(*outcomes), Counter[str]()

    def count(name: str, amount: float = 1.0, **labels: str) -> None:
        counted[" ".join((name, *labels.values()))] += int(amount)

    return SagemakerEndpoint("ranker", 0.1, count, runtime, Clock(step)), runtime, counted


def test_margins_are_those_of_the_answer() -> None:
    asked, runtime, counted = endpoint(answer())
    np.testing.assert_array_equal(asked.margins(ROWS, TREES), MARGINS)
    (call,) = runtime.asked
    np.testing.assert_array_equal(npy.decode(call.pop("Body")), ROWS)
    kind = "application/x-npy"
    assert call == {"EndpointName": "ranker", "ContentType": kind, "Accept": kind}
    assert not counted


FAULTS = {
    "missing": (refusal("ValidationError", 400, "Endpoint ranker of account 1 not found."),
                "unknown_endpoint", 1),
    "bad request": (refusal("ValidationError", 400, "no"), "endpoint_refused", 1),
    "denied": (refusal("AccessDeniedException", 403), "endpoint_denied", 1),
    "the container refuses": (refusal("ModelError", 424, OriginalStatusCode=415),
                              "endpoint_refused", 1),
    "the container fails": (refusal("ModelError", 424, OriginalStatusCode=500),
                            "endpoint_unavailable", 2),
    "throttled": (refusal("ThrottlingException", 400), "endpoint_throttled", 2),
    "not ready": (refusal("ModelNotReadyException", 429), "endpoint_throttled", 2),
    "fails": (refusal("InternalFailure", 500), "endpoint_unavailable", 2),
    "unreachable": (EndpointConnectionError(endpoint_url="x"), "endpoint_unavailable", 2),
    "late": (ReadTimeoutError(endpoint_url="x"), "endpoint_late", 1),
    "no region": (NoRegionError(), "aws_not_configured", 1),
    "another model": (answer(attributes="version=v0009;trees=beef"), "endpoint_differs", 1),
    "a foreign container": (answer(attributes=""), "endpoint_differs", 1),
    "too few rows": (answer([[0.5, 1.0]]), "endpoint_unavailable", 1),
    "no numbers": (answer([[0.5, np.nan]] * 3), "endpoint_unavailable", 1),
    "no table": (answer(b"<html>"), "endpoint_unavailable", 1),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_our_words(fault: str) -> None:
    outcome, code, calls = FAULTS[fault]
    asked, runtime, counted = endpoint(outcome)
    with pytest.raises(EndcapError) as told:
        asked.margins(ROWS, TREES)
    assert told.value.code == code
    assert len(runtime.asked) == calls
    assert sum(n for name, n in counted.items() if "retries" in name) == calls - 1


def test_what_fails_once_is_tried_again() -> None:
    asked, runtime, counted = endpoint(refusal("InternalFailure", 500), answer())
    np.testing.assert_array_equal(asked.margins(ROWS, TREES), MARGINS)
    assert len(runtime.asked) == 2
    assert counted == {"dependency_retries_total sagemaker InternalFailure": 1}


def test_without_time_left_nothing_is_tried_again() -> None:
    asked, runtime, _ = endpoint(refusal("InternalFailure", 500), step=0.06)
    with pytest.raises(EndcapError):
        asked.margins(ROWS, TREES)
    assert len(runtime.asked) == 1


@pytest.mark.parametrize("fault", ["missing", "late", "another model"])
def test_an_endpoint_that_goes_on_failing_is_left_alone(fault: str) -> None:
    outcome, code, _ = FAULTS[fault]
    asked, runtime, counted = endpoint(outcome)
    codes = []
    for _ in range(FAILURES + 2):
        with pytest.raises(EndcapError) as told:
            asked.margins(ROWS, TREES)
        codes.append(told.value.code)
    assert codes == [code] * FAILURES + ["dependency_open"] * 2
    assert len(runtime.asked) == FAILURES
    assert counted["breaker_opened_total sagemaker"] == 1
    assert counted["breaker_refusals_total sagemaker"] == 2
