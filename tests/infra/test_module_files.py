"""What every folder of Terraform has in common, read as text: a person finds their way in each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

INFRA = Path(__file__).parents[2] / "infra"
FOLDERS = sorted(
    {path.parent for place in ("modules", "envs") for path in (INFRA / place).glob("*/*.tf")}
)
MODULES = [folder for folder in FOLDERS if folder.parent.name == "modules"]
NEEDED = {"versions.tf", "variables.tf", "main.tf", "outputs.tf", "README.md"}
PROVIDER = 'source  = "hashicorp/aws"\n      version = "= 5.100.0"'
MOST_LINES = 300


class Block(NamedTuple):
    kind: str
    name: str
    body: str


def blocks(text: str) -> Iterator[Block]:
    """The blocks at the margin, as ``terraform fmt`` writes them."""
    for found in re.finditer(
        r'^(\w+) ((?:"[^"]+" ?)*)\{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL
    ):
        yield Block(found[1], found[2].replace('"', "").strip(), found[3])


def of(folder: Path, kind: str) -> list[Block]:
    return [
        block
        for file in sorted(folder.glob("*.tf"))
        for block in blocks(file.read_text("utf-8"))
        if block.kind == kind
    ]


def name(folder: Path) -> str:
    return str(folder.relative_to(INFRA))


def has(block: Block, attribute: str) -> bool:
    return re.search(rf"^  {attribute}\s+[={{]", block.body, re.MULTILINE) is not None


@pytest.mark.parametrize("folder", MODULES, ids=name)
def test_a_module_has_its_files(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} >= NEEDED


@pytest.mark.parametrize("folder", MODULES, ids=name)
def test_its_page_says_what_it_is(folder: Path) -> None:
    text = (folder / "README.md").read_text("utf-8")
    assert text.startswith(f"# {folder.name}")
    assert len(text.split()) > 30


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_variables_are_typed_and_described(folder: Path) -> None:
    known = of(folder, "variable")
    assert known
    assert [v.name for v in known if not (has(v, "type") and has(v, "description"))] == []


@pytest.mark.parametrize("folder", MODULES, ids=name)
def test_names_begin_with_a_prefix_that_is_checked(folder: Path) -> None:
    (prefix,) = (v for v in of(folder, "variable") if v.name == "name")
    assert "^[a-z][a-z0-9-]{2," in prefix.body


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_outputs_are_described(folder: Path) -> None:
    assert [o.name for o in of(folder, "output") if not has(o, "description")] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_one_provider_of_one_version_is_needed(folder: Path) -> None:
    (needed,) = of(folder, "terraform")
    assert 'required_version = ">= 1.9"' in needed.body
    assert PROVIDER in needed.body
    assert needed.body.count("source ") == 1


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_nothing_is_bound_to_a_partition_or_an_emulator(folder: Path) -> None:
    code = "\n".join(file.read_text("utf-8") for file in folder.glob("*.tf"))
    assert "arn:aws:" not in code
    assert re.search(r"\bendpoints\s*\{", code) is None
    assert re.search(r"\b\d{12}\b", code) is None  # an account


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_files_are_short(folder: Path) -> None:
    lengths = {file.name: len(file.read_text("utf-8").splitlines()) for file in folder.glob("*.tf")}
    assert {file: n for file, n in lengths.items() if n >= MOST_LINES} == {}


def test_a_block_is_read_with_what_it_lacks() -> None:
    text = 'variable "a" {\n  type = string\n}\n\nresource "b" "c" {\n  d {\n  }\n}\n'
    variable, resource = blocks(text)
    assert variable == Block("variable", "a", "  type = string\n")
    assert resource.name == "b c"
    assert has(variable, "type")
    assert not has(variable, "description")
