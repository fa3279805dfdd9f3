"""Requests as API Gateway and function URLs hand them to a function, for an ASGI application.

Three forms: payload 2.0 (HTTP APIs and function URLs), payload 1.0 of HTTP APIs, and events of REST
APIs. A REST API and a function URL leave the path percent-encoded; an HTTP API decodes it, which
is made good as far as that can be done: see docs/functions.md.

Importing this loads nothing heavy.
"""

from __future__ import annotations

import asyncio
import re
import weakref
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from endcap.domain.errors import InvalidInput

Event = Mapping[str, Any]
Message = MutableMapping[str, Any]
Headers = list[tuple[bytes, bytes]]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

NO_STAGE = "$default"
_IN_PATHS = "/%:@!$&'()*+,;=~"  # beside letters, digits and -._ what an encoded path may hold
_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


class Pattern(NamedTuple):
    """A path with one variable: what stands before and behind it."""

    method: str
    before: str
    behind: str


def patterns_of(routes: Iterable[tuple[str, str]]) -> tuple[Pattern, ...]:
    """Of (method, path) those with a variable, the longest end first."""
    found = []
    for method, path in routes:
        before, opened, rest = path.partition("{")
        if opened:
            found.append(Pattern(method, before, rest.partition("}")[2]))
    return tuple(sorted(found, key=lambda pattern: -len(pattern.behind)))


class Gateway:
    """What a handler calls. ``app`` answers each request with one start and one body; one loop
    serves all calls. ``patterns``: of its routes."""

    def __init__(self, app: Application, patterns: Sequence[Pattern] = ()) -> None:
        self._app, self._patterns = app, patterns
        self._loop = asyncio.new_event_loop()
        weakref.finalize(self, self._loop.close)

    def __call__(self, event: Event) -> dict[str, Any]:
        """The answer in the form that the event's sender takes. Raises InvalidInput
        (no_http_event)."""
        scope, body = unpacked(event, self._patterns)
        sent: list[Message] = []
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        async def ask() -> None:
            await self._app(scope, receive, send)

        self._loop.run_until_complete(ask())
        start, end = sent
        body = b"" if scope["method"] == "HEAD" else end["body"]
        return packed(int(start["status"]), start["headers"], body, is_second(event))


def is_second(event: Event) -> bool:
    return event.get("version") == "2.0"


def unpacked(event: Event, patterns: Sequence[Pattern] = ()) -> tuple[Message, bytes]:
    """The ASGI scope of a request, and its body. Raises InvalidInput (no_http_event)."""
    context = event.get("requestContext") or {}
    try:
        if is_second(event):
            method, raw = str(context["http"]["method"]), str(event["rawPath"])
            query, headers = str(event.get("rawQueryString", "")).encode(), headers_of_second(event)
        else:
            method, raw = str(event["httpMethod"]), str(event["path"])
            query, headers = query_of_first(event), headers_of_first(event)
    except KeyError as error:
        raise InvalidInput("no_http_event", field=str(error.args[0])) from None
    path = without_stage(raw, event)
    asked = raw if is_second(event) else str(context.get("path", raw))
    root = asked.removesuffix(path) if asked.endswith(path) else ""  # signatures hold it
    if is_decoded(event):
        path = mended(path, method, patterns)
    path = encoded(path)
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": root,
        "query_string": query,
        "headers": headers,
    }
    return scope, body_of(event)


def body_of(event: Event) -> bytes:
    body = event.get("body") or ""
    return b64decode(body) if event.get("isBase64Encoded") else str(body).encode()


def is_decoded(event: Event) -> bool:
    """Whether the path comes without its percent-encoding: from HTTP APIs, in either payload.
    Events of REST APIs say no version."""
    domain = str((event.get("requestContext") or {}).get("domainName", ""))
    return "version" in event and ".lambda-url." not in domain


def without_stage(path: str, event: Event) -> str:
    """A REST API takes the stage off itself, unless a domain of one's own maps it."""
    context = event.get("requestContext") or {}
    stage = str(context.get("stage") or NO_STAGE)
    if not is_second(event) and context.get("path", path) != path:
        return path
    if stage != NO_STAGE and f"{path}/".startswith(f"/{stage}/"):
        return path[len(stage) + 1 :] or "/"
    return path


def mended(path: str, method: str, patterns: Sequence[Pattern]) -> str:
    """A decoded path in which an id may hold slashes: where no more than one variable can take
    them, they are its own."""
    asked = "GET" if method == "HEAD" else method
    for pattern in patterns:
        stop = len(path) - len(pattern.behind)
        fits = path.startswith(pattern.before) and path.endswith(pattern.behind)
        if pattern.method == asked and fits and len(pattern.before) < stop:
            variable = path[len(pattern.before) : stop]
            return pattern.before + variable.replace("/", "%2F") + pattern.behind
    return path


def encoded(path: str) -> str:
    """What cannot stand in a path as it is percent-encoded; what is encoded stays."""
    return quote(_LONE_PERCENT.sub("%25", path), safe=_IN_PATHS)


def headers_of_second(event: Event) -> Headers:
    given = [*(event.get("headers") or {}).items()]
    given += [("cookie", "; ".join(event["cookies"]))] if event.get("cookies") else []
    return [_header(name, value) for name, value in given]


def headers_of_first(event: Event) -> Headers:
    several = event.get("multiValueHeaders")
    if several is None:
        return [_header(name, value) for name, value in (event.get("headers") or {}).items()]
    return [_header(name, value) for name, values in several.items() for value in values]


def _header(name: str, value: Any) -> tuple[bytes, bytes]:
    return name.lower().encode("latin-1", "replace"), str(value).encode("latin-1", "replace")


def query_of_first(event: Event) -> bytes:
    """Names and values come decoded."""
    several = event.get("multiValueQueryStringParameters")
    if several is None:
        single = event.get("queryStringParameters") or {}
        several = {name: [value] for name, value in single.items()}
    pairs = [(name, value) for name, values in several.items() for value in values]
    return "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in pairs).encode()


def packed(status: int, headers: Headers, body: bytes, second: bool) -> dict[str, Any]:
    several: dict[str, list[str]] = {}
    for name, value in headers:
        several.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    answer: dict[str, Any] = {
        "statusCode": status,
        "headers": {name: ", ".join(values) for name, values in several.items()},
        "isBase64Encoded": False,
    }
    if not second:
        answer["multiValueHeaders"] = several
    try:
        answer["body"] = body.decode()
    except UnicodeDecodeError:
        answer |= {"body": b64encode(body).decode(), "isBase64Encoded": True}
    return answer
