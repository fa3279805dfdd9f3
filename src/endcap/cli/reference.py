"""The pages and golden files that are generated from the code.

``python -m endcap.cli.reference`` (``make docs``) rewrites them in the current folder; a test
holds each equal to what it would write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from endcap.cli.error_reference import MADE, errors_golden, errors_page
from endcap.cli.feature_reference import features_page
from endcap.cli.function_reference import functions_page
from endcap.cli.main import VERBS, cli
from endcap.cli.metric_reference import metrics_page
from endcap.cli.personalize_reference import personalize_page
from endcap.cli.role_reference import aws_page
from endcap.settings import FORMS, SETTINGS


def cli_page() -> str:
    """docs/cli.md: every verb with its arguments and options, from click's own declarations."""
    parts = [
        "# Command line\n",
        MADE,
        "`endcap [OPTIONS] VERB …`; every verb answers `--help`. Results go to stdout, progress and"
        " errors to\nstderr. Exit code 0: done; 1: failed; 2: the call or its input can be mended;"
        " 130: interrupted.\n",
        "## endcap\n",
        _table("option", _options(cli)),
    ]
    context = click.Context(cli, info_name="endcap")
    for verb, (module, _) in VERBS.items():
        if find_spec(f"endcap.cli.{module}") is None:
            continue
        command = cli.get_command(context, verb)
        if command is not None:
            parts.extend(_verb("endcap", verb, command))
    return "\n".join(parts)


def _verb(parent: str, name: str, command: click.Command) -> Iterator[str]:
    path = f"{parent} {name}"
    yield f"## {path}\n"
    context = click.Context(command, info_name=path)
    yield f"`{' '.join([path, *command.collect_usage_pieces(context)])}`\n"
    if command.help:
        yield click.unstyle(command.help.replace("\b\n", "")) + "\n"
    if rows := _options(command):
        yield _table("option", rows)
    if isinstance(command, click.Group):
        for below, subcommand in command.commands.items():
            yield from _verb(path, below, subcommand)


def _options(command: click.Command) -> list[tuple[str, str]]:
    rows = []
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            record = parameter.get_help_record(click.Context(command))
            if record is not None:
                rows.append((f"`{record[0]}`", " ".join(record[1].split())))
    return rows


def _table(head: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {head} | |", "|---|---|"]
    lines += [f"| {left} | {right.replace('|', chr(92) + '|')} |" for left, right in rows]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """docs/settings.md: every setting with its default and range."""
    lines = [
        "# Settings\n",
        MADE,
        "Read once, at the start, from environment variables. An unknown `ENDCAP_…` variable is an"
        " error that names\nthe nearest one. `--home` and `--group` go before their variables.\n",
        "| variable | default | permitted | |",
        "|---|---|---|---|",
    ]
    for name, setting in SETTINGS.items():
        permitted = "a name of letters, digits, - and _" if name == "group" else "text"
        if setting.least is not None and setting.most is not None:
            permitted = f"{_number(setting.least)} to {_number(setting.most)}"
        if name in FORMS:
            permitted = FORMS[name][1]
        if name == "home":
            permitted = "a folder"
        cells = [f"`ENDCAP_{name.upper()}`", f"`{setting.default}`", permitted, setting.about]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def index_page() -> str:
    """docs/index.md: every page below ``docs`` of the current folder, decisions last."""
    pages = sorted(page for page in Path("docs").glob("*.md") if page.name != "index.md")
    lines = [
        "# Documentation\n",
        MADE,
        "Where the parts lie and what may import what: [ARCHITECTURE.md](../ARCHITECTURE.md).\n",
        "| page | |",
        "|---|---|",
        *map(_entry, pages),
        "\n## Decisions",
        "Why it is built as it is; each page has the context and what follows.\n",
        *(f"- {_link(page)}" for page in sorted(Path("docs/adr").glob("*.md"))),
    ]
    return "\n".join(lines) + "\n"


def _link(page: Path) -> str:
    title = page.read_text("utf-8").splitlines()[0].removeprefix("# ")
    return f"[{title}]({page.relative_to('docs')})"


def _entry(page: Path) -> str:
    """A row of the index: the title, and the first sentence of the first paragraph."""
    paragraphs = page.read_text("utf-8").split("\n\n")
    prose = [p for p in paragraphs[1:] if p[:1].isalpha() or re.match("`[^`]", p)]
    opening = paragraphs[0].partition("\n")[2].strip() or (prose[0] if prose else "")
    sentence = re.split(r"(?<=[.?]) ", " ".join(opening.split()), maxsplit=1)[0]
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", sentence).rstrip(".")
    return f"| {_link(page)} | {plain.replace('|', chr(92) + '|')} |"


GENERATED: dict[str, Callable[[], str]] = {
    "docs/cli.md": cli_page,
    "docs/settings.md": settings_page,
    "docs/errors.md": errors_page,
    "docs/features.md": features_page,
    "docs/metrics.md": metrics_page,
    "docs/functions.md": functions_page,
    "docs/aws.md": aws_page,
    "docs/personalize.md": personalize_page,
    "tests/golden/errors.txt": errors_golden,
    "docs/index.md": index_page,  # last: it quotes the others
}


def main() -> None:
    """Rewrite every generated file below the current folder."""
    for name, write in GENERATED.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(write(), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
