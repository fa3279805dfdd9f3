"""Which operation a request asks for, and its answers as HTTP has them.

The control plane speaks JSON 1.1: one path, the operation in the header X-Amz-Target. Events and
runtime speak REST-JSON: a path for each operation.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from endcap.domain.errors import EndcapError, InvalidInput
from endcap.serving.bodies import MOST_DEPTH, is_deeper
from endcap.serving.personalize.errors import UnknownOperation, UnknownPath, wire_error
from endcap.serving.personalize.output import body_of
from endcap.serving.personalize.shapes import TARGET, Operation, by_path, operations
from endcap.serving.personalize.signatures import RawHeaders, header
from endcap.serving.requests import JSON, Headers, Reply, encode_json

BASE = b"/personalize"
JSON_1_1 = b"application/x-amz-json-1.1"


def is_below(path: bytes) -> bool:
    return path == BASE or path.startswith(BASE + b"/")


def pattern_of(path: bytes) -> str:
    """The path as a trace names it; "" for one that is not ours."""
    below = path[len(BASE) :].rstrip(b"/").decode("latin-1")
    return BASE.decode() + below if not below or below in by_path() else ""


def operation_of(method: str, path: bytes, headers: RawHeaders) -> Operation:
    """Raises UnknownOperation (unknown_operation), UnknownPath (unknown_wire_path)."""
    below = path[len(BASE) :].rstrip(b"/").decode("latin-1")
    if method == "POST" and below:
        found = by_path().get(below)
        if found is not None:
            return found
    if method != "POST" or below:
        raise UnknownPath(
            "unknown_wire_path",
            field="path",
            value=f"{method} {path.decode('latin-1')}",
            permitted=", ".join(by_path()),
        )
    name = header(headers, "x-amz-target")
    known = operations().get(name.removeprefix(TARGET)) if name.startswith(TARGET) else None
    if known is None or not known.is_json:
        raise UnknownOperation("unknown_operation", field="X-Amz-Target", value=name)
    return known


def decoded(raw: bytes) -> Any:
    """The body as JSON; nothing is an empty object. Raises InvalidInput (bad_json, bad_encoding,
    nested_too_deep)."""
    if not raw.strip():
        return {}
    if is_deeper(raw, MOST_DEPTH):
        raise InvalidInput("nested_too_deep", field="body", most=MOST_DEPTH)
    try:
        return msgspec.json.decode(raw)
    except UnicodeDecodeError:
        raise InvalidInput("bad_encoding", field="body") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput("bad_json", field="body", reason=str(error)) from None


def success(operation: Operation, answer: Mapping[str, Any] | None) -> Reply:
    body = body_of(operation, answer)
    raw = b"" if body is None else encode_json(body)
    return Reply(200, raw, _headers(), JSON_1_1 if operation.is_json else JSON)


def failure(operation: Operation | None, error: EndcapError) -> Reply:
    told = wire_error(operation, error)
    raw = encode_json({"__type": told.kind, "message": told.message})
    headers = [*_headers(), (b"x-amzn-errortype", told.kind.encode())]
    retry = getattr(error, "retry_after_s", 0)
    if retry:
        headers.append((b"retry-after", str(retry).encode()))
    is_json = operation is None or operation.is_json
    return Reply(told.status, raw, headers, JSON_1_1 if is_json else JSON)


def _headers() -> Headers:
    return [(b"x-amzn-requestid", str(uuid.uuid4()).encode())]
