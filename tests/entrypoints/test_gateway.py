"""Events of gateways against the application itself: the same question, the same answer."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import quote

import pytest

from endcap.app.intake import Intake
from endcap.bootstrap import open_shop
from endcap.domain.errors import InvalidInput
from endcap.entrypoints.lambdas.gateway import Gateway, patterns_of, unpacked
from endcap.serving.api import Api
from endcap.serving.routes import ROUTES
from endcap.settings import load_settings

FORMS = ("http-v2", "http-v2-stage", "http-v1", "rest-v1", "function-url")
HTTP_APIS = FORMS[:3]
PATTERNS = patterns_of((route.method, route.path) for route in ROUTES)
ORIGIN = "https://shop.example"
LIMITS = {"ENDCAP_MAX_BODY_KB": "64", "ENDCAP_CORS_ORIGINS": ORIGIN}
JSON = ("Content-Type", "application/json")
KEY = "Idempotency-Key"
IDS = ("plain", "ü/ä", "a b+c", "50%", "a/b/c", "x&y=z;", "'\"<>", "\U0001f600", "recommendations")
VARYING = ("endcap-answer-id", "endcap-newest-event-age")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    shop = open_shop(load_settings({"ENDCAP_HOME": str(tmp_path_factory.mktemp("home")), **LIMITS}))
    return Api(shop, Intake(shop), lambda: time.time_ns() // 1000)


@pytest.fixture(params=FORMS)
def ask(request: pytest.FixtureRequest, api: Api, gateway_events: Any) -> Any:
    """Asks through a gateway."""
    gateway = Gateway(api, PATTERNS)

    def asked(method: str, target: str, body: Any = None, headers: Any = ()) -> Any:
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        event = gateway_events.FORMS[request.param](method, target, raw, headers)
        return gateway_events.answer_of(gateway(json.loads(json.dumps(event))))

    asked.form = request.param  # type: ignore[attr-defined]
    return asked


def direct(api: Api, method: str, target: str, body: bytes = b"", headers: Any = ()) -> Any:
    """(status, headers, body) as the server on a laptop answers."""
    path, _, query = target.partition("?")
    given = [(b"host", b"laptop"), *((n.lower().encode(), v.encode("latin-1")) for n, v in headers)]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "headers": given,
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(api(scope, receive, send))
    told = {n.decode(): v.decode("latin-1") for n, v in sent[0]["headers"]}
    return sent[0]["status"], told, sent[1]["body"]


def steady(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in VARYING}


@pytest.mark.parametrize(
    ("method", "target", "body", "headers"),
    [
        ("GET", "/v1/health", b"", ()),
        ("GET", "/health", b"", ()),
        ("GET", "/v1/recommendations/personalized?userId=%C3%BC+1%2F%26&k=3", b"", ()),
        ("GET", "/v1/recommendations/personalized?userId=a&userId=b", b"", ()),
        ("GET", "/v1/recommendations/personalized?userId=", b"", ()),
        ("GET", "/v1/recommendations/personalized?userId=a&k=101", b"", ()),
        ("GET", "/v1/nothing", b"", ()),
        ("DELETE", "/v1/health", b"", ()),
        ("POST", "/v1/events", b"{}", (JSON,)),
        ("POST", "/v1/events", b"\xff\xfe", (JSON,)),
        ("POST", "/v1/events", b'{"userId":"\xc3\xbc"}', (JSON,)),
        ("POST", "/v1/events", b"a=1", (("Content-Type", "text/plain"),)),
        ("POST", "/v1/events", b" " * 70_000, (JSON,)),
        ("POST", "/v1/events", b"", ()),
        ("OPTIONS", "/v1/events", b"", (
            ("Origin", ORIGIN), ("Access-Control-Request-Method", "POST"))),
        ("OPTIONS", "/v1/events", b"", (
            ("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST"))),
        ("OPTIONS", "/v1/events", b"", ()),
        ("GET", "/v1/health", b"", (("Origin", ORIGIN),)),
        ("POST", "/v1/events", b"{}", (JSON, ("Origin", "https://evil.example"))),
        ("GET", "/", b"", ()),
        ("GET", "/site/site.js", b"", ()),
        ("GET", "/openapi.json", b"", ()),
        ("GET", "/v1/users/nobody/recommendations", b"", ()),
    ],
)  # fmt: skip
def test_answers_are_those_of_the_laptop(
    ask: Any, api: Api, method: str, target: str, body: bytes, headers: Any
) -> None:
    status, told, raw = direct(api, method, target, body, headers)
    answer = ask(method, target, body, headers)
    assert (answer.status, answer.raw) == (status, raw)
    assert steady(answer.headers) == steady(told)


@pytest.mark.parametrize("item", IDS)
def test_ids_in_paths_come_through(ask: Any, item: str) -> None:
    target = f"/v1/items/{quote(item, safe='')}"
    assert ask("PUT", target, {"name": item}, (JSON,)).status == 200
    found = ask("GET", target)
    assert (found.status, found.body["itemId"]) == (200, item)
    stored = ask("GET", f"/v1/users/{quote(item, safe='')}/recommendations")
    assert (stored.status, stored.body) == (404, {"error": "No stored recommendations"})


def test_what_an_http_api_loses_is_told(ask: Any) -> None:
    """It hands on a decoded path: what follows an encoded question mark is lost there, and text
    that looks percent-encoded is taken for it."""
    lost = ask.form in HTTP_APIS
    assert ask("PUT", "/v1/items/a%3Fb", {"name": "n"}, (JSON,)).status == 200
    assert (ask("GET", "/v1/items/a%3Fb").body["itemId"]) == ("a" if lost else "a?b")
    assert ask("PUT", "/v1/items/a%2541", {"name": "n"}, (JSON,)).status == 200
    assert ask("GET", "/v1/items/a%2541").body["itemId"] == ("aA" if lost else "a%41")


def test_head_has_no_body(ask: Any) -> None:
    whole, head = ask("GET", "/"), ask("HEAD", "/")
    assert (head.status, head.raw) == (200, b"")
    assert head.headers == whole.headers


def test_a_key_that_came_twice_is_refused_where_the_gateway_shows_it(ask: Any) -> None:
    event = {"userId": "u", "itemId": "i", "event_type": "view"}
    answer = ask("POST", "/v1/events", event, (JSON, (KEY, "one"), (KEY, "two")))
    joins = ask.form in ("http-v2", "http-v2-stage", "function-url")
    assert answer.status == (202 if joins else 400)
    assert joins or answer.headers["endcap-error-code"] == "duplicate_parameter"


@pytest.mark.parametrize("form", ["second", "first"])
def test_bodies_may_come_in_base64(api: Api, gateway_events: Any, form: str) -> None:
    body = '{"userId":"ü","itemId":"i","event_type":"view"}'.encode()
    event = getattr(gateway_events, form)("POST", "/v1/events", body, (JSON,), base64=True)
    assert event["isBase64Encoded"]
    answer = Gateway(api)(event)
    assert (answer["statusCode"], answer["body"]) == (202, '{"ok":true}')


def test_several_values_of_a_header_stay_several_where_that_is_possible() -> None:
    from endcap.entrypoints.lambdas.gateway import packed

    headers = [(b"vary", b"origin"), (b"vary", b"accept")]
    assert packed(200, headers, b"", False)["multiValueHeaders"] == {"vary": ["origin", "accept"]}
    assert packed(200, headers, b"", True)["headers"] == {"vary": "origin, accept"}
    assert packed(200, [], b"\xff", True)["isBase64Encoded"] is True


def test_a_stage_is_taken_off_where_it_stands(gateway_events: Any) -> None:
    for path, stage, wanted in (
        ("/v1/health", "v1", "/v1/health"),
        ("/", "prod", "/"),
        ("/production", "prod", "/production"),
    ):
        for make in (gateway_events.first, gateway_events.second):
            assert unpacked(make("GET", path, stage=stage))[0]["path"] == wanted
    mapped = gateway_events.first("GET", "/v1/health", stage="prod")
    mapped["path"] = mapped["requestContext"]["path"] = "/prod/v1/health"
    assert unpacked(mapped)[0]["path"] == "/v1/health"


@pytest.mark.parametrize("event", [{}, {"Records": []}, {"version": "2.0"}])
def test_what_is_no_request_is_said_to_be_none(event: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        unpacked(event)
    assert caught.value.code == "no_http_event"
