"""Traces as a collector gets them: a span for each request, its stages below it, nobody's data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from endcap import bootstrap
from endcap.adapters.otel import OtelTracer, resource_of
from endcap.domain.errors import InvalidInput
from endcap.serving.traced import Traced
from endcap.settings import load_settings

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLER = f"00-{TRACE}-{PARENT}-01"
PERSONAL = "/v1/recommendations/personalized?userId=marked-user&k=3"


@pytest.fixture
def tracer(receiver: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtelTracer]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    started = OtelTracer("worker-7")
    yield started
    started.close()


@pytest.fixture
def traced(own: Any, tracer: OtelTracer) -> Any:
    own.api = Traced(own.api, tracer)
    return own


def attributes(span: Any) -> dict[str, Any]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_a_request_and_its_stages(traced: Any, tracer: OtelTracer, receiver: Any) -> None:
    told = traced("GET", PERSONAL, headers=[("traceparent", CALLER)])
    tracer.close()
    spans = {span.name: span for span in receiver.spans()}
    request = spans["GET /v1/recommendations/personalized"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert told.headers["traceparent"] == f"00-{TRACE}-{request.span_id.hex()}-01"
    assert attributes(request) == {
        "http.request.method": "GET",
        "http.route": "/v1/recommendations/personalized",
        "http.response.status_code": 200,
        "endcap.strategy": told.headers["endcap-strategy"],
        "endcap.model_version": "none",
    }
    stages = {name: span for name, span in spans.items() if span is not request}
    assert set(stages) >= {"observe", "candidates", "show"}
    for span in stages.values():
        assert span.trace_id == request.trace_id
        assert span.parent_span_id == request.span_id
        assert request.start_time_unix_nano - 10**6 <= span.start_time_unix_nano
        assert span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= request.end_time_unix_nano + 10**6


def test_a_write_shows_what_it_waited_for(traced: Any, tracer: OtelTracer, receiver: Any) -> None:
    body = {"userId": "marked-user", "itemId": "marked-item", "event_type": "view"}
    assert traced("POST", "/events", body).status == 202
    asked = {"customer_id": "c", "interest": "tea", "location": "x"}
    assert traced("POST", "/recommend", asked).status == 200
    tracer.close()
    spans = receiver.spans()
    names = {span.span_id: span.name for span in spans}
    below = {(names.get(span.parent_span_id), span.name) for span in spans if span.parent_span_id}
    assert below >= {("POST /v1/events", stage) for stage in ("intake", "commit", "sync")}
    assert ("POST /v1/recommend", "store") in below


def test_a_caller_without_a_trace_or_with_a_bad_one_begins_one(
    traced: Any, tracer: OtelTracer, receiver: Any
) -> None:
    given = [(), [("traceparent", "00-zzz-1-01")], [("traceparent", CALLER)] * 2]
    told = [traced("GET", "/v1/health", headers=headers) for headers in given]
    tracer.close()
    spans = receiver.spans()
    assert [span.parent_span_id for span in spans] == [b""] * 3
    ids = {span.trace_id.hex() for span in spans}
    assert {answer.headers["traceparent"].split("-")[1] for answer in told} == ids
    assert len(ids) == 3
    assert TRACE not in ids


def test_what_the_caller_does_not_sample_is_not_sent(
    traced: Any, tracer: OtelTracer, receiver: Any
) -> None:
    told = traced("GET", PERSONAL, headers=[("traceparent", CALLER[:-2] + "00")])
    assert told.headers["traceparent"].split("-")[1] == TRACE
    assert told.headers["traceparent"].endswith("-00")
    tracer.close()
    assert receiver.raw == []


def test_failures_are_marked(
    traced: Any, tracer: OtelTracer, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("marked-secret")

    monkeypatch.setattr(traced.shop, "refresh", broken)
    assert traced("GET", "/v1/items/marked-item").status == 500
    assert traced("GET", "/nowhere/marked-path").status == 404
    tracer.close()
    failed, unknown = receiver.spans()
    assert (failed.name, failed.status.code) == ("GET /v1/items/{itemId}", 2)
    assert attributes(failed)["endcap.error_code"] == "internal_error"
    assert (unknown.name, unknown.status.code) == ("GET", 0)
    assert b"marked" not in b"".join(receiver.raw)


def test_the_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    told = resource_of("worker-7").attributes
    assert (told["service.name"], told["service.instance.id"]) == ("endcap", "worker-7")
    assert told["service.version"]
    monkeypatch.setenv("OTEL_SERVICE_NAME", "the shop")
    assert resource_of("worker-7").attributes["service.name"] == "the shop"


def test_a_receiver_that_is_away_costs_nobody_an_answer(
    own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    tracer = OtelTracer("worker-7")
    own.api = Traced(own.api, tracer)
    assert [own("GET", PERSONAL).status for _ in range(3)] == [200] * 3
    tracer.close()


def test_off_means_that_nothing_is_loaded() -> None:
    program = "import sys, endcap.entrypoints.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0
    assert "opentelemetry" not in done.stdout.decode()
    assert bootstrap.tracer_of(load_settings({}), "worker-0") is None


def test_on_without_the_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "endcap.adapters.otel", None)
    with pytest.raises(InvalidInput) as caught:
        bootstrap.tracer_of(load_settings({}, otel="on"), "worker-0")
    assert (caught.value.code, caught.value.field) == ("otel_extra_missing", "ENDCAP_OTEL")
