"""Bodies that are fixed to the byte: of a laptop's server, and of gateways before functions."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server

PERSONAL, RELATED = "/v1/recommendations/personalized", "/v1/recommendations/related"
CLICK = {"userId": "U1", "itemId": "black-1", "event_type": "view"}
INTEREST = {"customer_id": "12345", "interest": "organic_food", "location": "Cape Town"}
KEY = {"Idempotency-Key": "one click"}


@pytest.fixture
def client(checkerboard_home: Path, tmp_path: Path, front: Any) -> Any:
    shutil.copytree(checkerboard_home, tmp_path / "shop")
    with front.serve(tmp_path / "shop").client() as opened:
        yield opened


def without(event: dict[str, str], member: str) -> dict[str, str]:
    return {name: value for name, value in event.items() if name != member}


def test_bodies_are_the_same_to_the_byte(client: Any) -> None:
    for method, target, given, status, body in (
        ("GET", "/v1/health", None, 200, '{"ok":true,"version":"1.0.0"}'),
        ("GET", "/health", None, 200, '{"ok":true,"version":"1.0.0"}'),
        ("GET", PERSONAL, None, 400, '{"error":"Missing userId"}'),
        ("GET", "/recommendations/personalized", None, 400, '{"error":"Missing userId"}'),
        ("GET", f"{PERSONAL}?userId=U1&k=0", None, 400, '{"error":"k must be between 1 and 100"}'),
        ("GET", f"{PERSONAL}?userId=U1&k=x", None, 400, '{"error":"k must be between 1 and 100"}'),
        ("GET", RELATED, None, 400, '{"error":"Missing itemId"}'),
        ("POST", "/v1/events", CLICK, 202, '{"ok":true}'),
        ("POST", "/events", {**CLICK, "ts": "2025-08-16T18:30:00Z"}, 202, '{"ok":true}'),
        ("POST", "/v1/events", without(CLICK, "userId"), 400, '{"error":"Missing userId"}'),
        ("POST", "/v1/events", without(CLICK, "itemId"), 400, '{"error":"Missing itemId"}'),
        ("POST", "/v1/events", without(CLICK, "event_type"), 400, '{"error":"Missing event_type"}'),
        ("POST", "/recommend", INTEREST, 200, '{"message":"Customer preference recorded."}'),
        ("GET", "/v1/users/U1/recommendations", None, 404,
         '{"error":"No stored recommendations"}'),
    ):  # fmt: skip
        told = client.request(method, target, json=given)
        assert (told.status_code, told.text) == (status, body), target
        assert told.headers["content-type"] == "application/json"


def test_lists_have_their_members_in_order(client: Any) -> None:
    number = r"-?\d+(\.\d+)?(e-?\d+)?"
    item = rf'\{{"id":"[a-z]+-\d+","score":{number}\}}'
    told = client.get(f"{PERSONAL}?userId=s0&k=3").text
    assert re.fullmatch(rf'\{{"userId":"s0","items":\[{item},{item},{item}\]\}}', told)
    told = client.get(f"{RELATED}?itemId=black-0&k=2").text
    assert re.fullmatch(rf'\{{"itemId":"black-0","related":\[{item},{item}\]\}}', told)
    assert len(client.get(f"{PERSONAL}?userId=s0").json()["items"]) == 5
    told = client.post("/submit", json={"user_id": "s0", "event": "get_recommendations"}).text
    product = (
        rf'\{{"product_id":"[^"]+","probability":{number},"product_name":"[^"]+",'
        r'"department":"[a-z]+","aisle":""\}'
    )
    begin = '{"message":"Recommendations generated successfully","recommendations":['
    assert told.startswith(begin)
    assert re.fullmatch(rf"{product}(,{product})*\]\}}", told.removeprefix(begin))


def test_a_key_stands_for_one_body(client: Any) -> None:
    first = client.post("/v1/events", json=CLICK, headers=KEY)
    before = client.get(f"{PERSONAL}?userId=U1&k=9").json()
    for _ in range(3):
        again = client.post("/v1/events", json=CLICK, headers=KEY)
        assert (again.status_code, again.content) == (first.status_code, first.content)
    assert client.get(f"{PERSONAL}?userId=U1&k=9").json()["items"] == before["items"]
    other = client.post("/v1/events", json={**CLICK, "itemId": "white-1"}, headers=KEY)
    assert other.status_code == 422
    assert [i["id"] for i in client.get(f"{PERSONAL}?userId=U1&k=9").json()["items"]] == [
        i["id"] for i in before["items"]
    ]


def test_ids_of_any_letters_come_through(client: Any) -> None:
    for item in ("ü/ä", "a b", "x&y=z", "\U0001f600"):
        path = f"/v1/items/{''.join(f'%{byte:02X}' for byte in item.encode())}"
        assert client.put(path, json={"name": item}).status_code == 200
        told = client.post("/v1/events", json={**CLICK, "userId": item, "itemId": item})
        assert told.status_code == 202
        found = client.get(PERSONAL, params={"userId": item, "k": 3})
        assert found.json()["userId"] == item
        assert json.loads(found.text)["items"]
