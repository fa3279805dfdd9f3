"""The generated pages and golden files are what the code says today (``make docs``)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest

from endcap.cli.error_reference import kinds, raised, rendered
from endcap.cli.main import HIDDEN, VERBS, cli
from endcap.cli.reference import GENERATED
from endcap.domain import errors
from endcap.domain.messages import MESSAGES
from endcap.settings import SETTINGS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", GENERATED)
def test_generated_file_is_current(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert (ROOT / name).read_text("utf-8") == GENERATED[name](), "run `make docs`"


def commands() -> dict[str, click.Command]:
    """Every verb, and what groups hold as ``verb subverb``."""
    context = click.Context(cli, info_name="endcap")
    found = {verb: command for verb in VERBS if (command := cli.get_command(context, verb))}
    for verb, group in list(found.items()):
        if isinstance(group, click.Group):
            found |= {f"{verb} {name}": command for name, command in group.commands.items()}
    return found


def test_every_verb_and_option_is_on_the_page_and_explained() -> None:
    page = (ROOT / "docs/cli.md").read_text("utf-8")
    for verb, command in commands().items():
        assert f"## endcap {verb}\n" in page
        assert command.help, verb
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.help, f"{verb} {option.opts}"
                assert all(word in page for word in option.opts), f"{verb} {option.opts}"


def test_verb_files_and_the_table_agree() -> None:
    folder = ROOT / "src/endcap/cli"
    having = {
        path.stem
        for path in folder.glob("*.py")
        if re.search(r"^def command\(|^command\b", path.read_text("utf-8"), re.MULTILINE)
    }
    assert having == {module for module, _ in VERBS.values()} | set(HIDDEN.values())


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_on_the_page(name: str) -> None:
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    assert f"`ENDCAP_{name.upper()}`" in page
    assert SETTINGS[name].about in page


def test_no_message_is_left_unused() -> None:
    words = {
        node.value
        for path in (ROOT / "src/endcap").rglob("*.py")
        if path.name != "messages.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(MESSAGES) - words == set()


def test_every_error_raised_has_its_message() -> None:
    assert set(raised()) - set(MESSAGES) == set()


def test_the_source_is_read_rightly() -> None:
    found = kinds()
    own = [k for k in errors.EndcapError.__subclasses__() if k.__module__ == errors.__name__]
    for kind in own:
        assert found[kind.__name__].status == kind.status
        assert found[kind.__name__].meaning, kind
    assert raised()["unknown_setting"] == {"InvalidInput"}
    assert raised()["unknown_version"] == {"NotFound"}


@pytest.mark.parametrize("code", MESSAGES)
def test_a_message_is_one_plain_line(code: str) -> None:
    text = rendered(code)
    assert "\n" not in text
    assert text == text.strip()
    assert len(text) < 240
    assert not text.endswith(".")
