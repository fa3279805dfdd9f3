"""The document is the code's: committed, complete, and true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from endcap.serving.openapi import document, text
from endcap.serving.routes import ROUTES, twin_path

ROOT = Path(__file__).parents[2]


def test_the_committed_document_is_the_codes() -> None:
    assert (ROOT / "openapi.yaml").read_text("utf-8") == text(), "run `make openapi`"
    assert yaml.safe_load(text()) == document()


def test_title_and_version() -> None:
    found = document()
    assert found["info"]["title"] == "Recs API"
    assert found["openapi"].startswith("3.")


def test_every_route_and_twin_is_there() -> None:
    paths = document()["paths"]
    for route in ROUTES:
        assert route.method.lower() in paths[route.path]
        if route.twin:
            assert route.method.lower() in paths[twin_path(route)]


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node))
    return set()


def test_every_reference_leads_somewhere() -> None:
    found = document()
    for reference in references(found):
        node = found
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]
        assert node


def test_variables_of_a_path_are_parameters() -> None:
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


def test_operation_ids_are_unique() -> None:
    ids = [o["operationId"] for methods in document()["paths"].values() for o in methods.values()]
    assert len(ids) == len(set(ids))
