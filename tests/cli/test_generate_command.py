"""``endcap generate`` as a person or a script calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from endcap.cli.generate import command
from endcap.domain.errors import InvalidInput

SMALL = ("--users", "40", "--items", "120", "--events", "900", "--days", "20")


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(command, ["--out", str(folder), *SMALL, *words])


def test_json_is_one_object_on_stdout(tmp_path: Path) -> None:
    done = run(tmp_path, "--json", "--seed", "5", "--start", "2024-02-28T13:00:00Z")
    assert done.exit_code == 0
    summary = json.loads(done.stdout)
    assert summary["users"] == 40
    assert summary["plan"]["seed"] == 5
    assert summary["truth"]["split_at"] == "2024-03-17T00:00:00Z"
    assert sum(summary["events"].values()) == summary["interactions"]


def test_a_person_sees_counts_and_what_can_be_reached(tmp_path: Path) -> None:
    done = run(tmp_path, "--format", "csv")
    assert done.exit_code == 0
    assert "40 users, 120 items" in done.stdout
    assert "best possible" in done.stdout
    assert (tmp_path / "interactions.csv").is_file()


@pytest.mark.parametrize(
    ("words", "field"),
    [(("--users", "-3"), "users"), (("--start", "yesterday"), "start"), (("--days", "0"), "days")],
)
def test_a_wrong_option_is_named(words: tuple[str, ...], field: str, tmp_path: Path) -> None:
    done = run(tmp_path, *words)
    assert isinstance(done.exception, InvalidInput)
    assert done.exception.field == field


def test_a_number_that_is_none_and_an_unknown_format_are_usage_errors(tmp_path: Path) -> None:
    for words in (("--users", "many"), ("--format", "xml")):
        done = run(tmp_path, *words)
        assert done.exit_code == 2
