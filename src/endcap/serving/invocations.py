"""The inference container's two routes as an ASGI application: ``/ping`` and ``/invocations``.

Source: "Use your own inference code with hosting services", Amazon SageMaker developer guide.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from endcap.domain.errors import EndcapError, NotFound, Unavailable
from endcap.models.ranker import COLUMNS, Ranker
from endcap.serving.bodies import Disconnected, Message, Receive, read_body
from endcap.serving.feature_rows import accepted, content_of, read_rows, write_predictions
from endcap.serving.refusals import Internal, MethodNotPermitted
from endcap.serving.requests import JSON, Headers, Reply, encode_json, error_reply

Send = Callable[[Message], Awaitable[None]]

ROUTES = {"/ping": ("GET", "HEAD"), "/invocations": ("POST",)}
WAITING_FOR_EACH_THREAD = 32  # requests; more are refused until some are done
log = logging.getLogger("endcap.invocations")


class Deployed(NamedTuple):
    """What answers: a ranker and the name of its version."""

    ranker: Ranker
    version: str

    @property
    def attributes(self) -> bytes:
        """What each answer says of the model, for who asks to see that it is the right one."""
        return f"version={self.version};trees={self.ranker.trees.fingerprint}".encode()


class Invocations:
    """``deployed`` is None until the model is loaded. ``most_bytes``: of a body; rows are scored
    in ``threads`` threads."""

    def __init__(self, most_bytes: int, threads: int) -> None:
        self.deployed: Deployed | None = None
        self._most_bytes = most_bytes
        self._threads = ThreadPoolExecutor(threads, "score")
        self._most_waiting = threads * WAITING_FOR_EACH_THREAD
        self._waiting = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            reply = await self._reply(scope, receive)
        except EndcapError as error:
            reply = error_reply(error)
        except Disconnected:
            return
        except Exception as error:  # its text may quote what was sent
            log.error("request failed", extra={"facts": {"kind": type(error).__name__}})
            reply = error_reply(Internal("internal_error"))
        headers: Headers = [
            (b"content-type", reply.content_type),
            (b"content-length", b"%d" % len(reply.body)),
            *reply.headers,
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        body = b"" if scope["method"] == "HEAD" else reply.body
        await send({"type": "http.response.body", "body": body})

    async def _reply(self, scope: Message, receive: Receive) -> Reply:
        path, method = scope["path"], scope["method"]
        if path not in ROUTES:
            raise NotFound("unknown_path", field="path", value=path)
        if method not in ROUTES[path]:
            permitted = ", ".join(ROUTES[path])
            raise MethodNotPermitted(
                "method_not_permitted", field="method", value=method, permitted=permitted
            )
        deployed = self.deployed
        if deployed is None:
            raise Unavailable("model_not_loaded", retry_after_s=5)
        if path == "/ping":
            return Reply(200, encode_json({"ok": True, "version": deployed.version}))
        return await self._invoke(deployed, dict(scope["headers"]), receive)

    async def _invoke(
        self, deployed: Deployed, headers: dict[bytes, bytes], receive: Receive
    ) -> Reply:
        kind = content_of(_text(headers.get(b"content-type")))
        answer = accepted(_text(headers.get(b"accept")))
        length = _text(headers.get(b"content-length")) or ""
        announced = int(length) if length.isdecimal() else None
        raw = await read_body(receive, announced, self._most_bytes)
        if self._waiting >= self._most_waiting:
            raise Unavailable("endpoint_busy", value=self._most_waiting)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            body = await loop.run_in_executor(self._threads, score, deployed, raw, kind, answer)
        finally:
            self._waiting -= 1
        told = [(b"x-amzn-sagemaker-custom-attributes", deployed.attributes)]
        return Reply(200, body, told, JSON if answer == JSON.decode() else answer.encode())


def score(deployed: Deployed, raw: bytes, kind: str, answer: str) -> bytes:
    """The body of the answer to a body, of the kinds that ``feature_rows`` knows. Raises as
    ``read_rows``."""
    rows = read_rows(raw, kind, len(COLUMNS))
    margins = deployed.ranker.trees.margins(rows)
    probabilities = deployed.ranker.calibration.apply(margins)
    return write_predictions(probabilities, margins, answer, deployed.version)


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1").strip()
