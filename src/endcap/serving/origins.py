"""Which pages may ask (CORS): an allow-list of origins, never ``*``."""

from __future__ import annotations

from collections.abc import Iterable

from endcap.domain.errors import Forbidden
from endcap.serving.bodies import Message
from endcap.serving.requests import Headers, Reply

MAX_AGE_S = 600
_ALLOWED = b"authorization, content-type, idempotency-key, x-api-key"
_EXPOSED = (
    b"endcap-answer-id, endcap-error-code, endcap-error-field, endcap-fallback, "
    b"endcap-model-version, endcap-newest-event-age, endcap-probability, endcap-strategy, "
    b"retry-after"
)
_VARY = (b"vary", b"origin")


def header_of(scope: Message, name: bytes) -> bytes | None:
    """The first header of that (lower-case) name."""
    for given, value in scope["headers"]:
        if given == name:
            return bytes(value)
    return None


def is_own(scope: Message, origin: bytes) -> bool:
    """Whether the page came from this server itself."""
    host = header_of(scope, b"host") or b""
    return bool(host) and origin in (b"http://" + host, b"https://" + host)


class Origins:
    """``allowed``: comma-separated origins like ``https://shop.example``."""

    def __init__(self, allowed: str) -> None:
        names = [name.strip().rstrip("/").lower() for name in allowed.split(",")]
        self._allowed = frozenset(name.encode() for name in names if name)

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def permits(self, scope: Message, origin: bytes) -> bool:
        return origin in self._allowed or is_own(scope, origin)

    def headers(self, scope: Message) -> Headers:
        """For any answer. A page of a foreign origin is given nothing, so that its browser keeps
        the answer from it."""
        if not self._allowed:
            return []
        origin = header_of(scope, b"origin")
        if origin is None or origin not in self._allowed:
            return [_VARY]
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            _VARY,
        ]

    def preflight(
        self, scope: Message, methods: Iterable[str], permitted: bytes = _ALLOWED
    ) -> Reply | None:
        """The answer to a browser that asks before it sends; None: this is no such question.
        ``permitted``: the headers that it may send.

        Raises Forbidden (origin_refused).
        """
        origin = header_of(scope, b"origin")
        if origin is None or header_of(scope, b"access-control-request-method") is None:
            return None
        self.refuse_foreign(scope)
        headers = [
            (b"access-control-allow-methods", ", ".join(sorted(methods)).encode()),
            (b"access-control-allow-headers", permitted),
            (b"access-control-max-age", b"%d" % MAX_AGE_S),
        ]
        return Reply(204, b"", headers)

    def refuse_foreign(self, scope: Message) -> None:
        """Raises Forbidden (origin_refused) when a page of another origin asks."""
        origin = header_of(scope, b"origin")
        if origin is not None and not self.permits(scope, origin):
            raise Forbidden("origin_refused", field="Origin")
