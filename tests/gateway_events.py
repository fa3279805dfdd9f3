"""What API Gateway and function URLs make of a request: events as AWS documents them, and what it
does to paths, query strings, headers and bodies on the way."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

DOMAIN = "abc123.execute-api.us-east-1.amazonaws.com"
URL_DOMAIN = "abc123.lambda-url.us-east-1.on.aws"
Headers = Iterable[tuple[str, str]]
Event = dict[str, Any]
MakeEvent = Callable[..., Event]


@dataclass
class Answer:
    """As a client of the gateway gets it."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


def answer_of(given: dict[str, Any]) -> Answer:
    body = str(given["body"])
    raw = b64decode(body) if given["isBase64Encoded"] else body.encode()
    return Answer(
        int(given["statusCode"]), {n.lower(): v for n, v in given["headers"].items()}, raw
    )


def packed_body(body: bytes, base64: bool) -> dict[str, Any]:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        base64 = True
    if base64:
        return {"body": b64encode(body).decode(), "isBase64Encoded": True}
    return {"body": text, "isBase64Encoded": False} if body else {"isBase64Encoded": False}


def second(
    method: str, target: str, body: bytes = b"", headers: Headers = (), *, stage: str = "$default",
    domain: str = DOMAIN, base64: bool = False,
) -> Event:  # fmt: skip
    """Payload 2.0. An HTTP API hands the path on decoded, and loses what follows a decoded
    question mark; a function URL leaves it as it came."""
    path, _, query = target.partition("?")
    if domain == DOMAIN:
        path = unquote(path).partition("?")[0]
    raw = path if stage == "$default" else f"/{stage}{path}"
    joined: dict[str, str] = {}
    for name, value in [("Host", domain), *headers]:
        known = joined.get(name.lower())
        joined[name.lower()] = value if known is None else f"{known},{value}"
    http = {"method": method, "path": raw, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw,
        "rawQueryString": query,
        "headers": joined,
        "requestContext": {"domainName": domain, "stage": stage, "http": http},
        **packed_body(body, base64),
    }


def function_url(method: str, target: str, body: bytes = b"", headers: Headers = ()) -> Event:
    return second(method, target, body, headers, domain=URL_DOMAIN)


def first(
    method: str, target: str, body: bytes = b"", headers: Headers = (), *, stage: str = "prod",
    base64: bool = False, version: str = "",
) -> Event:  # fmt: skip
    """A REST API's event, whose path lacks the stage; with ``version`` 1.0 that of an HTTP API,
    whose path has it and is decoded. Parameters come decoded."""
    path, _, query = target.partition("?")
    several: dict[str, list[str]] = {}
    for name, value in [("Host", DOMAIN), *headers]:
        several.setdefault(name, []).append(value)
    asked: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        asked.setdefault(name, []).append(value)
    whole = f"/{stage}{path}"
    if version:
        path = whole = unquote(whole).partition("?")[0]
    event = {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in several.items()},
        "multiValueHeaders": several,
        "queryStringParameters": {n: v[-1] for n, v in asked.items()} or None,
        "multiValueQueryStringParameters": asked or None,
        "requestContext": {"domainName": DOMAIN, "stage": stage, "path": whole},
        **packed_body(body, base64),
    }
    return {"version": version, **event} if version else event


def second_with_stage(method: str, target: str, body: bytes = b"", headers: Headers = ()) -> Event:
    return second(method, target, body, headers, stage="prod")


def first_of_http_api(method: str, target: str, body: bytes = b"", headers: Headers = ()) -> Event:
    return first(method, target, body, headers, version="1.0")


FORMS: dict[str, MakeEvent] = {
    "http-v2": second,
    "http-v2-stage": second_with_stage,
    "http-v1": first_of_http_api,
    "rest-v1": first,
    "function-url": function_url,
}
