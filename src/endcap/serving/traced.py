"""The application with traces: a span for each request, and one below it for each stage.

Stands around the application where traces are on; where they are off, nothing of this runs. A
span holds no id, no query string, no body and no header: of the path its pattern alone.
"""

from __future__ import annotations

from typing import Protocol

from endcap.serving.api import Api, Send
from endcap.serving.bodies import Message, Receive
from endcap.telemetry import SPANS, Spans

Attributes = dict[str, str | int]
# Headers of an answer that its span tells as well.
TOLD = {
    b"endcap-strategy": "endcap.strategy",
    b"endcap-fallback": "endcap.fallback",
    b"endcap-model-version": "endcap.model_version",
    b"endcap-error-code": "endcap.error_code",
}


class Span(Protocol):
    """The span of one request."""

    recorded: bool  # else nobody wants to know
    traceparent: str

    def end(self, attributes: Attributes, failed: bool, stages: Spans) -> None:
        """Send it and its stages on their way. Does not wait."""


class Tracer(Protocol):
    """What makes spans. ``parent``: the caller's ``traceparent``, as it came."""

    def begin(self, name: str, attributes: Attributes, parent: str | None) -> Span: ...


class Traced:
    """An ASGI application."""

    def __init__(self, api: Api, tracer: Tracer) -> None:
        self._api = api
        self._tracer = tracer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        method, pattern = scope["method"], self._api.pattern(scope)
        method = method if method in METHODS else "_OTHER"
        attributes: Attributes = {"http.request.method": method}
        if pattern:
            attributes["http.route"] = pattern
        span = self._tracer.begin(f"{method} {pattern}".strip(), attributes, parent_of(scope))
        answer = Answer(send, span.traceparent)
        stages: Spans = []
        mark = SPANS.set(stages if span.recorded else None)
        try:
            await self._api(scope, receive, answer)
        finally:
            SPANS.reset(mark)
            span.end(answer.attributes, answer.status >= 500, stages)


METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")


def parent_of(scope: Message) -> str | None:
    """The caller's place in a trace; None when it came twice, which is nobody's."""
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    return found[0].decode("latin-1") if len(found) == 1 else None


class Answer:
    """``send`` that adds ``traceparent`` and remembers what the span is to say."""

    def __init__(self, send: Send, traceparent: str) -> None:
        self._send = send
        self._header = (b"traceparent", traceparent.encode())
        self.status = 0  # nobody was there to answer
        self.attributes: Attributes = {}

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.attributes["http.response.status_code"] = self.status
            for name, value in message["headers"]:
                if name in TOLD:
                    self.attributes[TOLD[name]] = value.decode("latin-1")
            message = {**message, "headers": [*message["headers"], self._header]}
        await self._send(message)
