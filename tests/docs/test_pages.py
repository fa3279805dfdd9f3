"""Links between pages resolve, and commands that pages show exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from endcap.cli.main import VERBS, cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """Relative targets of links and pictures outside of code."""
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    found = [a or b for a, b in LINK.findall(prose)]
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def broken(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    path = (page.parent / name) if name else page
    if not path.exists():
        return True
    return bool(anchor) and path.suffix == ".md" and anchor not in anchors(path.read_text("utf-8"))


def shown(text: str) -> list[list[str]]:
    """Words of every ``$ endcap …`` line in the fences of a page; a ``\\`` continues a line."""
    lines = [
        line.removeprefix("$ ")
        for fence in FENCE.findall(text)
        for line in fence.replace("\\\n", " ").splitlines()
        if line.startswith("$ endcap ")
    ]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def unknown(words: list[str]) -> list[str]:
    """Which verb or options of a shown command do not exist."""
    own = {option for parameter in cli.params for option in parameter.opts}
    while words and words[0] in own:
        words = words[1:] if words[0] in ("--debug", "--version") else words[2:]
    if not words:
        return []
    if words[0] not in VERBS:
        return words[:1]
    command = cli.get_command(click.Context(cli), words[0])
    if isinstance(command, click.Group):
        command = command.commands.get(words[1]) if len(words) > 1 else command
    if command is None:
        return words[:2]
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}
    given = [word.partition("=")[0] for word in words[1:] if re.match(r"--?[a-z]", word)]
    return [option for option in given if option not in options]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    text = page.read_text("utf-8")
    assert [target for target in links(text) if broken(page, target)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_shown_commands_exist(page: Path) -> None:
    found = {" ".join(words): unknown(words) for words in shown(page.read_text("utf-8"))}
    assert {line: words for line, words in found.items() if words} == {}


def test_every_page_is_in_the_index() -> None:
    index = links((ROOT / "docs/index.md").read_text("utf-8"))
    pages = {str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")}
    assert pages - {"index.md"} - set(index) == set()


def test_make_targets_in_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        used = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))
        assert used - targets == set(), page


def test_a_broken_link_and_an_unknown_command_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](missing.md) [b](#one) [c](#two) `[d](no.md)`\n")
    assert [t for t in links(page.read_text()) if broken(page, t)] == ["missing.md", "#two"]
    assert shown("```\n$ endcap --home x \\\n  nonsense --y # why\n$ ls\n```") == [
        ["--home", "x", "nonsense", "--y"]
    ]
    assert unknown(["--home", "x", "nonsense"]) == ["nonsense"]
    assert unknown(["--debug", "doctor", "--nonsense=1", "-5"]) == ["--nonsense"]
