"""The page at ``/``: three files of the package, nothing from elsewhere, no inline script."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from endcap.serving.requests import Desk, Headers, Reply, Request

HTML, CSS, SCRIPT = "text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript"

_HEADERS: Headers = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        b"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cache-control", b"no-cache"),
]


@cache
def _file(name: str) -> bytes:
    return files("endcap.serving").joinpath("site", name).read_bytes()


def page(_desk: Desk, _request: Request) -> Reply:
    return Reply(200, _file("index.html"), _HEADERS, HTML.encode())


def style(_desk: Desk, _request: Request) -> Reply:
    return Reply(200, _file("site.css"), _HEADERS, CSS.encode())


def script(_desk: Desk, _request: Request) -> Reply:
    return Reply(200, _file("site.js"), _HEADERS, SCRIPT.encode())
