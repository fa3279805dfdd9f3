"""Every bad request gets its own clear answer, and changes nothing.

The table says what is sent, and the status, code, field and value that answer it. The shop
permits bodies of 64 KiB and 5 entries in a list.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

PERSONALIZED = "/v1/recommendations/personalized"
RELATED = "/v1/recommendations/related"
RERANK = "/v1/recommendations/rerank"
EVENTS, BATCH = "/v1/events", "/v1/events/batch"
LONG = "x" * 257

GOOD: dict[str, Any] = {"userId": "U1", "itemId": "I1", "event_type": "view"}


def event(**changes: Any) -> dict[str, Any]:
    """A good event with members changed; None takes a member away."""
    return {k: v for k, v in {**GOOD, **changes}.items() if v is not None}


def events(position: int, **changes: Any) -> dict[str, Any]:
    return {"events": [GOOD] * position + [event(**changes)]}


class Bad(NamedTuple):
    method: str
    target: str
    status: int
    code: str
    field: str
    body: Any = None
    says: str = ""  # the whole prose where the contract fixes it, else a part of it
    headers: tuple[tuple[str, str], ...] = ()
    parts: list[bytes] | None = None


def get(target: str, code: str, field: str, says: str = "", status: int = 400) -> Bad:
    return Bad("GET", target, status, code, field, says=says)


def post(body: Any, code: str, field: str, says: str = "", status: int = 400) -> Bad:
    return Bad("POST", EVENTS, status, code, field, body, says)


def batch(body: Any, code: str, field: str, says: str = "") -> Bad:
    return Bad("POST", BATCH, 400, code, field, body, says)


def put(target: str, body: Any, code: str, field: str, says: str = "") -> Bad:
    return Bad("PUT", target, 400, code, field, body, says)


def with_headers(*headers: tuple[str, str], status: int, code: str, field: str) -> Bad:
    return Bad("POST", EVENTS, status, code, field, GOOD, headers=headers)


GET = "get_recommendations"


def submit(body: Any, code: str, field: str, says: str = "") -> Bad:
    return Bad("POST", "/submit", 400, code, field, body, says)


SAID = {"customer_id": "1", "interest": "tea", "location": "Oslo"}


def recommend(body: Any, code: str, field: str, says: str = "") -> Bad:
    return Bad("POST", "/recommend", 400, code, field, body, says)


K_RANGE = "k must be between 1 and 100"

BAD: list[Bad] = [
    # personalized and related: the contract's own
    get(PERSONALIZED, "missing_member", "userId", "Missing userId"),
    get(f"{PERSONALIZED}?userId=", "missing_member", "userId", "Missing userId"),
    get(f"{PERSONALIZED}?userid=U1", "missing_member", "userId", "Missing userId"),
    get("/recommendations/personalized", "missing_member", "userId", "Missing userId"),
    get(RELATED, "missing_member", "itemId", "Missing itemId"),
    get("/recommendations/related?k=3", "missing_member", "itemId", "Missing itemId"),
    *(
        get(f"{PERSONALIZED}?userId=U1&k={k}", "k_out_of_range", "k", K_RANGE)
        for k in ("0", "101", "-1", "x", "", "1.5", "1e1", "%D9%A3", "+5", "99999999999", "5%00")
    ),
    get(f"{RELATED}?itemId=I1&k=0", "k_out_of_range", "k", K_RANGE),
    get("/v1/recommendations/popular?k=101", "k_out_of_range", "k", K_RANGE),
    get("/v1/recommendations/trending?k=no", "k_out_of_range", "k", K_RANGE),
    # query strings
    get(f"{PERSONALIZED}?userId={LONG}", "id_too_long", "userId", "has 257"),
    get(f"{RELATED}?itemId={LONG}", "id_too_long", "itemId", "has 257"),
    get(f"{PERSONALIZED}?userId=a%0Ab", "id_unprintable", "userId", "a·b"),
    get(f"{PERSONALIZED}?userId=%00", "id_unprintable", "userId"),
    get(f"{PERSONALIZED}?userId=%FF", "bad_encoding", "userId"),
    get(f"{PERSONALIZED}?userId=%ED%A0%80", "bad_encoding", "userId"),
    get(f"{PERSONALIZED}?%FF=1&userId=U1", "bad_encoding", "query"),
    get(f"{PERSONALIZED}?userId=U1&userId=U2", "duplicate_parameter", "userId", "2 times"),
    get(f"{PERSONALIZED}?userId=U1&k=1&%6B=1&k=2", "duplicate_parameter", "k", "3 times"),
    get(f"{PERSONALIZED}?userId=U1&seen=all", "bad_choice", "seen", "exclude_purchased, "),
    get(f"{PERSONALIZED}?userId=U1&seen=", "bad_choice", "seen"),
    get(f"{PERSONALIZED}?userId=U1&department={LONG}", "id_too_long", "department"),
    get("/v1/recommendations/popular?eventType=buy", "bad_choice", "eventType", "'buy'"),
    get("/v1/recommendations/trending?eventType=View", "bad_choice", "eventType"),
    get(f"{PERSONALIZED}?userId=U1&x=" + "y" * 9000, "query_too_long", "query", "8192"),
    # paths and methods
    get("/site/", "unknown_path", "path", status=404),
    get("/site/site.py", "unknown_path", "path", status=404),
    get("/v1/recommendations", "unknown_path", "path", status=404),
    get("/v1/health/", "unknown_path", "path", status=404),
    get("/V1/health", "unknown_path", "path", status=404),
    get("/v1/users//", "unknown_path", "path", status=404),
    get("/v1/users/a/b/recommendations", "unknown_path", "path", status=404),
    get("/trending", "unknown_path", "path", status=404),
    get("/v1/users//recommendations", "missing_member", "userId"),
    get("/v1/users/%C3%28/recommendations", "bad_encoding", "userId"),
    get(f"/v1/users/{LONG}/recommendations", "id_too_long", "userId"),
    get("/v1/users/a%07/recommendations", "id_unprintable", "userId"),
    get(
        "/v1/users/nobody/recommendations", "no_stored_recommendations", "userId",
        "No stored recommendations", 404,
    ),
    get(EVENTS, "method_not_permitted", "method", "POST", 405),
    get("/v1/items", "method_not_permitted", "method", "PUT", 405),
    get("/v1/items/none", "unknown_item", "itemId", "'none'", 404),
    get(f"/v1/items/{LONG}", "id_too_long", "itemId"),
    Bad("POST", PERSONALIZED, 405, "method_not_permitted", "method", says="GET, HEAD"),
    Bad("DELETE", "/v1/health", 405, "method_not_permitted", "method"),
    Bad("PATCH", "/v1/users/U1", 405, "method_not_permitted", "method", says="DELETE, PUT"),
    Bad("OPTIONS", EVENTS, 405, "method_not_permitted", "method"),
    # one event: the contract's own
    post(event(userId=None), "missing_member", "userId", "Missing userId"),
    post(event(itemId=None), "missing_member", "itemId", "Missing itemId"),
    post(event(event_type=None), "missing_member", "event_type", "Missing event_type"),
    post({}, "missing_member", "userId", "Missing userId"),
    post(GOOD | {"userId": None}, "missing_member", "userId", "Missing userId"),
    post(GOOD | {"event_type": None}, "missing_member", "event_type", "Missing event_type"),
    post(event(userId=""), "missing_member", "userId", "Missing userId"),
    post(event(itemId=""), "missing_member", "itemId", "Missing itemId"),
    # one event: types and values
    post(event(userId=5), "not_a_string", "userId", "'5'"),
    post(event(itemId=["I1"]), "not_a_string", "itemId"),
    post(event(userId=LONG), "id_too_long", "userId", "has 257"),
    post(event(itemId="a\x00b"), "id_unprintable", "itemId"),
    post(event(event_type="buy"), "bad_choice", "event_type", "view, add_to_cart, purchase"),
    post(event(event_type=""), "bad_choice", "event_type"),
    post(event(event_type=1), "bad_choice", "event_type", "'1'"),
    post(event(event_id=""), "missing_member", "event_id"),
    post(event(event_id=LONG), "id_too_long", "event_id"),
    post(event(event_id="\x7f"), "id_unprintable", "event_id"),
    post(event(session_id=LONG), "id_too_long", "session_id"),
    post(event(value="2"), "not_a_number", "value", "'2'"),
    post(event(value=True), "not_a_number", "value"),
    post(b'{"userId":"U1","itemId":"I1","event_type":"view","value":1e999}',
         "number_out_of_range", "value"),
    *(
        post(event(ts=ts), "bad_time", "ts", ts[:20])
        for ts in (
            "yesterday", "2025-13-01T00:00:00Z", "2025-02-30T00:00:00Z", "2025-08-16",
            "2025-08-16T25:00:00Z", "2025-08-16T18:30:61Z", "20250816T183000Z",
            "2025-08-16T18:30:00+99:00", "٢٠٢٥-08-16T18:30:00Z", "2025-08-16T18:30:00Z\n",
        )
    ),
    post(event(ts=""), "bad_time", "ts"),
    post(event(ts=1755369000), "not_a_string", "ts"),
    post(event(ts="1969-12-31T23:59:59Z"), "time_out_of_range", "ts"),
    post(event(ts="2999-01-01T00:00:00Z"), "time_out_of_range", "ts", "2999-01-01"),
    post(event(ts="0001-01-01T00:00:00+14:00"), "time_out_of_range", "ts"),
    # attributes
    post(event(attributes=[1]), "not_an_object", "attributes"),
    post(event(attributes={"a": {"b": 1}}), "bad_attribute", "attributes.a"),
    post(event(attributes={"ok": 1, "a": ["x", 1]}), "bad_attribute", "attributes.a"),
    post(event(attributes={f"a{i}": i for i in range(101)}), "too_many_attributes", "attributes",
         "has 101"),
    post(event(attributes={"": 1}), "bad_attribute_name", "attributes"),
    post(event(attributes={"n" * 129: 1}), "bad_attribute_name", "attributes", "128"),
    post(event(attributes={"a": "t" * 8193}), "attribute_too_long", "attributes.a", "8192"),
    post(event(attributes={"a": ["t"] * 101}), "attribute_too_long", "attributes.a", "100"),
    post(event(attributes={"a": ["t" * 257]}), "attribute_too_long", "attributes.a", "256"),
    post(b'{"userId":"U1","itemId":"I1","event_type":"view","attributes":{"n":%d}}' % 10**400,
         "number_out_of_range", "attributes.n"),
    # bodies as a whole
    post(None, "empty_body", "body"),
    post(b" \n", "empty_body", "body"),
    post(b"{", "bad_json", "body"),
    post(b'{"userId":"U1",}', "bad_json", "body"),
    post(b'{"value":NaN}', "bad_json", "body"),
    post(b'{"value":-Infinity}', "bad_json", "body"),
    post(b'{"userId":"\\ud800"}', "bad_json", "body"),
    post(b'{"userId":"\xff"}', "bad_encoding", "body"),
    post(b"\xef\xbb\xbf{}", "bad_json", "body"),
    post([], "not_an_object", "body"),
    post(b"null", "not_an_object", "body"),
    post(b'"text"', "not_an_object", "body"),
    post(b"userId=U1&itemId=I1", "bad_json", "body"),
    post(b'{"x":' + b"[" * 16 + b"]" * 16 + b"}", "nested_too_deep", "body", "16"),
    post(b"[" * 30_000, "nested_too_deep", "body"),
    post(b'{"a":' * 8000, "nested_too_deep", "body"),
    post(b" " * 65537, "body_too_large", "body", "65536", 413),
    Bad("POST", EVENTS, 413, "body_too_large", "body", parts=[b" " * 40_000] * 3, says="65536"),
    with_headers(("Content-Length", "65537"), status=413, code="body_too_large", field="body"),
    # headers
    *(
        with_headers(("Content-Type", kind), status=415, code="bad_content_type",
                     field="Content-Type")
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                     "application/json; charset=utf-16", "application/jsonl", "")
    ),
    with_headers(("Idempotency-Key", LONG), status=400, code="id_too_long",
                 field="Idempotency-Key"),
    with_headers(("Idempotency-Key", "clé"), status=400, code="id_unprintable",
                 field="Idempotency-Key"),
    with_headers(("Idempotency-Key", ""), status=400, code="missing_member",
                 field="Idempotency-Key"),
    with_headers(("Idempotency-Key", "a"), ("Idempotency-Key", "a"), status=400,
                 code="duplicate_parameter", field="Idempotency-Key"),
    with_headers(("Content-Type", "application/json"), ("Content-Type", "text/plain"),
                 status=400, code="duplicate_parameter", field="Content-Type"),
    # batches of events name the position
    batch({}, "missing_member", "events", "Missing events"),
    batch({"events": []}, "empty_list", "events"),
    batch({"events": GOOD}, "not_a_list", "events"),
    batch({"events": [GOOD] * 6}, "too_many_entries", "events", "has 6"),
    batch({"events": [GOOD, 5]}, "not_an_object", "events[1]"),
    batch(events(2, itemId=None), "missing_member", "events[2].itemId", "Missing events[2].itemId"),
    batch(events(3, userId=7), "not_a_string", "events[3].userId"),
    batch(events(1, event_type="buy"), "bad_choice", "events[1].event_type"),
    batch(events(1, ts="soon"), "bad_time", "events[1].ts"),
    batch(events(1, userId="\n"), "id_unprintable", "events[1].userId"),
    batch(events(1, attributes={"a": {}}), "bad_attribute", "events[1].attributes.a"),
    batch(events(1, attributes={"a": "t" * 8193}), "attribute_too_long", "events[1].attributes.a"),
    # upserts
    put("/v1/items", {"items": []}, "empty_list", "items"),
    put("/v1/items", {"items": [{"itemId": f"I{i}"} for i in range(6)]}, "too_many_entries",
        "items"),
    put("/v1/items", {"items": [{"itemId": "I1"}, {"price": 1}]}, "missing_member",
        "items[1].itemId"),
    put("/v1/items", {"items": [{"itemId": 5}]}, "not_a_string", "items[0].itemId"),
    put("/v1/items", {"items": [{"itemId": LONG}]}, "id_too_long", "items[0].itemId"),
    put("/v1/items", {"items": [{"itemId": "I1", "size": {"w": 1}}]}, "bad_attribute",
        "items[0].size"),
    put("/v1/items", {"users": []}, "missing_member", "items"),
    put("/v1/users", {"users": [{"userId": ""}]}, "missing_member", "users[0].userId"),
    put("/v1/users", {"users": "U1"}, "not_a_list", "users"),
    put("/v1/items/I1", {"itemId": "I2"}, "id_differs", "itemId", "'I1' in the path"),
    put("/v1/items/I1", [], "not_an_object", "body"),
    put("/v1/items/I1", {"price": [1]}, "bad_attribute", "price"),
    put("/v1/items/", {}, "missing_member", "itemId"),
    put(f"/v1/users/{LONG}", {}, "id_too_long", "userId"),
    put("/v1/users/%FF", {}, "bad_encoding", "userId"),
    put("/v1/users/U1", {"a\n": 1}, "bad_attribute_name", "body"),
    Bad("DELETE", "/v1/users/", 400, "missing_member", "userId"),
    Bad("DELETE", f"/v1/users/{LONG}", 400, "id_too_long", "userId"),
    # rerank
    Bad("POST", RERANK, 400, "missing_member", "userId", {"items": ["a"]}, "Missing userId"),
    Bad("POST", RERANK, 400, "missing_member", "items", {"userId": "U1"}, "Missing items"),
    Bad("POST", RERANK, 400, "empty_list", "items", {"userId": "U1", "items": []}),
    Bad("POST", RERANK, 400, "not_a_string", "items[1]", {"userId": "U1", "items": ["a", 1]}),
    Bad("POST", RERANK, 400, "missing_member", "items[0]", {"userId": "U1", "items": [""]}),
    Bad("POST", RERANK, 400, "too_many_entries", "items", {"userId": "U1", "items": ["a"] * 6}),
    *(
        Bad("POST", RERANK, 400, "k_out_of_range", "k", {"userId": "U", "items": ["a"], "k": k},
            K_RANGE)
        for k in (0, 101, "3", 2.5, True, 10**30)
    ),
    Bad("POST", RERANK, 400, "bad_choice", "seen", {"userId": "U", "items": ["a"], "seen": "x"}),
    # submissions
    submit({}, "missing_member", "user_id", "Missing user_id"),
    submit({"user_id": "1"}, "missing_member", "event", "Missing event"),
    submit({"user_id": None, "event": GET}, "missing_member", "user_id", "Missing user_id"),
    submit({"user_id": "1", "event": None}, "missing_member", "event", "Missing event"),
    submit({"user_id": "", "event": GET}, "missing_member", "user_id", "Missing user_id"),
    submit({"user_id": 123, "event": GET}, "not_a_string", "user_id", "'123'"),
    submit({"user_id": LONG, "event": GET}, "id_too_long", "user_id", "has 257"),
    submit({"user_id": "a\x00", "event": GET}, "id_unprintable", "user_id"),
    submit({"user_id": "1", "event": "view"}, "bad_choice", "event", GET),
    *(
        submit({"user_id": "1", "event": GET, "k": k}, "k_out_of_range", "k", K_RANGE)
        for k in (0, 101, "3", 2.5)
    ),
    submit(b"{", "bad_json", "body"),
    submit([], "not_an_object", "body"),
    # preferences and offers
    *(
        recommend({k: v for k, v in SAID.items() if k != name}, "missing_member", name,
                  f"Missing {name}")
        for name in ("customer_id", "interest", "location")
    ),
    *(
        recommend(SAID | {name: None}, "missing_member", name, f"Missing {name}")
        for name in ("customer_id", "interest", "location")
    ),
    recommend(SAID | {"interest": ""}, "missing_member", "interest", "Missing interest"),
    recommend(SAID | {"interest": LONG}, "id_too_long", "interest", "has 257"),
    recommend(SAID | {"customer_id": 12345}, "not_a_string", "customer_id", "'12345'"),
    recommend(SAID | {"location": "a\nb"}, "id_unprintable", "location"),
    recommend(b"", "empty_body", "body"),
    Bad("POST", "/recommend?offers=yes", 400, "bad_choice", "offers", SAID, "true, false"),
    Bad("POST", "/recommend?offers=true&k=0", 400, "k_out_of_range", "k", SAID, K_RANGE),
    get("/v1/offers", "missing_member", "customer_id", "Missing customer_id"),
    get("/v1/offers?customer_id=1&k=101", "k_out_of_range", "k", K_RANGE),
    get("/offers?customer_id=1", "unknown_path", "path", status=404),
]  # fmt: skip


def name_of(bad: Bad) -> str:
    return f"{bad.method} {bad.target[:60]} {bad.code} {bad.field}"


@pytest.mark.parametrize("bad", BAD, ids=name_of)
def test_a_bad_request_is_refused(ask: Any, bad: Bad) -> None:
    before = ask.shop.log.end()
    told = ask(bad.method, bad.target, bad.body, bad.headers, bad.parts)
    found = (told.status, told.headers["endcap-error-code"], told.headers.get("endcap-error-field"))
    assert found == (bad.status, bad.code, bad.field), told.raw
    assert told.headers["content-type"] == "application/json"
    assert list(told.body) == ["error"]
    assert bad.says in told.body["error"]
    if bad.says.startswith(("Missing", "k must", "No stored")):
        assert told.body == {"error": bad.says}
    assert ask.shop.log.end() == before


def test_the_table_is_wide() -> None:
    assert len(BAD) >= 60
