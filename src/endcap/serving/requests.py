"""What a route gets and what it gives: one request, one reply, and the desk they meet at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import msgspec

from endcap.app.campaign_answers import CampaignAnswers
from endcap.app.intake import Outcome
from endcap.app.nearby import Nearby
from endcap.app.remote_ranker import RemoteRanker
from endcap.app.shop import Shop
from endcap.domain.errors import EndcapError, InvalidInput, OverRate, Unavailable
from endcap.domain.records import AnyRecord, digest
from endcap.domain.values import Answer
from endcap.engine.guarding import Deadline
from endcap.serving.bodies import Message, Receive, read_body
from endcap.serving.parameters import Parameters, parse_query
from endcap.serving.refusals import UnsupportedContent
from endcap.serving.shapes import MOST_ID, ErrorAnswer

Headers = list[tuple[bytes, bytes]]
JSON = b"application/json"
IDEMPOTENCY_KEY = "Idempotency-Key"

encode_json = msgspec.json.Encoder().encode


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: Headers = []  # noqa: RUF012 - never changed in place
    content_type: bytes = JSON


class Taker(Protocol):
    """What takes changes in, as ``app.intake.Intake`` does."""

    def submit(self, record: AnyRecord, size: int = 0) -> Awaitable[Outcome]:
        """Done when the record, or the first writing of it, is durable. ``size``: bytes of the
        body that it came in."""


@dataclass(frozen=True)
class Desk:
    """What every route works with. ``now`` gives µs since 1970: the edge's clock; ``clock`` gives
    seconds that only grow, for deadlines. ``nearby`` asks a vector database, ``ranker`` an
    endpoint, ``campaign`` Amazon Personalize."""

    shop: Shop
    intake: Taker
    now: Callable[[], int]
    clock: Callable[[], float] = time.monotonic
    nearby: Nearby | None = None
    ranker: RemoteRanker | None = None
    campaign: CampaignAnswers | None = None
    replaying: asyncio.Lock = field(default_factory=asyncio.Lock)  # held by one replay at a time

    def deadline(self) -> Deadline:
        """When the answer to a query that comes now must be there."""
        return Deadline(self.clock, self.clock() + self.shop.settings.deadline_ms / 1000)

    @property
    def most_body(self) -> int:
        return self.shop.settings.max_body_kb * 1024


class Request:
    """One HTTP request; ``ids`` are the path's variables."""

    def __init__(self, scope: Message, receive: Receive, path: str, ids: Parameters) -> None:
        self._scope = scope
        self._receive = receive
        self.path = path
        self.ids = ids

    @property
    def method(self) -> str:
        return str(self._scope["method"])

    @cached_property
    def query(self) -> Parameters:
        return parse_query(self._scope["query_string"])

    def header(self, name: bytes) -> str | None:
        """Raises InvalidInput (duplicate_parameter) when it came more than once."""
        value = self._headers.get(name)
        if value is None:
            return None
        if len(self._headers) < len(self._scope["headers"]):  # something came more than once
            count = sum(given == name for given, _ in self._scope["headers"])
            if count > 1:
                header = name.decode().title()
                raise InvalidInput("duplicate_parameter", field=header, count=count)
        return value.decode("latin-1").strip()

    @cached_property
    def _headers(self) -> dict[bytes, bytes]:
        return dict(self._scope["headers"])

    async def body(self, most: int) -> bytes:
        """The raw body; its content type is checked first."""
        check_content_type(self.header(b"content-type"))
        length = self.header(b"content-length")
        announced = int(length) if length is not None and length.isdecimal() else None
        return await read_body(self._receive, announced, most)

    def idempotency(self, raw: bytes) -> tuple[bytes, bytes]:
        """(key, body) as a record carries them; two empty strings without the header."""
        key = self.header(b"idempotency-key")
        if key is None:
            return b"", b""
        if not key:
            raise InvalidInput("missing_member", field=IDEMPOTENCY_KEY)
        if len(key) > MOST_ID:
            raise InvalidInput(
                "id_too_long", field=IDEMPOTENCY_KEY, value=key, most=MOST_ID, length=len(key)
            )
        if not (key.isascii() and key.isprintable()):
            raise InvalidInput("id_unprintable", field=IDEMPOTENCY_KEY, value=key)
        return digest(self.method, self.path, key), digest(raw)


def check_content_type(given: str | None) -> None:
    """JSON in UTF-8, or nothing said. Raises UnsupportedContent (bad_content_type)."""
    if given is None or given == "application/json":
        return
    kind, *options = [part.strip().lower() for part in given.split(";")]
    charsets = [o.partition("=")[2].strip('"') for o in options if o.startswith("charset=")]
    if kind != "application/json" or any(c not in ("utf-8", "utf8") for c in charsets):
        raise UnsupportedContent("bad_content_type", field="Content-Type", value=given)


def json_reply(value: Any, status: int = 200) -> Reply:
    return Reply(status, encode_json(value))


def answer_reply(value: Any, answer: Answer) -> Reply:
    """200 with the headers that say which model answered, how, and how fresh it is."""
    headers: Headers = [
        (b"endcap-model-version", (answer.model_version or "none").encode()),
        (b"endcap-strategy", answer.strategy.encode()),
    ]
    if answer.newest_event_age_s is not None:
        headers.append((b"endcap-newest-event-age", b"%.3f" % answer.newest_event_age_s))
    if answer.answer_id:
        headers.append((b"endcap-answer-id", answer.answer_id.encode()))
    if answer.fallback:
        headers.append((b"endcap-fallback", answer.fallback.encode()))
    return Reply(200, encode_json(value), headers)


def error_reply(error: EndcapError) -> Reply:
    headers: Headers = [(b"endcap-error-code", error.code.encode())]
    if error.field:
        headers.append((b"endcap-error-field", header_value(error.field)))
    if isinstance(error, Unavailable | OverRate):
        headers.append((b"retry-after", str(error.retry_after_s).encode()))
    if error.status in (401, 403):
        headers += challenge(error)
    if error.status == 405:
        headers.append((b"allow", str(error.facts["permitted"]).encode()))
    return Reply(error.status, encode_json(ErrorAnswer(str(error))), headers)


def challenge(error: EndcapError) -> Headers:
    """How to do better (RFC 6750): which scheme, what was wrong, which scope is needed."""
    words = 'Bearer realm="endcap"'
    if error.code == "scope_missing":
        words += f', error="insufficient_scope", scope="{error.facts["permitted"]}"'
    elif error.status == 403:
        return []
    elif error.code != "key_missing":
        words += ', error="invalid_token"'
    return [(b"www-authenticate", words.encode())]


def header_value(text: str) -> bytes:
    """Text of the client's as a header may carry it: short printable ASCII."""
    plain = text[:MOST_ID].encode("ascii", "backslashreplace")
    return bytes(byte if 32 <= byte < 127 else 46 for byte in plain).strip()
