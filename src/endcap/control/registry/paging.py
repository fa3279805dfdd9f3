"""Lists in pages: oldest first, from a token that belongs to one question alone."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from endcap.control.registry.control import Control
from endcap.control.registry.resource import Resource
from endcap.domain.errors import BadToken
from endcap.domain.records import digest

R = TypeVar("R", bound=Resource)

MOST = 100  # in a page, and how many come where none say
_OF_PAGE = ("nextToken", "maxResults")
_Position = tuple[int, str]  # when it was made, its ARN


def listed(
    control: Control,
    member: str,
    given: Mapping[str, Any],
    found: Iterable[R],
    summary: Callable[[R], dict[str, Any]],
) -> dict[str, Any]:
    """``{member: [...]}``, and ``nextToken`` where there is more. The token holds for the same
    ``member``, place and other members of ``given`` alone.

    Raises BadToken (bad_next_token).
    """
    mark = _mark(control, member, given)
    after = _position(given["nextToken"], mark) if given.get("nextToken") else (-1, "")
    left = sorted((each for each in found if _place_of(each) > after), key=_place_of)
    most = given.get("maxResults") or MOST
    page = left[:most]
    answer: dict[str, Any] = {member: [summary(each) for each in page]}
    if len(left) > most:
        answer["nextToken"] = _token(mark, _place_of(page[-1]))
    return answer


def _place_of(resource: Resource) -> _Position:
    return resource.created_at, resource.arn


def _mark(control: Control, member: str, given: Mapping[str, Any]) -> bytes:
    asked = sorted((name, str(value)) for name, value in given.items() if name not in _OF_PAGE)
    return digest(repr((member, tuple(control.registry.place), asked)))


def _token(mark: bytes, position: _Position) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode((mark, *position))).decode()


def _position(token: str, mark: bytes) -> _Position:
    try:
        raw = urlsafe_b64decode(token.encode("ascii"))
        known, created_at, arn = msgspec.msgpack.decode(raw, type=tuple[bytes, int, str])
    except (ValueError, msgspec.DecodeError):
        known, created_at, arn = b"", 0, ""
    if known != mark:
        raise BadToken("bad_next_token", field="nextToken", value=token)
    return created_at, arn
