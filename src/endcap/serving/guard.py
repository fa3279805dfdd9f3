"""The gate before every route: who asks, what for, how often.

A route is open only when it is named here; any other needs a scope, also one that is added
later. Nothing of a key or token is logged, counted or put into an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from endcap.app.keys import KeyRing
from endcap.app.shop import Shop
from endcap.control.access import ADMIN, READ, WRITE, Access
from endcap.control.api_keys import MARK
from endcap.domain.errors import EndcapError, Forbidden, OverRate, Unauthorized
from endcap.serving.bodies import Message
from endcap.serving.origins import Origins
from endcap.serving.requests import Reply
from endcap.serving.routes import Route

# Paths that anybody may read: is it up, what can it do, the page to try it.
OPEN = frozenset({"/", "/v1/health", "/openapi.json", "/docs", "/site/site.css", "/site/site.js"})
_OF_METHOD = {"GET": READ, "POST": WRITE, "PUT": WRITE, "PATCH": WRITE}
_SPECIAL = {"rerank": READ, "metrics": ADMIN}
API_KEY, AUTHORIZATION = "X-Api-Key", "Authorization"


def scope_of(route: Route) -> str | None:
    """What a route needs; None: nothing. A method that is not known here needs ``admin``."""
    if route.method == "GET" and route.path in OPEN:
        return None
    return _SPECIAL.get(route.name) or _OF_METHOD.get(route.method, ADMIN)


def credential(scope: Message) -> tuple[str, str]:
    """(header, text) of the key or token that came. Raises Unauthorized (key_missing)."""
    bearer = None
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return API_KEY, value.decode("latin-1").strip()
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = value
    if bearer is None:
        raise Unauthorized("key_missing", field=API_KEY)
    return AUTHORIZATION, bearer[7:].decode("latin-1").strip()


class Guard:
    """One for each worker. ``now`` gives µs since 1970."""

    def __init__(self, shop: Shop, now: Callable[[], int]) -> None:
        settings = shop.settings
        self.origins = Origins(settings.cors_origins)
        self.is_open = settings.auth == "open"
        self.is_behind = settings.auth == "gateway"  # who asks was looked at before us
        self._rate_per_s, self._burst = settings.rate_per_s, settings.burst
        self._shop = shop
        self._ring = KeyRing(shop)
        self._now = now
        self._needs: dict[tuple[str, str], str | None] = {}

    def preflight(self, scope: Message, methods: Iterable[str]) -> Reply | None:
        """The answer to a browser's question before a request from a page of another origin;
        None: it is a request. Raises Forbidden (origin_refused)."""
        if scope["method"] != "OPTIONS":
            return None
        return self.origins.preflight(scope, methods)

    def admit(self, scope: Message, route: Route) -> None:
        """Returns when the request may go on.

        Raises Unauthorized, Forbidden (scope_missing, origin_refused), OverRate (over_rate) and
        Unavailable (keys cannot be read now).
        """
        if self.is_open:
            # Without keys, a page of any site could else make a browser on this machine write.
            if route.method != "GET":
                self.origins.refuse_foreign(scope)
            return
        needed = None if self.is_behind else self._needed(route)
        if needed is None:
            return
        try:
            self._admit(scope, needed)
        except EndcapError as error:
            self._shop.telemetry.count("refusals_total", code=error.code)
            raise

    def _needed(self, route: Route) -> str | None:
        mark = (route.method, route.path)
        try:
            return self._needs[mark]
        except KeyError:
            return self._needs.setdefault(mark, scope_of(route))

    def _admit(self, scope: Message, needed: str) -> None:
        header, text = credential(scope)
        now = self._now()
        try:
            access = self._access(header, text, now)
        except Unauthorized as error:
            raise Unauthorized(error.code, field=header, **error.facts) from None
        self._take(access, now)
        if needed not in access.scopes:
            raise Forbidden("scope_missing", field=header, permitted=needed)

    def _access(self, header: str, text: str, now: int) -> Access:
        tokens = self._shop.tokens
        if header == AUTHORIZATION and tokens is not None and not text.startswith(f"{MARK}_"):
            return tokens(text)
        return self._ring.access(text, now)

    def _take(self, access: Access, now: int) -> None:
        rate = self._rate_per_s if access.rate_per_s is None else access.rate_per_s
        if rate <= 0 or self._shop.rates is None:
            return
        burst = self._burst if access.burst is None else access.burst
        wait = self._shop.rates(access.owner, int(1e9 / rate), burst, now * 1000)
        if wait > 0:
            retry = -(-wait // 1_000_000_000)
            raise OverRate("over_rate", retry_after_s=retry, rate=rate)
