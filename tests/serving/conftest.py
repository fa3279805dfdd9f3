"""The real ASGI application over a real, empty shop, asked without a network."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest

from endcap.app.intake import Intake
from endcap.app.shop import Shop
from endcap.bootstrap import open_shop
from endcap.serving.api import Api
from endcap.settings import load_settings

LIMITS = {"ENDCAP_MAX_BODY_KB": "64", "ENDCAP_MAX_BATCH": "5", "ENDCAP_DEADLINE_MS": "60000"}


@dataclass
class Told:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)


class Asker:
    """Calls the application as a server does; bodies may come in several parts."""

    def __init__(self, shop: Shop, prefix: str = "") -> None:
        self.shop = shop
        self.api = Api(shop, Intake(shop), lambda: time.time_ns() // 1000, prefix)

    def __call__(
        self,
        method: str,
        target: str | bytes,
        body: Any = None,
        headers: Iterable[tuple[str, str]] = (),
        parts: list[bytes] | None = None,
    ) -> Told:
        """``target`` is path and query as on the wire; ``body`` is bytes or becomes JSON."""
        raw = target.encode() if isinstance(target, str) else target
        path, _, query = raw.partition(b"?")
        given = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        if parts is None:
            whole = body if isinstance(body, bytes) else msgspec.json.encode(body)
            parts = [b"" if body is None else whole]
            if not any(name == b"content-length" for name, _ in given):
                given.append((b"content-length", b"%d" % len(parts[0])))
        scope = {
            "type": "http",
            "method": method,
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": given,
        }
        messages = [
            {"type": "http.request", "body": part, "more_body": i + 1 < len(parts)}
            for i, part in enumerate(parts)
        ]
        return asyncio.run(self._ask(scope, messages))

    async def _ask(self, scope: dict[str, Any], messages: list[dict[str, Any]]) -> Told:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.api(scope, receive, send)
        start, end = sent
        headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Told(start["status"], headers, end["body"])


def open_in(folder: Path) -> Shop:
    return open_shop(load_settings({"ENDCAP_HOME": str(folder), **LIMITS}))


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """One shop for all tests of a module: they must not rely on what others leave."""
    return Asker(open_in(tmp_path_factory.mktemp("home")))


@pytest.fixture
def own(tmp_path: Path) -> Asker:
    """A shop for one test, which may damage it."""
    return Asker(open_in(tmp_path))


class Receiver:
    """An OTLP receiver over HTTP on a loopback address: takes spans as a collector does."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.raw.append(
                    gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body
                )
                known = self.path == "/v1/traces"
                self.send_response(200 if known else 404)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def requests(self) -> list[Any]:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

        return [trace_service_pb2.ExportTraceServiceRequest.FromString(raw) for raw in self.raw]

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests()
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.close()
