"""Runs a Lambda function for real, without Docker: the official client of the Runtime API
(``awslambdaric``) in a process of its own, against a Runtime API served here.

``with LambdaHost("package.module.handler", environment) as host: host.invoke(event)``. As in
Lambda: one call at a time, a function that does not answer in time is killed, one that ended is
started anew, an answer of more than 6 MB is refused.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from types import TracebackType
from typing import Any, NamedTuple

MOST_ANSWER_BYTES = 6_291_556  # as Lambda has it: 6 MB and a little
ARN = "arn:aws:lambda:us-east-1:123456789012:function:tested"
TRACE = "Root=1-{seconds:08x}-{random:.24};Parent=53995c3f42cd8ad8;Sampled={sampled}"
CAUSE = "Lambda-Runtime-Function-XRay-Error-Cause"


class Answer(NamedTuple):
    """``failed``: the payload is Lambda's account of an error."""

    payload: Any
    failed: bool
    size: int  # bytes of JSON


@dataclass
class Call:
    """One event on its way through the function."""

    body: bytes
    until: float  # s since 1970
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answered: Event = field(default_factory=Event)
    result: tuple[bytes, bool] = (b"", False)

    def finish(self, body: bytes, failed: bool) -> None:
        self.result = (body, failed)
        self.answered.set()


class LambdaHost:
    """See the module. ``told``: where the function's output goes."""

    def __init__(
        self, handler: str, environment: dict[str, str], told: Path, timeout_s: float = 60.0
    ) -> None:
        self._waiting: Queue[Call] = Queue()
        self._current: Call | None = None
        self._timeout_s = timeout_s
        self._closed = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._requests())
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()
        self._words = [sys.executable, "-m", "awslambdaric", handler]
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "tested",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "LAMBDA_TASK_ROOT": str(told.parent),
            **environment,
        }
        self._told = told
        self._process: subprocess.Popen[bytes] | None = None
        self._processes = 0  # started so far

    def __enter__(self) -> LambdaHost:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._closed = True
        self._kill()
        self._server.shutdown()
        self._server.server_close()

    def invoke(self, event: Any, dies: bool = False) -> Answer:
        """Raises nothing: what goes wrong is in the answer, as Lambda tells it. ``dies``: the
        process is killed while it has the event."""
        self._start()
        call = self._current = Call(json.dumps(event).encode(), time.time() + self._timeout_s)
        self._waiting.put(call)
        if dies:
            self._kill()
        while not call.answered.wait(0.02):
            assert self._process is not None
            if time.time() > call.until:
                self._kill()
                told = f"Task timed out after {self._timeout_s:.2f} seconds"
                call.finish(error("Sandbox.Timedout", told), True)
            elif self._process.poll() is not None:
                told = f"Runtime exited with status {self._process.returncode}"
                call.finish(error("Runtime.ExitError", told), True)
        body, failed = call.result
        return Answer(json.loads(body), failed, len(body))

    def _start(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self._processes += 1
            with self._told.open("ab") as told:
                self._process = subprocess.Popen(
                    self._words, env=self._environment, stdout=told, stderr=told
                )

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def _next(self) -> Call | None:
        """The next event; None when the host was closed, or the process that asks has died."""
        asking = self._processes
        while not self._closed and asking == self._processes:
            try:
                call = self._waiting.get(timeout=0.1)
            except Empty:
                continue
            if asking != self._processes:
                self._waiting.put(call)
            elif not call.answered.is_set():  # else the one that should have answered has died
                return call
        return None

    def _trace(self) -> str:
        """Of the next call. Where there is an X-Ray daemon, each call is sampled."""
        sampled = int("AWS_XRAY_DAEMON_ADDRESS" in self._environment)
        return TRACE.format(seconds=int(time.time()), random=uuid.uuid4().hex, sampled=sampled)

    def _finish(self, path: str, body: bytes) -> int:
        """What the function posted: its answer, an error, or that it cannot even start."""
        call, kind = self._current, path.rsplit("/", 1)[-1]
        assert call is not None
        if kind == "response" and len(body) > MOST_ANSWER_BYTES:
            told = f"Response payload size ({len(body)} bytes) exceeded maximum"
            call.finish(error("Function.ResponseSizeTooLarge", told), True)
            return 413
        call.finish(body, kind == "error")
        return 202

    def _requests(host) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - ``self`` is the request
        class Requests(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else head and body of an answer come 40 ms apart

            def do_GET(self) -> None:
                call = host._next()
                if call is None:
                    self.close_connection = True
                    return
                self._answer(
                    200,
                    call.body,
                    {
                        "Lambda-Runtime-Aws-Request-Id": call.request_id,
                        "Lambda-Runtime-Deadline-Ms": str(int(call.until * 1000)),
                        "Lambda-Runtime-Invoked-Function-Arn": ARN,
                        "Lambda-Runtime-Trace-Id": host._trace(),
                    },
                )

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if cause := self.headers[CAUSE]:  # Lambda hands it to X-Ray
                    with host._told.open("a", encoding="utf-8") as told:
                        told.write(f"{CAUSE}: {cause}\n")
                self._answer(host._finish(self.path, body), b"{}", {})

            def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """The function's own output says enough."""

        return Requests


def error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
