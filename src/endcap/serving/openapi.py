"""The OpenAPI 3.1 document, generated from the table of routes and the types of the bodies.

``python -m endcap.serving.openapi openapi.yaml`` writes it as YAML to the committed file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

import endcap
from endcap.serving.guard import scope_of
from endcap.serving.routes import ROUTES, Parameter, Route, twin_path
from endcap.serving.shapes import ATTRIBUTE, ErrorAnswer
from endcap.serving.yaml_text import to_yaml

Schema = dict[str, Any]
_REF = "#/components/schemas/{name}"

STATUS_WORDS = {
    200: "The answer",
    202: "Accepted: it is on disk and counts from the next answer on",
    401: "No key or token, or one that is not valid",
    403: "The key or token may not do this, or the page's origin may not ask",
    400: "Something in the request is wrong; the error says what and what is permitted",
    404: "There is none",
    405: "The path does not take this method",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "The Idempotency-Key was used before with another body; nothing is stored",
    500: "A failure of the server",
    429: "More requests than the key or token may send",
    503: "For the moment only: try again",
}

ERROR_NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    413: "ContentTooLarge",
    415: "UnsupportedMediaType",
    422: "UnprocessableContent",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}

Headers = dict[str, tuple[str, Schema]]  # what it says, and more of its schema

_RANKED_HEADERS: Headers = {
    "Endcap-Model-Version": (
        "The model version that answered; none before the first training.",
        {},
    ),
    "Endcap-Strategy": ("How the items were found: see docs/engine.md.", {}),
    "Endcap-Newest-Event-Age": (
        "Seconds since the newest event that the answer used; absent when it used none.",
        {"pattern": r"^[0-9]+\.[0-9]{3}$"},
    ),
    "Endcap-Answer-Id": (
        "By which /v1/replay gives the same answer again while the log of its time is kept.",
        {"maxLength": 120, "pattern": "^[A-Za-z0-9_-]+$"},
    ),
    "Endcap-Fallback": (
        "Only when something failed: the stage, what it met, and less was done instead.",
        {"pattern": "^[a-z_]+:[a-z_]+(, [a-z_]+:[a-z_]+)*$"},
    ),
}
_ERROR_HEADERS: Headers = {
    "Endcap-Error-Code": ("What is wrong, as a word that stays the same.", {}),
    "Endcap-Error-Field": ("The member, parameter or header that is wrong.", {}),
}
_MORE_HEADERS: dict[int, Headers] = {
    405: {"Allow": ("The methods that are permitted.", {})},
    401: {"WWW-Authenticate": ("Bearer, and what was wrong.", {})},
    429: {"Retry-After": ("Whole seconds, at least 1.", {})},
    503: {"Retry-After": ("Seconds.", {})},
}


SECURITY: Schema = {
    "ApiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "A key that `endcap keys create` printed.",
    },
    "Bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The same key, or a JSON Web Token of the configured issuer.",
    },
}


def document(guarded: bool = True) -> Schema:
    """Plain values, in the order of the table of routes. ``guarded``: keys are asked for."""
    schemas, components = _schemas()
    paths: Schema = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, "")
        if route.twin:
            twin = _operation(route, schemas, "Unversioned")
            paths.setdefault(twin_path(route), {})[route.method.lower()] = twin
    if not guarded:
        for operations in paths.values():
            for operation in operations.values():
                operation.pop("security", None)
    security = {"securitySchemes": SECURITY} if guarded else {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Recs API",
            "version": endcap.__version__,
            "description": "Product recommendations that every click changes at once.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "responses": _error_responses(schemas),
            "schemas": components,
            **security,
        },
    }


def _schemas() -> tuple[dict[int, Schema], Schema]:
    """(schema of every type in the table by the type's id, components)."""
    used: list[Any] = [ErrorAnswer]
    for route in ROUTES:
        kinds = [route.body, route.answer, *(p.type for p in route.parameters)]
        used += [kind for kind in kinds if kind is not None and not isinstance(kind, str)]
    schemas, components = msgspec.json.schema_components(used, ref_template=_REF)
    found = {id(kind): _plain(schema) for kind, schema in zip(used, schemas, strict=True)}
    named = {**components, "Attribute": ATTRIBUTE}
    return found, {name: _plain(named[name]) for name in sorted(named)}


def _plain(schema: Any) -> Any:
    """Lists for tuples; a member that is absent by default is not null by default."""
    if isinstance(schema, dict):
        absent = "default" in schema and schema["default"] is None
        kept = {k: v for k, v in schema.items() if not (absent and k == "default")}
        if "propertyNames" in kept:  # free attributes
            kept["additionalProperties"] = {"$ref": _REF.format(name="Attribute")}
        return {key: _plain(value) for key, value in kept.items()}
    if isinstance(schema, list | tuple):
        return [_plain(value) for value in schema]
    return schema


def _operation(route: Route, schemas: dict[int, Schema], suffix: str) -> Schema:
    tag = "Without version" if suffix else _tag(route)
    operation: Schema = {
        "operationId": route.name + suffix,
        "summary": route.about,
        "tags": [tag],
    }
    if (needed := scope_of(route)) is not None:
        operation["description"] = f"Needs the scope `{needed}` where keys are asked for."
        operation["security"] = [{name: []} for name in SECURITY]
    if route.parameters:
        operation["parameters"] = [_parameter(p, schemas) for p in route.parameters]
    if route.body is not None:
        content = {"application/json": {"schema": schemas[id(route.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = {str(s): _response(route, s, schemas) for s in _statuses(route)}
    return operation


def _tag(route: Route) -> str:
    if not route.path.startswith("/v1/"):
        return "Server"
    words = {"recommendations": "Recommendations", "events": "Events", "items": "Catalogue"}
    word = route.path.split("/")[2]
    if word == "users" and not route.path.endswith("/recommendations"):
        return "Users"
    return words.get(word, "Server" if word == "health" else "Recommendations")


def _parameter(parameter: Parameter, schemas: dict[int, Schema]) -> Schema:
    schema = dict(schemas[id(parameter.type)])
    if parameter.default is not None:
        schema["default"] = parameter.default
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.about,
        "schema": schema,
    }


def _statuses(route: Route) -> list[int]:
    guarded = () if scope_of(route) is None else (401, 403, 429, 503)
    return sorted({route.status, *route.errors, *guarded, 405, 500})


def _response(route: Route, status: int, schemas: dict[int, Schema]) -> Schema:
    if status != route.status:
        return {"$ref": f"#/components/responses/{ERROR_NAMES[status]}"}
    headers = _with_headers(_RANKED_HEADERS if route.ranked else {})
    return {
        "description": STATUS_WORDS[status],
        **headers,
        "content": _content(route.answer, schemas),
    }


def _error_responses(schemas: dict[int, Schema]) -> Schema:
    content = {"application/json": {"schema": schemas[id(ErrorAnswer)]}}
    return {
        name: {
            "description": STATUS_WORDS[status],
            **_with_headers(_ERROR_HEADERS | _MORE_HEADERS.get(status, {})),
            "content": content,
        }
        for status, name in ERROR_NAMES.items()
    }


def _content(answer: Any, schemas: dict[int, Schema]) -> Schema:
    if isinstance(answer, str):
        return {answer: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": schemas[id(answer)]}}


def _with_headers(headers: Headers) -> Schema:
    if not headers:
        return {}
    return {
        "headers": {
            name: {"description": about, "schema": {"type": "string", **more}}
            for name, (about, more) in headers.items()
        }
    }


def text() -> str:
    """What ``openapi.yaml`` must hold."""
    return to_yaml(document())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text(), "utf-8")
    else:
        sys.stdout.write(text())
