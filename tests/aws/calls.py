"""What functions ask of an emulator's AWS: each signs with an access key of its own name, and every
call is noted as its service, its action in the words of IAM, and the ARN of what it names.

``Recorder(application)`` stands around the emulator's application; ``/endcap/calls`` answers what
it has noted, as (function, action, ARN).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import unescape

PATH = "/endcap/calls"
OWN_KEY = "function."  # what the access key of a function begins with
ACCOUNT = "123456789012"
_SIGNED = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_DELETED = re.compile(r"<Key>(.*?)</Key>", re.DOTALL)
# Member of the request that names the resource → the ARN's part behind the service.
_NAMING = {
    "dynamodb": (("TableName", "table/{}"),),
    "kinesis": (("StreamARN", "{}"), ("StreamName", "stream/{}")),
    "sns": (("TopicArn", "{}"),),
    "states": (("mapRunArn", "{}"),),
}
# A batch names its tables as the members of this one.
_BATCHES = ("BatchWriteItem", "BatchGetItem")
_PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "Get": "GetItem",
          "ConditionCheck": "ConditionCheckItem"}  # fmt: skip
# IAM knows these by other names than the API.
_IAM = {
    ("s3", "GET"): "GetObject", ("s3", "HEAD"): "GetObject", ("s3", "PUT"): "PutObject",
    ("s3", "POST"): "PutObject", ("s3", "DELETE"): "DeleteObject",
}  # fmt: skip


class Call(NamedTuple):
    function: str
    action: str  # such as dynamodb:PutItem
    resource: str  # ARN; "*": the call names none


def calls_of(environ: Mapping[str, Any], body: bytes) -> Iterator[Call]:
    """What a signed request is in the words of IAM; nothing where no function signed it."""
    signed = _SIGNED.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    if signed is None or not signed[1].startswith(OWN_KEY):
        return
    function, region, service = signed[1].removeprefix(OWN_KEY), signed[2], signed[3]
    if service == "s3":
        yield from (Call(function, *named) for named in _of_s3(environ, body))
        return
    action, given = _asked(environ, body)
    for named, resource in _named(service, action, given):
        arn = resource if resource.startswith(("arn:", "*")) else ""
        whole = arn or f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"
        yield Call(function, f"{service}:{named}", whole)


def _of_s3(environ: Mapping[str, Any], body: bytes) -> list[tuple[str, str]]:
    """(action, ARN) of a request to a bucket in the path, for each object of several."""
    bucket, _, key = unquote(str(environ["PATH_INFO"])).lstrip("/").partition("/")
    method, query = str(environ["REQUEST_METHOD"]), str(environ.get("QUERY_STRING", ""))
    if not key:
        if method == "POST" and "delete" in query:
            names = [unescape(name) for name in _DELETED.findall(body.decode("utf-8", "replace"))]
            return [("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{name}") for name in names]
        listed = method in ("GET", "HEAD")
        return [(f"s3:{'ListBucket' if listed else method + 'Bucket'}", f"arn:aws:s3:::{bucket}")]
    if "uploadId" in query and method == "DELETE":
        return [("s3:AbortMultipartUpload", f"arn:aws:s3:::{bucket}/{key}")]
    return [(f"s3:{_IAM['s3', method]}", f"arn:aws:s3:::{bucket}/{key}")]


def _asked(environ: Mapping[str, Any], body: bytes) -> tuple[str, Any]:
    """(action, members) of the protocols JSON and query."""
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target:
        return target.rpartition(".")[2], json.loads(body or b"{}")
    form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    if "Action" in form:
        return form["Action"], form
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", {}


def _named(service: str, action: str, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(action, resource) for all that a call does: a transaction is its parts."""
    if action in _BATCHES:
        return [(action, f"table/{name}") for name in given.get("RequestItems", ())]
    if action.startswith("Transact"):
        asked = [part for entry in given.get("TransactItems", ()) for part in entry.items()]
        return [(_PARTS[kind], f"table/{one['TableName']}") for kind, one in asked]
    for member, form in _NAMING.get(service, ()):
        if member in given:
            return [(action, form.format(given[member]))]
    return [(action, "*")]


class Recorder:
    """A WSGI application around another."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._lock = Lock()
        self._seen: set[Call] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == PATH:
            start_response("200 OK", [("Content-Type", "application/json")])
            with self._lock:
                return [json.dumps(sorted(self._seen)).encode()]
        if OWN_KEY in str(environ.get("HTTP_AUTHORIZATION", "")):
            body = b""
            objects = "/s3/" in environ["HTTP_AUTHORIZATION"]  # which may be large
            if not objects or str(environ.get("QUERY_STRING", "")).startswith("delete"):
                body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                environ["wsgi.input"] = io.BytesIO(body)
            found = set(calls_of(environ, body))
            with self._lock:
                self._seen |= found
        return self._application(environ, start_response)
