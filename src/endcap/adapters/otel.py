"""Traces through OpenTelemetry, sent as OTLP over HTTP from a thread of its own.

The standard ``OTEL_…`` variables say where to, how many and under which name; the library reads
them itself.
"""

from __future__ import annotations

import logging
import time
from threading import Thread

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from endcap import __version__
from endcap.telemetry import Spans

Attributes = dict[str, str | int]
CLOSE_S = 3.0  # how long an end of the process waits for the last spans to be sent
_PROPAGATOR = TraceContextTextMapPropagator()


class RequestSpan:
    """One request's span. ``traceparent`` names it to others."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        context = span.get_span_context()
        self.recorded = span.is_recording()
        self.traceparent = (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        )

    def end(self, attributes: Attributes, failed: bool, stages: Spans) -> None:
        """``stages`` in s of ``time.monotonic``; they become spans below this one."""
        if self.recorded:
            below = set_span_in_context(self._span)
            for stage, began, ended in stages:
                span = self._tracer.start_span(stage, below, start_time=self._ns(began))
                span.end(self._ns(ended))
            self._span.set_attributes(attributes)
            if failed:
                self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()

    def _ns(self, seconds: float) -> int:
        return int(seconds * 1e9) + self._offset_ns


class OtelTracer:
    """One for each worker; ``process`` names it."""

    def __init__(self, process: str) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.ERROR)
        self._provider = TracerProvider(resource=resource_of(process), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("endcap", __version__)

    def begin(self, name: str, attributes: Attributes, parent: str | None) -> RequestSpan:
        """A ``parent`` that cannot be read begins a trace of its own."""
        context = _PROPAGATOR.extract({} if parent is None else {"traceparent": parent})
        span = self._tracer.start_span(name, context, SpanKind.SERVER, attributes)
        return RequestSpan(self._tracer, span)

    def close(self) -> None:
        """Send what is left, within ``CLOSE_S``: a receiver that is away holds up no stop."""
        thread = Thread(target=self._provider.shutdown, daemon=True, name="last spans")
        thread.start()
        thread.join(CLOSE_S)


def resource_of(process: str) -> Resource:
    """What the spans are of: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before ours."""
    own = {"service.version": __version__, "service.instance.id": process}
    told = Resource.create()
    if str(told.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        own[SERVICE_NAME] = "endcap"
    return told.merge(Resource(own))
