"""Tables, JSON and progress as a person or a program reads them."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from msgspec import Struct

from endcap.cli import output
from endcap.cli.output import note, print_json, print_table, progress, say


class Pair(Struct):
    zeta: int
    alpha: float


def test_a_table_is_aligned_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "count"], [["bananas", 7], ["milk", 12345], ["none", None]])
    assert capsys.readouterr().out.splitlines() == [
        "name     count",
        "───────  ─────",
        "bananas      7",
        "milk     12345",
        "none",
    ]


def test_a_table_without_rows_has_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["a", "bc"], [])
    assert capsys.readouterr().out == "a  bc\n─  ──\n"


def test_json_is_stable_and_takes_what_the_product_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    value = {"b": Pair(1, 0.5), "a": Path("x"), "n": np.float32(0.5), "m": np.arange(2),
             "nan": float("nan")}  # fmt: skip
    print_json(value)
    out = capsys.readouterr().out
    assert list(json.loads(out)) == ["a", "b", "m", "n", "nan"]
    assert list(json.loads(out)["b"]) == ["zeta", "alpha"]
    assert json.loads(out) == {
        "a": "x", "b": {"zeta": 1, "alpha": 0.5}, "m": [0, 1], "n": 0.5, "nan": None,
    }  # fmt: skip


def test_json_refuses_what_has_no_form() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        print_json({"a": object()})


def test_results_and_notes_go_different_ways(capsys: pytest.CaptureFixture[str]) -> None:
    say("result")
    note("aside")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("result\n", "aside\n")


def test_quick_work_shows_no_progress() -> None:
    stream = io.StringIO()
    with progress("Importing", stream) as report:
        report("events", 0.5)
    assert stream.getvalue() == ""


def test_slow_work_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "APPEARS_AFTER_S", 0.02)
    monkeypatch.setattr(output, "PLAIN_EVERY_S", 0.02)
    stream = io.StringIO()
    with progress("Importing", stream) as report:
        report("events", 0.5)
        wait_for(stream, "events")
        report("items", 7.0)
        wait_for(stream, "items")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "Importing: 50% events (0 s)"
    assert lines[-1].startswith("Importing: 100% items")


def test_a_terminal_gets_a_bar_that_disappears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "APPEARS_AFTER_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    with progress("Training", stream) as report:
        report("file[1].csv", 0.25)
        wait_for(stream, "file[1].csv")
    assert "25%" in stream.getvalue()


def test_progress_ends_with_the_work_also_when_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "APPEARS_AFTER_S", 60.0)
    with pytest.raises(ZeroDivisionError), progress("Training", io.StringIO()):
        raise ZeroDivisionError


def wait_for(stream: io.StringIO, text: str) -> None:
    until = time.monotonic() + 20
    while text not in stream.getvalue():
        assert time.monotonic() < until, stream.getvalue()
        time.sleep(0.005)
