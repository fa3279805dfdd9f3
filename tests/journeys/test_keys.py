"""Keys against real servers: made, limited, rotated and revoked under several workers."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server

HEALTH, POPULAR = "/v1/health", "/v1/recommendations/popular"
ASKS = 24  # fresh connections: every worker gets some


def statuses(url: str, key: str = "", path: str = POPULAR, count: int = ASKS) -> list[int]:
    """Of requests on connections of their own, so that they reach every worker."""
    headers = {"X-Api-Key": key} if key else {}
    found = []
    for _ in range(count):
        connection = HTTPConnection(url.removeprefix("http://"), timeout=30)
        connection.request("GET", path, headers=headers)
        found.append(connection.getresponse().status)
        connection.close()
    return found


def test_the_life_of_a_key_on_all_workers(serve: Any, endcap: Any, tmp_path: Path) -> None:
    server = serve(workers=3, ENDCAP_AUTH="required")
    assert set(statuses(server.url, path=HEALTH, count=3)) == {200}
    assert set(statuses(server.url)) == {401}

    made = json.loads(endcap("keys", "create", "--name", "till", "--rate", "0", "--json").stdout)
    assert set(statuses(server.url, made["key"])) == {200}
    rotated = json.loads(endcap("keys", "rotate", made["id"], "--json").stdout)
    assert set(statuses(server.url, made["key"])) == {200}
    assert set(statuses(server.url, rotated["key"])) == {200}
    endcap("keys", "revoke", made["id"])
    assert set(statuses(server.url, made["key"])) == {401}
    assert set(statuses(server.url, rotated["key"])) == {401}

    listed = json.loads(endcap("keys", "list", "--json").stdout)
    assert [(key["id"], key["status"], key["scopes"]) for key in listed] == [
        (made["id"], "revoked", ["read", "write"])
    ]
    secrets = [made["key"][16:], rotated["key"][16:]]
    assert server.stop() == 0
    for path in [*server.home.rglob("*"), *tmp_path.glob("*.log")]:
        raw = path.read_bytes() if path.is_file() else b""
        assert not any(secret.encode() in raw for secret in secrets), path


def test_one_rate_for_all_workers(serve: Any, endcap: Any) -> None:
    server = serve(workers=3, ENDCAP_AUTH="required")
    words = ("keys", "create", "--name", "slow", "--rate", "0.01", "--burst", "10")
    key = endcap(*words).stdout.strip()
    told = statuses(server.url, key, count=30)
    assert sorted(told) == [200] * 10 + [429] * 20
    assert server.stop() == 0


def test_a_network_address_needs_keys(endcap: Any, tmp_path: Path) -> None:
    refused = endcap("serve", "--host", "0", "--port", "0", check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "endcap keys create --name NAME" in refused.stderr
    assert "ENDCAP_AUTH=required" in refused.stderr


def test_open_mode_says_so_at_the_start(serve: Any, tmp_path: Path) -> None:
    assert serve(workers=1).stop() == 0
    lines = (tmp_path / "serve-0.log").read_text().splitlines()
    assert [line for line in lines if '"open: no key is asked for' in line]
