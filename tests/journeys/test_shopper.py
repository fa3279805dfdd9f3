"""One shopper's way through a real shop: several workers, each answer by whichever is free; and the
same through gateways, answered by functions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``data`` and the ``home`` of a shop trained on it."""
    root = tmp_path_factory.mktemp("trained")
    home, data = root / "home", root / "data"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENDCAP_")}

    def endcap(*words: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "endcap", *words],
            env={**kept, "ENDCAP_HOME": str(home)},
            capture_output=True,
            check=True,
            timeout=300,
        )

    endcap(
        "generate", "--out", str(data), "--users", "400", "--items", "200",
        "--events", "15000", "--format", "jsonl", "--seed", "3",
    )  # fmt: skip
    endcap(
        "import",
        "--users", str(data / "users.jsonl"),
        "--items", str(data / "items.jsonl"),
        "--interactions", str(data / "interactions.jsonl"),
    )  # fmt: skip
    endcap("train", "--budget", "5")
    return root


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Path:
    """The home of a trained shop, for one test to change; its ``data`` lie beside it."""
    shutil.copytree(trained / "data", tmp_path / "data")
    shutil.copytree(trained / "home", tmp_path / "home")
    return tmp_path / "home"


def get(client: httpx.Client, path: str, **params: Any) -> httpx.Response:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer


def personal(client: httpx.Client, user: str, k: int = 20, **more: Any) -> httpx.Response:
    return get(client, "/v1/recommendations/personalized", userId=user, k=k, **more)


def ids(answer: httpx.Response) -> list[str]:
    return [item["id"] for item in answer.json()["items"]]


def post(client: httpx.Client, user: str, item: str, kind: str = "view") -> None:
    body = {"userId": user, "itemId": item, "event_type": kind}
    answer = client.post("/v1/events", json=body)
    assert (answer.status_code, answer.content) == (202, b'{"ok":true}')


def fresh_connections(server: Any) -> httpx.Client:
    """Every request on a connection of its own, so that any worker may take it."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return server.client(limits=limits)


def test_a_visitor_becomes_a_shopper(shop: Path, front: Any) -> None:
    server = front.serve(shop, workers=3)
    with fresh_connections(server) as client:
        popular = ids(get(client, "/v1/recommendations/popular", k=20))
        first = personal(client, "visitor")
        assert first.headers["Endcap-Strategy"] == "popular"
        assert ids(first) == popular

        clicked = popular[-3:]
        for item in clicked:
            post(client, "visitor", item)
        for _ in range(12):  # whichever worker answers
            after = personal(client, "visitor")
            assert after.headers["Endcap-Strategy"] == "personal"
            assert float(after.headers["Endcap-Newest-Event-Age"]) < 30
            assert ids(after) != popular
        assert after.headers["Endcap-Model-Version"] == "v0001"


def test_a_product_added_a_second_ago_is_recommended(shop: Path, front: Any) -> None:
    server = front.serve(shop, workers=2)
    lines = (shop.parent / "data" / "items.jsonl").read_text().splitlines()
    model = json.loads(lines[0])
    twin = {k.lower(): v for k, v in model.items() if k.upper() != "ITEM_ID" and v is not None}
    with fresh_connections(server) as client:
        for line in lines[:1]:
            post(client, "curious", json.loads(line)["ITEM_ID"])
        answer = client.put("/v1/items/brand-new", json=twin)
        assert answer.status_code in (200, 202), answer.text
        front.until_known()
        for _ in range(6):
            related = get(client, "/v1/recommendations/related", itemId="brand-new", k=10)
            assert model["ITEM_ID"] in [r["id"] for r in related.json()["related"]]
            assert "brand-new" in ids(personal(client, "curious", k=100))


def test_what_is_bought_leaves_the_list_where_the_policy_says_so(shop: Path, front: Any) -> None:
    server = front.serve(shop, workers=2)
    with fresh_connections(server) as client:
        popular = ids(get(client, "/v1/recommendations/popular", k=20))
        for item in popular[:3]:
            post(client, "buyer", item)
        wanted = ids(personal(client, "buyer", seen="exclude_purchased"))[0]
        post(client, "buyer", wanted, "purchase")
        for _ in range(6):
            assert wanted not in ids(personal(client, "buyer", k=100, seen="exclude_purchased"))
        seen = set(popular[:3]) | {wanted}
        assert not seen & set(ids(personal(client, "buyer", k=100, seen="exclude_seen")))


def test_a_deleted_user_is_forgotten(shop: Path, front: Any) -> None:
    server = front.serve(shop, workers=3)
    with fresh_connections(server) as client:
        popular = ids(get(client, "/v1/recommendations/popular", k=20))
        for item in popular[-5:]:
            post(client, "leaver", item)
        assert personal(client, "leaver").headers["Endcap-Strategy"] == "personal"
        assert client.delete("/v1/users/leaver").status_code in (200, 202)
        front.until_known()
        for _ in range(9):
            assert personal(client, "leaver").headers["Endcap-Strategy"] == "popular"


def test_a_new_version_is_taken_up_without_a_failed_request(shop: Path, front: Any) -> None:
    server = front.serve(shop, workers=2)
    with fresh_connections(server) as client:
        post(client, "watcher", ids(get(client, "/v1/recommendations/popular", k=1))[0])
        words = ("train", "--budget", "5", "--force", "--reason", "another to take up")
        front.endcap(*words, home=shop)
        deadline = time.monotonic() + 30
        versions: set[str] = set()
        while time.monotonic() < deadline and versions != {"v0002"}:
            versions = {
                personal(client, "watcher").headers["Endcap-Model-Version"] for _ in range(8)
            }
        assert versions == {"v0002"}
        front.endcap("rollback", home=shop)
        while time.monotonic() < deadline and versions != {"v0001"}:
            versions = {
                personal(client, "watcher").headers["Endcap-Model-Version"] for _ in range(8)
            }
        assert versions == {"v0001"}
