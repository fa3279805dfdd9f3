"""Routes for people and machines that look after the server: document, page, metrics."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib.resources import files

import msgspec

from endcap.app.totals import all_metrics
from endcap.serving.prometheus import exposition
from endcap.serving.requests import Desk, Headers, Reply, Request

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_PAGE_HEADERS: Headers = [
    (
        b"content-security-policy",
        b"default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; "
        b"script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
]


@cache
def _document(guarded: bool) -> bytes:
    from endcap.serving.openapi import document

    return msgspec.json.encode(document(guarded))


@cache
def _page(guarded: bool) -> bytes:
    page = files("endcap.serving").joinpath("docs.html").read_bytes()
    # "</" inside a script element would end it.
    return page.replace(b"__DOCUMENT__", _document(guarded).replace(b"</", b"<\\/"))


def _is_guarded(desk: Desk) -> bool:
    return desk.shop.settings.auth != "open"


def openapi(desk: Desk, _request: Request) -> Reply:
    return Reply(200, _document(_is_guarded(desk)))


def docs(desk: Desk, _request: Request) -> Reply:
    return Reply(200, _page(_is_guarded(desk)), _PAGE_HEADERS, b"text/html; charset=utf-8")


async def metrics(desk: Desk, _request: Request) -> Reply:
    """Of all processes, whichever answers."""
    found = await asyncio.to_thread(all_metrics, desk.shop, desk.now())
    return Reply(200, exposition(found).encode(), [], PROMETHEUS.encode())
