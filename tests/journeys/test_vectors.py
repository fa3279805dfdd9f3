"""Embeddings in a PostgreSQL server, from the load to the answer of a running server."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.server

NEAR = {"itemId": "black-0", "by": "embedding", "k": "5"}


@pytest.fixture
def home(checkerboard_home: Path, tmp_path: Path) -> Path:
    shutil.copytree(checkerboard_home, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def url(postgres: str, tmp_path: Path) -> str:
    """The server's, as a person writes it, with a database of this test's own."""
    name = re.sub(r"\W", "_", tmp_path.name)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        host = admin.info.host
    return f"postgresql://endcap@/{name}?host={host}"


def lookups(client: Any) -> dict[str, float]:
    text = client.get("/metrics").text
    found = re.findall(r'^endcap_vector_lookups_total{outcome="(\w+)"} (\S+)', text, re.MULTILINE)
    return {outcome: float(count) for outcome, count in found}


def test_related_items_come_from_the_database(
    endcap: Callable[..., Any], serve: Callable[..., Any], home: Path, url: str
) -> None:
    settings = {"ENDCAP_VECTORS": url, "ENDCAP_VECTORS_MS": "30000"}
    told = endcap("vectors", "load", "--label", "department", home=home, **settings)
    assert re.search(r"items +v0001 +24 +\d+ +\S+ +answers", told.stdout)
    assert re.search(r"users +v0001 +60 ", told.stdout)
    again = endcap("vectors", "load", "--kind", "users", home=home, check=False, **settings)
    assert (again.returncode, "have a version 'v0001' already" in again.stderr) == (2, True)
    server = serve(home, workers=1, **settings)
    with server.client() as client:
        found = client.get("/v1/recommendations/related", params=NEAR)
        assert found.headers["endcap-strategy"] == "embedding"
        ids = [item["id"] for item in found.json()["related"]]
        assert len(ids) == 5
        assert all(i.startswith("black-") and i != "black-0" for i in ids)
        assert lookups(client) == {"answered": 1.0}
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("DROP SCHEMA endcap CASCADE")
        without = client.get("/v1/recommendations/related", params=NEAR)
        assert [item["id"] for item in without.json()["related"]] == ids
        assert "endcap-fallback" not in without.headers
        assert lookups(client) == {"answered": 1.0, "vectors_table_missing": 1.0}


def test_a_shopper_who_is_erased_leaves_the_database(
    endcap: Callable[..., Any], serve: Callable[..., Any], home: Path, url: str
) -> None:
    settings = {"ENDCAP_VECTORS": url}
    endcap("vectors", "load", "--kind", "users", home=home, **settings)
    server = serve(home, workers=1, **settings)
    with server.client() as client:
        assert client.delete("/v1/users/s8").status_code == 202
    with psycopg.connect(url) as plain:
        ids = {i for (i,) in plain.execute("SELECT id FROM endcap.default_users")}
    assert len(ids) == 59
    assert "s8" not in ids


def test_a_password_is_never_printed(endcap: Callable[..., Any], home: Path) -> None:
    secret = "s3cret-word"
    for url in (
        f"postgresql://shop:{secret}@127.0.0.1:1/none",
        f"postgresql://shop:{secret}/x@127.0.0.1:1/none",
        f"postgres:/shop:{secret}@127.0.0.1/none",
    ):
        done = endcap("vectors", "status", home=home, check=False, ENDCAP_VECTORS=url)
        assert done.returncode in (1, 2)
        assert done.stderr.startswith("error: ")
        assert secret not in done.stdout + done.stderr
