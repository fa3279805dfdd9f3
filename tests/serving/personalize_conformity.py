"""Holds answers of the Personalize API to the service models that clients are made from.

``watch(client)`` checks every answer that an unmodified boto3 client gets, before it is parsed.
``Bridge(app)`` makes such clients for an ASGI application, without a network. As a program it runs
another one, with its words, and checks the answers that that one gets.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
import re
import runpy
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

URL = "http://127.0.0.1:8000/personalize"
SERVICES = ("personalize", "personalize-events", "personalize-runtime")
# Errors that any service of this kind may answer.
COMMON = {
    "AccessDeniedException", "IncompleteSignatureException", "InternalFailure",
    "InvalidSignatureException", "MissingAuthenticationTokenException", "ServiceUnavailable",
    "ThrottlingException", "UnknownOperationException", "UnrecognizedClientException",
}  # fmt: skip
# (structure, member) → why its pattern is not held
MODEL_ERRORS = {
    ("DatasetImportJob", "roleArn"): "the model asks for an ARN of Personalize",
    ("S3DataConfig", "path"): "file:// goes beyond the model",
    ("DataSource", "dataLocation"): "file:// goes beyond the model",
}
YEARS_S = (1_500_000_000, 4_000_000_000)  # seconds, not milliseconds: 2017 to 2096

App = Callable[[Any, Any, Any], Awaitable[None]]


def problems(shape: Any, value: Any, path: str = "", owner: tuple[str, str] = ("", "")):  # type: ignore[no-untyped-def]
    """What is wrong with ``value``, a piece of an answer's JSON, by botocore's ``shape``."""
    kind = shape.type_name
    if not _fits(kind, value):
        yield f"{path}: {value!r} is no {kind}"
        return
    if kind == "structure":
        yield from _structure(shape, value, path)
    elif kind == "list":
        for i, one in enumerate(value):
            yield from problems(shape.member, one, f"{path}[{i}]")
    elif kind == "map":
        for key, one in value.items():
            yield from problems(shape.key, key, f"{path} key")
            yield from problems(shape.value, one, f"{path}.{key}")
    yield from _constraints(shape, value, path, owner)


def _structure(shape: Any, value: Any, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield f"{path}.{name}: is missing"
    for name, one in value.items():
        if name not in shape.members:
            yield f"{path}.{name}: is no member of {shape.name}"
        else:
            yield from problems(shape.members[name], one, f"{path}.{name}", (shape.name, name))


def _constraints(shape: Any, value: Any, path: str, owner: tuple[str, str]) -> Iterator[str]:
    told = shape.metadata
    if "enum" in told and value not in told["enum"]:
        yield f"{path}: {value!r} is none of {told['enum']}"
    size = value if isinstance(value, int | float) else len(value)
    if not told.get("min", -math.inf) <= size <= told.get("max", math.inf):
        yield f"{path}: {size} is not within {told.get('min')}..{told.get('max')}"
    pattern = shape._shape_model.get("pattern", "") if owner not in MODEL_ERRORS else ""
    if pattern and "\\p" not in pattern and not re.fullmatch(pattern, value):
        yield f"{path}: {value!r} does not match {pattern}"
    if shape.type_name == "timestamp" and not YEARS_S[0] < value < YEARS_S[1]:
        yield f"{path}: {value!r} is no time in seconds"


def _fits(kind: str, value: Any) -> bool:
    kinds: dict[str, Any] = {"structure": dict, "map": dict, "list": list, "string": str,
                             "boolean": bool, "integer": int, "timestamp": int | float}  # fmt: skip
    is_right = isinstance(value, kinds.get(kind, int | float))
    return is_right and (kind == "boolean" or not isinstance(value, bool))


def check(operation_model: Any, response_dict: Any, **_: Any) -> None:
    """Raises AssertionError where an answer is not what ``operation_model`` tells."""
    status, raw = response_dict["status_code"], response_dict["body"]
    headers = {name.lower(): value for name, value in response_dict["headers"].items()}
    name = operation_model.name
    assert headers.get("x-amzn-requestid"), name
    if status >= 300:
        _check_error(operation_model, status, json.loads(raw), headers)
        return
    assert status == 200, name
    shape = operation_model.output_shape
    if shape is None:
        assert raw in (b"", b"{}"), f"{name}: {raw!r}"
        return
    body = json.loads(raw, parse_constant=_refused)
    found = list(problems(shape, body, name))
    assert not found, "; ".join(found)


def _check_error(operation_model: Any, status: int, body: Any, headers: Any) -> None:
    kind, name = body["__type"], operation_model.name
    assert headers["x-amzn-errortype"] == kind
    assert isinstance(body["message"], str), name
    assert body["message"].strip(), name
    modelled = {shape.name: shape for shape in operation_model.error_shapes}
    assert kind in modelled or kind in COMMON, f"{name} models no {kind}"
    if kind in modelled:
        told = modelled[kind].metadata.get("error", {}).get("httpStatusCode", 400)
        assert status == told, f"{name}: {kind} with {status}"


def _refused(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def watch(client: Any) -> Any:
    """The client; each answer that it gets is checked."""
    client.meta.events.register("before-parse", check)
    return client


@cache
def operation_model(name: str) -> Any:
    """botocore's, of any of the three services."""
    session = botocore.session.get_session()
    models = [session.get_service_model(service) for service in SERVICES]
    return next(told.operation_model(name) for told in models if name in told.operation_names)


class Bridge:
    """Makes boto3 clients that ask ``app``. What an application keeps for its loop, it keeps: all
    requests run in one."""

    def __init__(self, app: App, url: str = URL) -> None:
        self._app, self._url = app, url
        self._loop = asyncio.new_event_loop()

    def client(self, service: str, region: str = "us-east-1", **options: Any) -> Any:
        options = {"aws_access_key_id": "AKIDTEST", "aws_secret_access_key": "secret", **options}
        config = Config(retries={"total_max_attempts": 1})
        client = boto3.client(
            service, region_name=region, endpoint_url=self._url, config=config, **options
        )
        client.meta.events.register("before-send", self._sent)
        return watch(client)

    def call(
        self, name: str, body: Any, region: str = "us-east-1", **headers: str
    ) -> tuple[int, Any]:
        """(status, JSON) of a request that no client of botocore would send; ``body``: bytes, or
        what becomes JSON. The answer is checked."""
        operation = operation_model(name)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        scope = f"AKIDTEST/20260101/{region}/personalize/aws4_request"
        given = {
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        }
        if operation.service_model.resolved_protocol == "json":
            given["x-amz-target"] = f"AmazonPersonalize.{name}"
        path = urlsplit(self._url).path + operation.http["requestUri"].rstrip("/")
        pairs = [(key.encode(), value.encode()) for key, value in (given | headers).items()]
        status, told, answer = self.ask("POST", path, pairs, raw)
        check(operation, {"status_code": status, "headers": told, "body": answer})
        return status, json.loads(answer) if answer else None

    def close(self) -> None:
        self._loop.close()

    def _sent(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        given = {name.lower(): value for name, value in request.headers.items()}
        given.setdefault("host", parts.netloc)
        headers = [
            (name.encode(), value if isinstance(value, bytes) else str(value).encode())
            for name, value in given.items()
        ]
        status, told, answer = self.ask(request.method, parts.path, headers, raw, parts.query)
        return AWSResponse(request.url, status, told, _Raw(answer))

    def ask(
        self,
        method: str,
        path: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        query: str = "",
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of one request."""
        sent: list[Any] = []
        messages = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(),
                 "query_string": query.encode(), "headers": headers}  # fmt: skip
        self._loop.run_until_complete(self._app(scope, receive, send))
        told = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return sent[0]["status"], told, sent[1]["body"]


class _Raw(io.BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def main(words: list[str]) -> None:
    """Run the program ``words``."""
    boto3.setup_default_session()
    boto3.DEFAULT_SESSION.events.register("before-parse", check)
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
