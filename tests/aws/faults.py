"""A proxy in front of the emulator that answers faults for chosen operations, and remembers what
was asked of it: how real clients meet an AWS that has a bad day.

``with faults(aws) as between: between.refuse("PutItem", 2, "ThrottlingException")``: the next two
calls of that operation are refused, everything else goes through. An operation is called as AWS
calls it where the protocol says so (``BatchWriteItem``, ``PutRecords``), else by method and path
(``PUT /bucket/key``, ``POST /recommendations``); a rule is a regular expression over all of it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

NOT_PASSED_ON = {"connection", "transfer-encoding", "content-length", "expect"}


class Call(NamedTuple):
    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


# What happens instead of passing a call on. None: the connection is closed without an answer.
Act = Callable[[Call, Callable[[Call], Answer]], Answer | None]


@dataclass
class Rule:
    """``left``: how many calls it still meets."""

    pattern: re.Pattern[str]
    left: int
    act: Act
    met: int = 0


@dataclass
class Faults:
    """``seen``: the operations that were asked for, in order."""

    upstream: str
    common: dict[str, str]
    url: str = ""
    rules: list[Rule] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to meet the faults."""
        return {**self.common, "AWS_ENDPOINT_URL": self.url}

    def clear(self) -> None:
        self.rules.clear()
        self.seen.clear()

    def rule(self, pattern: str, times: int, act: Act) -> Rule:
        made = Rule(re.compile(pattern), times, act)
        self.rules.append(made)
        return made

    def refuse(self, pattern: str, times: int, code: str, status: int = 400) -> Rule:
        """An error of this code."""
        return self.rule(pattern, times, lambda call, _: refusal(call, code, status))

    def hang(self, pattern: str, times: int, seconds: float) -> Rule:
        """No answer at all."""

        def wait(_: Call, __: Callable[[Call], Answer]) -> None:
            time.sleep(seconds)

        return self.rule(pattern, times, wait)

    def lose(self, pattern: str, times: int) -> Rule:
        """It is done, and the answer is lost on its way."""

        def lost(call: Call, forward: Callable[[Call], Answer]) -> None:
            forward(call)

        return self.rule(pattern, times, lost)

    def leave(self, times: int, taken: int) -> Rule:
        """Of each BatchWriteItem only so many are carried out; the rest comes back unprocessed."""
        return self.rule("BatchWriteItem", times, lambda *asked: partly(*asked, taken))

    def acting(self, call: Call) -> Act | None:
        with self.lock:
            self.seen.append(call.operation)
            for rule in self.rules:
                if rule.left > 0 and rule.pattern.fullmatch(call.operation):
                    rule.left -= 1
                    rule.met += 1
                    return rule.act
        return None

    def forward(self, call: Call) -> Answer:
        there = urlsplit(self.upstream)
        connection = HTTPConnection(str(there.hostname), there.port, timeout=60)
        try:
            connection.request(call.method, call.path, call.body, call.headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()


def refusal(call: Call, code: str, status: int) -> Answer:
    if call.operation.split()[0] in ("GET", "PUT", "HEAD", "DELETE"):  # S3
        body = f"<Error><Code>{code}</Code><Message>a fault</Message></Error>".encode()
        return Answer(status, {"Content-Type": "application/xml"}, body)
    body = json.dumps({"__type": f"com.amazonaws#{code}", "message": "a fault"}).encode()
    kind = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-ErrorType": code}
    return Answer(status, kind, body)


def partly(call: Call, forward: Callable[[Call], Answer], taken: int) -> Answer:
    asked = json.loads(call.body)
    ((table, requests),) = asked["RequestItems"].items()
    if taken:
        some = {**asked, "RequestItems": {table: requests[:taken]}}
        done = forward(call._replace(body=json.dumps(some).encode()))
        assert done.status == 200, done
    left = {table: requests[taken:]} if requests[taken:] else {}
    body = json.dumps({"UnprocessedItems": left}).encode()
    return Answer(200, {"Content-Type": "application/x-amz-json-1.0"}, body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what some tests are about."""


@contextmanager
def faults(aws: Any) -> Iterator[Faults]:
    """A proxy on a free port in front of a running emulator."""
    between = Faults(aws.url, aws.environment)
    server = Server(("127.0.0.1", 0), passing(between))
    between.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield between
    finally:
        server.shutdown()
        server.server_close()


def passing(between: Faults) -> type[BaseHTTPRequestHandler]:
    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            target = self.headers["X-Amz-Target"]
            path = self.path.partition("?")[0]
            operation = target.rpartition(".")[2] if target else f"{self.command} {path}"
            kept = {n: v for n, v in self.headers.items() if n.lower() not in NOT_PASSED_ON}
            call = Call(operation, self.command, self.path, kept, body)
            act = between.acting(call)
            answer = act(call, between.forward) if act else between.forward(call)
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in (*NOT_PASSED_ON, "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do  # noqa: N815 - as the server calls it

        def log_message(self, *_: Any) -> None:
            """``seen`` says enough."""

    return Passing
