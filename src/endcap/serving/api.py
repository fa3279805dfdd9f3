"""The ASGI application: finds the route, runs it, and turns every failure into a clear answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from endcap.app.campaign_answers import CampaignAnswers
from endcap.app.nearby import Nearby
from endcap.app.remote_ranker import RemoteRanker
from endcap.app.shop import Shop
from endcap.domain.errors import EndcapError, NotFound
from endcap.serving.bodies import Disconnected, Message, Receive
from endcap.serving.failures import note
from endcap.serving.guard import Guard
from endcap.serving.parameters import Parameters, decode_segment
from endcap.serving.personalize.api import Personalize
from endcap.serving.personalize.protocol import is_below, pattern_of
from endcap.serving.refusals import Internal, MethodNotPermitted
from endcap.serving.requests import JSON, Desk, Headers, Reply, Request, Taker, error_reply
from endcap.serving.routes import ROUTES, Route, twin_path
from endcap.telemetry import Counter, Histogram

Send = Callable[[Message], Awaitable[None]]
Methods = dict[str, Route]

log = logging.getLogger("endcap.serving")


@dataclass
class Place:
    """What answers at one path. ``path`` names it with its variables filled in."""

    methods: Methods = field(default_factory=dict)
    path: str = ""
    ids: Parameters = field(default_factory=dict)


# Nothing guesses types or learns where a person came from; answers about persons are not kept.
_ON_ALL: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
_ON_JSON: Headers = [*_ON_ALL, (b"cache-control", b"no-store")]


class Api:
    """``now`` gives µs since 1970. ``prefix``: a path under which a gateway mounts us
    (``/prod``), taken off where it stands. ``routes``: those that are answered.
    ``personalize``: what answers below ``/personalize``; None: nothing does."""

    def __init__(
        self,
        shop: Shop,
        intake: Taker,
        now: Callable[[], int],
        prefix: str = "",
        routes: Iterable[Route] = ROUTES,
        personalize: Personalize | None = None,
    ) -> None:
        elsewhere = shop.settings.vectors != "folder"  # a folder holds what the model has anyway
        nearby = Nearby(shop, time.monotonic) if elsewhere else None
        ranker = RemoteRanker(shop, time.monotonic) if shop.ranker is not None else None
        campaign = CampaignAnswers(shop, shop.campaign, time.monotonic) if shop.campaign else None
        self._desk = Desk(shop, intake, now, nearby=nearby, ranker=ranker, campaign=campaign)
        self._guard = Guard(shop, now)
        self._prefix = prefix.encode()
        self._personalize = personalize
        self._meters: dict[tuple[str, int], tuple[Histogram, Counter]] = {}
        self._in_flight = shop.telemetry.level("requests_in_flight")
        self._fixed: dict[bytes, Place] = {}
        self._patterns: list[tuple[list[str], Methods]] = []
        for known in routes:
            route = known
            if (ranker or campaign) and route.elsewhere is not None:
                route = replace(route, read=None, write=route.elsewhere)
            self._add(route, route.path)
            if route.twin:
                self._add(route, twin_path(route))

    def _add(self, route: Route, path: str) -> None:
        if "{" not in path:
            place = self._fixed.setdefault(path.encode(), Place(path=route.path))
            place.methods[route.method] = route
            return
        segments = path.split("/")
        known = next((methods for other, methods in self._patterns if other == segments), None)
        if known is None:
            known = {}
            self._patterns.append((segments, known))
        known[route.method] = route

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other(scope, receive, send)
            return
        began = time.perf_counter()
        name, in_flight = "none", self._in_flight
        in_flight.add()
        try:
            path = self._path(scope)
            if self._personalize is not None and is_below(path):
                name, reply = await self._personalize(scope, receive, path)
            else:
                place = self._find(path)
                asked = self._guard.preflight(scope, place.methods)
                if asked is not None:
                    reply = asked
                else:
                    route = _route_of(place, scope["method"])
                    name = route.name
                    self._guard.admit(scope, route)
                    request = Request(scope, receive, place.path, place.ids)
                    reply = await self._run(route, request)
        except EndcapError as error:
            reply = _refused(error)
        except Disconnected:
            return
        except Exception as error:
            reply = _failed(error)
        finally:
            in_flight.add(-1.0)
        await _send(send, reply, self._guard.origins.headers(scope))
        time_of, count = self._meters.get((name, reply.status)) or self._meter(name, reply.status)
        time_of.observe(time.perf_counter() - began)
        count.add()

    def pattern(self, scope: Message) -> str:
        """The path of the route that would answer, with its variables by name; "" for none."""
        path = self._path(scope)
        if self._personalize is not None and is_below(path):
            return pattern_of(path)
        try:
            return _route_of(self._find(path), scope["method"]).path
        except EndcapError:
            return ""

    def _meter(self, name: str, status: int) -> tuple[Histogram, Counter]:
        telemetry = self._desk.shop.telemetry
        found = (
            telemetry.histogram("request_seconds", route=name),
            telemetry.counter("requests_total", route=name, status=str(status)),
        )
        return self._meters.setdefault((name, status), found)

    async def _run(self, route: Route, request: Request) -> Reply:
        if route.read is not None:
            return route.read(self._desk, request)
        assert route.write is not None  # noqa: S101 - every route has one of the two
        return await route.write(self._desk, request)

    def _path(self, scope: Message) -> bytes:
        """As it came, without the prefix."""
        raw = bytes(scope.get("raw_path") or scope["path"].encode())
        if self._prefix and raw.startswith(self._prefix + b"/"):
            raw = raw[len(self._prefix) :]
        return raw

    def _find(self, raw: bytes) -> Place:
        """Raises NotFound (unknown_path) and InvalidInput (bad_encoding)."""
        return self._fixed.get(raw) or self._match(raw)

    def _match(self, raw: bytes) -> Place:
        given = raw.split(b"/")
        for segments, methods in self._patterns:
            if len(segments) != len(given):
                continue
            ids: Parameters = {}
            for segment, part in zip(segments, given, strict=True):
                if segment.startswith("{"):
                    ids[segment[1:-1]] = decode_segment(part, segment[1:-1])
                elif segment.encode() != part:
                    break
            else:
                return Place(methods, raw.decode("latin-1"), ids)
        raise NotFound("unknown_path", field="path", value=raw.decode("utf-8", "replace"))


def _route_of(place: Place, method: str) -> Route:
    route = place.methods.get("GET" if method == "HEAD" else method)
    if route is None:
        permitted = sorted(place.methods) + ["HEAD"] * ("GET" in place.methods)
        raise MethodNotPermitted(
            "method_not_permitted", field="method", value=method, permitted=", ".join(permitted)
        )
    return route


def _refused(error: EndcapError) -> Reply:
    if error.status >= 500:
        log.error("request failed", extra={"facts": {"code": error.code, "status": error.status}})
    return error_reply(error)


def _failed(error: Exception) -> Reply:
    """A defect."""
    note(error)
    return error_reply(Internal("internal_error"))


async def _send(send: Send, reply: Reply, more: Headers) -> None:
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", b"%d" % len(reply.body)),
        *(_ON_JSON if reply.content_type is JSON else _ON_ALL),
        *reply.headers,
        *more,
    ]
    if reply.status == 204:  # has no body, hence nothing that describes one
        headers = headers[2:]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _other(scope: Message, receive: Receive, send: Send) -> None:
    """Start-up and shutdown messages are acknowledged; web sockets are turned away."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    while scope["type"] == "lifespan":
        message = await receive()
        kind = message["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
