"""The page from a plain web server, asking an API of another origin, in real browsers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from endcap.serving.site import POLICY

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
STATUS = 'document.getElementById("status").textContent'
ENTER = "\ue007"


class Pages(SimpleHTTPRequestHandler):
    """Files of a folder, with the policy that a distribution sends."""

    api = ""

    def end_headers(self) -> None:
        asks = f"connect-src 'self' {self.api.rstrip('/')}"
        policy = POLICY.replace("connect-src 'self'", asks)
        self.send_header("Content-Security-Policy", policy)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing to tell."""


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    folder = tmp_path / "web"
    folder.mkdir()
    handler = partial(Pages, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_it_asks_for_a_key_and_works_with_it(
    browser: Any, checkerboard_home: Path, tmp_path: Path, serve: Any, endcap: Any,
    pages: ThreadingHTTPServer,
) -> None:  # fmt: skip
    home = tmp_path / "shop"
    shutil.copytree(checkerboard_home, home)
    made = endcap("keys", "create", "--name", "page", "--rate", "0", "--json", home=home)
    key = json.loads(made.stdout)["key"]
    origin = f"http://127.0.0.1:{pages.server_port}"
    settings = {"ENDCAP_AUTH": "required", "ENDCAP_CORS_ORIGINS": origin}
    api = serve(home=home, workers=1, **settings).url
    Pages.api = api
    words = ["--api", api, "--credential", "key", "--out", str(tmp_path / "web")]
    subprocess.run([sys.executable, ROOT / "infra/webapp.py", "build", *words], check=True)

    browser.open(f"{origin}/?user=newcomer")
    browser.until('!document.getElementById("access").hidden')
    assert browser.run('return document.querySelector("label[for=key]").textContent') == (
        "This API asks for a key"
    )
    assert browser.run('return document.querySelector("nav a").href') == f"{api.rstrip('/')}/docs"
    assert browser.run('return document.querySelectorAll("nav a").length') == 1
    browser.until('document.getElementById("failure-text").textContent')

    browser.run('document.getElementById("key").focus()')
    browser.press(*key, ENTER)
    browser.until(f'{STATUS}.startsWith("6 products for newcomer")')
    facts = browser.run('return document.getElementById("facts").textContent')
    assert "Newest event used" in facts
    assert "–" not in facts  # strategy and model: a page of another origin may read the headers

    browser.run('document.querySelector(".card button[data-event=view]").click()')
    browser.until(f'{STATUS}.startsWith("Viewed ")')
    for name, text in (("interest", "black"), ("location", "Cape Town")):
        browser.run(f'document.getElementById("{name}").value = "{text}"')
    browser.run('document.querySelector("#recommend button").click()')
    browser.until(f'{STATUS} === "Customer preference recorded."')
    assert browser.run('return document.getElementById("results-title").textContent') == "Offers"


def test_a_token_goes_where_tokens_go(
    browser: Any, checkerboard_home: Path, tmp_path: Path, serve: Any
) -> None:
    """Whether what is typed is a key or a token, the page sees by its form."""
    home = tmp_path / "shop"
    shutil.copytree(checkerboard_home, home)
    browser.open(serve(home=home, workers=1).url)
    browser.run(
        "window.sent = []; const asked = window.fetch;"
        "window.fetch = (path, given) => { sent.push(Object.keys(given.headers)[0]);"
        " return asked(path, given); };"
        'document.getElementById("access").hidden = false;'
        'document.getElementById("user_id").value = "newcomer";'
    )
    for text, header in (("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "Authorization"),
                         ("ek_no_token.at.all", "X-Api-Key")):  # fmt: skip
        browser.run(
            "window.sent.length = 0;"
            f'document.getElementById("key").value = "{text}";'
            'document.querySelector("#access button").click();'
            'document.querySelector("#submit button").click();'
        )
        assert browser.until("window.sent[0]") == header
