"""The real ASGI application over a real, empty shop, asked without a network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
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
