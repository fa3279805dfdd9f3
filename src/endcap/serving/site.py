"""The page at ``/``: three files of the package, nothing from elsewhere, no inline script.

``infra/webapp.py`` makes the same page for a bucket.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from endcap.serving.requests import Desk, Headers, Reply, Request

HTML, CSS, SCRIPT = "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript"

FILES = {"index.html": HTML, "site/site.css": CSS, "site/site.js": SCRIPT}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
CACHE = "no-cache"
_HEADERS: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"cache-control", CACHE.encode()),
]


@cache
def file(name: str) -> bytes:
    """``name``: within the folder ``site`` of this package."""
    return files("endcap.serving").joinpath("site", name).read_bytes()


def page(_desk: Desk, _request: Request) -> Reply:
    return Reply(200, file("index.html"), _HEADERS, HTML.encode())


def style(_desk: Desk, _request: Request) -> Reply:
    return Reply(200, file("site.css"), _HEADERS, CSS.encode())


def script(_desk: Desk, _request: Request) -> Reply:
    return Reply(200, file("site.js"), _HEADERS, SCRIPT.encode())
