"""Pages of other origins, and the headers that every answer carries."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.bootstrap import open_shop
from endcap.settings import load_settings

POPULAR, EVENTS = "/v1/recommendations/popular", "/v1/events"
EVENT = {"userId": "U1", "itemId": "I1", "event_type": "view"}
OURS, FOREIGN = "https://shop.example", "https://foreign.example"
HOST = ("Host", "127.0.0.1:8000")


@pytest.fixture(scope="module")
def listed(ask: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """In open mode, with one origin that may ask."""
    home = tmp_path_factory.mktemp("home")
    return type(ask)(open_shop(load_settings({}, home=home, cors_origins=f" {OURS} ,")))


def preflight(ask: Any, origin: str, path: str = EVENTS, method: str = "POST") -> Any:
    headers = [HOST, ("Origin", origin), ("Access-Control-Request-Method", method)]
    return ask("OPTIONS", path, headers=headers)


def test_a_preflight_of_a_listed_origin(listed: Any) -> None:
    told = preflight(listed, OURS, "/v1/users/U1")
    assert (told.status, told.raw) == (204, b"")
    assert {n: v for n, v in told.headers.items() if n.startswith("access-") or n == "vary"} == {
        "access-control-allow-origin": OURS,
        "access-control-allow-methods": "DELETE, PUT",
        "access-control-allow-headers": "authorization, content-type, idempotency-key, x-api-key",
        "access-control-max-age": "600",
        "access-control-expose-headers": "endcap-answer-id, endcap-error-code, "
        "endcap-error-field, endcap-fallback, endcap-model-version, endcap-newest-event-age, "
        "endcap-probability, endcap-strategy, retry-after",
        "vary": "origin",
    }
    assert "content-length" not in told.headers


@pytest.mark.parametrize("origin", [FOREIGN, "null", "", OURS + ".evil", "http://shop.example"])
def test_a_foreign_origin(listed: Any, ask: Any, origin: str) -> None:
    for asker in (listed, ask):
        told = preflight(asker, origin)
        assert (told.status, told.headers["endcap-error-code"]) == (403, "origin_refused")
        assert told.headers["endcap-error-field"] == "Origin"
        assert not [name for name in told.headers if name.startswith("access-")]
        told = asker("GET", POPULAR, headers=[HOST, ("Origin", origin)])
        assert told.status == 200
        assert not [name for name in told.headers if name.startswith("access-")]
        end = asker.shop.log.end()
        told = asker("POST", EVENTS, EVENT, [HOST, ("Origin", origin)])
        assert (told.status, told.headers["endcap-error-code"]) == (403, "origin_refused")
        assert asker.shop.log.end() == end


def test_a_listed_origin_and_the_servers_own_page(listed: Any, ask: Any) -> None:
    told = listed("POST", EVENTS, EVENT, [HOST, ("Origin", OURS)])
    assert told.status == 202
    assert told.headers["access-control-allow-origin"] == OURS
    for asker in (listed, ask):
        told = asker("POST", EVENTS, EVENT, [HOST, ("Origin", "http://127.0.0.1:8000")])
        assert told.status == 202
        assert "access-control-allow-origin" not in told.headers


def test_answers_say_that_they_depend_on_the_origin(listed: Any, ask: Any) -> None:
    assert listed("GET", POPULAR).headers["vary"] == "origin"
    assert "vary" not in ask("GET", POPULAR).headers


def test_no_answer_permits_credentials_or_any_origin(listed: Any) -> None:
    for told in (preflight(listed, OURS), listed("GET", POPULAR, headers=[("Origin", OURS)])):
        assert "access-control-allow-credentials" not in told.headers
        assert "*" not in told.headers["access-control-allow-origin"]


def test_options_without_a_question_is_no_preflight(listed: Any) -> None:
    for headers in ([], [("Origin", OURS)], [("Access-Control-Request-Method", "POST")]):
        assert listed("OPTIONS", EVENTS, headers=headers).status == 405
    assert preflight(listed, OURS, "/nothing").status == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", POPULAR, 200), ("GET", "/nothing", 404), ("GET", POPULAR + "?k=0", 400),
     ("GET", "/docs", 200), ("GET", "/metrics", 200), ("PATCH", EVENTS, 405)],
)  # fmt: skip
def test_headers_of_every_answer(ask: Any, method: str, path: str, status: int) -> None:
    told = ask(method, path)
    assert told.status == status
    assert told.headers["x-content-type-options"] == "nosniff"
    assert told.headers["referrer-policy"] == "no-referrer"
    if told.headers["content-type"] == "application/json":
        assert told.headers["cache-control"] == "no-store"


def test_pages_run_nothing_from_elsewhere_and_in_no_frame(ask: Any) -> None:
    policy = ask("GET", "/docs").headers["content-security-policy"]
    for rule in ("default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'",
                 "base-uri 'none'"):  # fmt: skip
        assert rule in policy
