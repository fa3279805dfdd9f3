"""The page at ``/``: whole, from the package alone, under a policy that runs no inline script."""

from __future__ import annotations

import re
from typing import Any

import pytest

ASSETS = {
    "/": "text/html; charset=utf-8",
    "/site/site.css": "text/css; charset=utf-8",
    "/site/site.js": "text/javascript",
}


@pytest.mark.parametrize("path", ASSETS)
def test_types_and_policy(ask: Any, path: str) -> None:
    told = ask("GET", path)
    assert told.status == 200
    assert told.headers["content-type"] == ASSETS[path]
    assert told.headers["x-content-type-options"] == "nosniff"
    policy = told.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_page_needs_nothing_else(ask: Any) -> None:
    page = ask("GET", "/").raw.decode()
    script = ask("GET", "/site/site.js").raw.decode()
    for text in (page, script, ask("GET", "/site/site.css").raw.decode()):
        assert not re.search(r"(?:https?:)?//[a-z0-9]", text.replace("// ", ""))
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page)
    for address in re.findall(r'(?:src|href)="([^"#][^"]*)"', page):
        assert address.startswith("data:") or ask("GET", f"/{address}").status == 200


def test_every_input_has_a_label_and_a_place_for_its_error(ask: Any) -> None:
    page = ask("GET", "/").raw.decode()
    inputs = re.findall(r'<(?:input|select) id="(\w+)"', page)
    assert {"user_id", "event", "k", "interest", "location"} <= set(inputs)
    for name in inputs:
        assert f'<label for="{name}">' in page
        assert f'id="{name}-error"' in page
        assert f'aria-describedby="{name}-error"' in page


def test_what_the_script_looks_for_is_on_the_page(ask: Any) -> None:
    page, script = ask("GET", "/").raw.decode(), ask("GET", "/site/site.js").raw.decode()
    for name in re.findall(r'byId\("([\w-]+)"\)|onSubmit\("(\w+)"', script):
        assert f'id="{"".join(name)}"' in page


@pytest.mark.server
def test_a_real_server_serves_it(serve: Any) -> None:
    with serve(workers=1).client() as client:
        for path, kind in ASSETS.items():
            told = client.get(path)
            assert (told.status_code, told.headers["content-type"]) == (200, kind)
            assert "script-src 'self'" in told.headers["content-security-policy"]
        asked = {"user_id": "123", "event": "get_recommendations"}
        told = client.post("/submit", json=asked)
        assert told.json() == {
            "message": "Recommendations generated successfully", "recommendations": []
        }  # fmt: skip
        said = {"customer_id": "1", "interest": "organic_food", "location": "Cape Town"}
        told = client.post("/recommend", json=said)
        assert told.content == b'{"message":"Customer preference recorded."}'
