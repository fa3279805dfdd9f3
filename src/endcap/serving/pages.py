"""Routes for people and machines that look after the server: document, page, metrics."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import msgspec

from endcap.serving.prometheus import exposition
from endcap.serving.requests import Desk, Headers, Reply, Request

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_PAGE_HEADERS: Headers = [
    (
        b"content-security-policy",
        b"default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; "
        b"script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
]


@cache
def _document() -> bytes:
    from endcap.serving.openapi import document

    return msgspec.json.encode(document())


@cache
def _page() -> bytes:
    page = files("endcap.serving").joinpath("docs.html").read_bytes()
    # "</" inside a script element would end it.
    return page.replace(b"__DOCUMENT__", _document().replace(b"</", b"<\\/"))


def openapi(_desk: Desk, _request: Request) -> Reply:
    return Reply(200, _document())


def docs(_desk: Desk, _request: Request) -> Reply:
    return Reply(200, _page(), _PAGE_HEADERS, b"text/html; charset=utf-8")


def metrics(desk: Desk, _request: Request) -> Reply:
    return Reply(200, exposition(desk.shop.telemetry).encode(), [], PROMETHEUS.encode())
