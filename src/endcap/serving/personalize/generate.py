"""Writes ``shapes.json``: what the service models inside botocore say of each operation.

``python -m endcap.serving.personalize.generate``. Needs botocore, whose data files are read; what
serves requests needs ``shapes.json`` alone.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SERVICES = ("personalize", "personalize-events", "personalize-runtime")
HERE = Path(__file__).with_name("shapes.json")
_KEPT = ("type", "required", "min", "max", "pattern", "enum", "sensitive")
_REFERENCES = ("member", "key", "value")


def model(service: str) -> dict[str, Any]:
    """The newest service model of the installed botocore."""
    spec = find_spec("botocore")
    if spec is None or spec.origin is None:
        raise SystemExit("botocore is not installed: it is in the extra [aws]")
    versions = sorted((Path(spec.origin).parent / "data" / service).iterdir())
    with gzip.open(versions[-1] / "service-2.json.gz") as file:
        read: dict[str, Any] = json.load(file)
    return read


def rendered() -> str:
    """The text of ``shapes.json``."""
    services = {service: _service(model(service)) for service in SERVICES}
    return "{" + ",\n".join(_entry(name, told, 2) for name, told in services.items()) + "}\n"


def _entry(name: str, told: Mapping[str, Any], levels: int) -> str:
    """One line for each operation and shape."""
    if levels == 0:
        return f"{json.dumps(name)}: {json.dumps(told)}"
    inner = ",\n".join(_entry(below, value, levels - 1) for below, value in told.items())
    return f"{json.dumps(name)}: {{\n{inner}\n}}"


def _service(whole: Mapping[str, Any]) -> dict[str, Any]:
    shapes, operations = whole["shapes"], {}
    reached: set[str] = set()
    for name, operation in whole["operations"].items():
        given = {side: operation.get(side, {}).get("shape") for side in ("input", "output")}
        errors = {error["shape"]: _status(shapes[error["shape"]]) for error in operation["errors"]}
        operations[name] = {"path": operation["http"]["requestUri"], **given, "errors": errors}
        for root in given.values():
            _reach(shapes, root, reached)
    return {
        "operations": operations,
        "shapes": {name: _shape(shapes[name]) for name in sorted(reached)},
    }


def _status(error: Mapping[str, Any]) -> int:
    return int(error.get("error", {}).get("httpStatusCode", 400))


def _reach(shapes: Mapping[str, Any], name: str | None, reached: set[str]) -> None:
    if name is None or name in reached:
        return
    reached.add(name)
    for below in _references(shapes[name]):
        _reach(shapes, below, reached)


def _references(shape: Mapping[str, Any]) -> Iterator[str]:
    yield from (shape[side]["shape"] for side in _REFERENCES if side in shape)
    yield from (member["shape"] for member in shape.get("members", {}).values())


def _shape(shape: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: shape[key] for key in _KEPT if key in shape}
    kept |= {side: shape[side]["shape"] for side in _REFERENCES if side in shape}
    if "members" in shape:
        kept["members"] = {name: member["shape"] for name, member in shape["members"].items()}
    return kept


def main() -> None:
    HERE.write_text(rendered(), encoding="utf-8")


if __name__ == "__main__":
    main()
