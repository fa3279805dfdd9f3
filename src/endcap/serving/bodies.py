"""Request bodies: read within a limit of size and time, then decoded into a checked type."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Hashable, MutableMapping
from functools import cache
from typing import Any

import msgspec

from endcap.domain.errors import InvalidInput, TooLarge
from endcap.serving.explain import explain
from endcap.serving.refusals import TooSlow

MOST_DEPTH = 16
MOST_BODY_SECONDS = 30

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Disconnected(Exception):
    """The client left before its body was whole: nobody waits for an answer."""


async def read_body(receive: Receive, announced: int | None, most: int) -> bytes:
    """The whole body. Stops reading as soon as it is, or says it is, larger than ``most`` bytes.

    Raises TooLarge, TooSlow, Disconnected.
    """
    if announced is not None and announced > most:
        raise TooLarge("body_too_large", field="body", most=most)
    first = await receive()  # nearly always the whole body: no timer for it
    if first["type"] == "http.request" and not first.get("more_body", False):
        return _within(first.get("body", b""), most)
    try:
        async with asyncio.timeout(MOST_BODY_SECONDS):
            return await _read_rest(receive, first, most)
    except TimeoutError:
        raise TooSlow("body_too_slow", field="body", most=MOST_BODY_SECONDS) from None


async def _read_rest(receive: Receive, message: Message, most: int) -> bytes:
    body = bytearray()
    while message["type"] == "http.request":
        body += _within(message.get("body", b""), most - len(body), most)
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()
    raise Disconnected


def _within(part: bytes, left: int, most: int | None = None) -> bytes:
    if len(part) > left:
        raise TooLarge("body_too_large", field="body", most=left if most is None else most)
    return part


def decode_body(raw: bytes, kind: Any) -> Any:
    """Raises InvalidInput naming the member, its value and what is permitted."""
    if not raw.strip():
        raise InvalidInput("empty_body", field="body")
    if is_deeper(raw, MOST_DEPTH):
        raise InvalidInput("nested_too_deep", field="body", most=MOST_DEPTH)
    try:
        return _decoder(kind).decode(raw)
    except UnicodeDecodeError:
        raise InvalidInput("bad_encoding", field="body") from None
    except msgspec.ValidationError as error:
        raise explain(str(error), raw) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput("bad_json", field="body", reason=str(error)) from None


@cache
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_QUOTED = re.compile(rb'"[^"]*"')
_ONLY_STRUCTURE = bytes(set(range(256)) - set(b'"[]{}'))
_SAME_BRACKET = bytes.maketrans(b"{}", b"[]")


def is_deeper(raw: bytes, most: int) -> bool:
    """Whether JSON text nests deeper than ``most``. Works by whole-buffer passes, without
    recursion, and does not care whether the text is valid."""
    if raw.count(b"[") + raw.count(b"{") <= most:
        return False
    if b"\\" in raw:
        raw = _ESCAPED.sub(b"", raw)
    # Most strings hold no bracket: they shrink to "" and vanish without the slower pattern.
    marks = raw.translate(_SAME_BRACKET, _ONLY_STRUCTURE).replace(b'""', b"")
    marks = _QUOTED.sub(b"", marks)
    for _ in range(most):
        if b"[]" not in marks:
            break
        marks = marks.replace(b"[]", b"")  # takes away exactly the innermost level
    return b"[]" in marks or marks.count(b"[") > most
