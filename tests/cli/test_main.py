"""The command as a whole: help, settings, and one sentence for every failure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click
import pytest

from endcap import __version__
from endcap.cli import main as command_line
from endcap.cli.main import VERBS, cli, main
from endcap.domain.errors import Conflict, Damaged, InvalidInput, NotFound, Unavailable
from endcap.settings import Settings

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """``run(*words)`` → (exit code, stdout, stderr), with a home of its own."""

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["--home", str(tmp_path / "home"), *words])
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, captured.out, captured.err

    return call


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Settings], None]], None]:
    """``verb(function)`` makes ``endcap try`` run the function."""

    def add(function: Callable[[Settings], None]) -> None:
        module = ModuleType("endcap.cli.try_")
        module.command = click.command()(click.pass_obj(function))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "endcap.cli.try_", module)
        monkeypatch.setitem(VERBS, "try", ("try_", "Try."))

    return add


def raising(error: BaseException) -> Callable[[Settings], None]:
    def function(settings: Settings) -> None:
        raise error

    return function


def test_version_and_help(run: Run) -> None:
    assert run("--version") == (0, f"endcap {__version__}\n", "")
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for name, (_, about) in VERBS.items():
        assert f"  {name} " in out
        assert about in out


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_answers_help(name: str, run: Run) -> None:
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: endcap {name}")


def test_the_verb_gets_the_settings(run: Run, verb: Callable[..., None], tmp_path: Path) -> None:
    seen: list[Settings] = []
    verb(seen.append)
    assert run("--group", "shop2", "try") == (0, "", "")
    assert (seen[0].home, seen[0].group) == (tmp_path / "home", "shop2")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("empty_id", field="x"), 2),
        (NotFound("empty_id", field="x"), 2),
        (Conflict("empty_id", field="x"), 2),
        (Damaged("empty_id", field="x"), 1),
        (Unavailable("empty_id", field="x"), 1),
    ],
)
def test_a_known_failure_is_one_sentence(
    error: Exception, code: int, run: Run, verb: Callable[..., None]
) -> None:
    verb(raising(error))
    assert run("try") == (code, "", "error: x must not be empty\n")


def test_a_hint_stands_behind_the_sentence(run: Run, verb: Callable[..., None]) -> None:
    verb(raising(InvalidInput("empty_id", field="x", hint="name one")))
    assert run("try")[2] == "error: x must not be empty (name one)\n"


def test_an_unforeseen_failure_names_the_file_with_its_traceback(
    run: Run, verb: Callable[..., None], tmp_path: Path
) -> None:
    verb(raising(ZeroDivisionError("two\nlines")))
    code, out, err = run("try")
    (file,) = (tmp_path / "home" / "logs").iterdir()
    assert (code, out) == (1, "")
    assert err == f"error: unexpected ZeroDivisionError: two·lines (traceback: {file})\n"
    assert "Traceback" in file.read_text()
    assert "in function" in file.read_text()


def test_debug_shows_the_traceback(run: Run, verb: Callable[..., None]) -> None:
    verb(raising(ZeroDivisionError("nought")))
    code, _, err = run("--debug", "try")
    assert code == 1
    assert "Traceback (most recent call last)" in err


def test_a_traceback_finds_a_place_when_the_home_cannot_be_written(
    run: Run, verb: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").write_text("a file, not a folder")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    verb(raising(ZeroDivisionError("nought")))
    err = run("try")[2]
    assert Path(err.rpartition("traceback: ")[2].rstrip(")\n")).is_file()


def test_an_interrupt_is_one_line(run: Run, verb: Callable[..., None]) -> None:
    verb(raising(KeyboardInterrupt()))
    assert run("try") == (130, "", "interrupted\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["trian"], "there is no verb 'trian'; did you mean 'train'? (see 'endcap --help')"),
        (["xyzzy"], "there is no verb 'xyzzy'; see 'endcap --help'"),
        (["--hom", "x"], "no such option '--hom'. Did you mean '--home'? (see 'endcap --help')"),
        (["try", "--home", "x"], "--home stands before the verb: endcap --home … VERB …"),
        (["try", "more"], "got unexpected extra argument (more) (see 'endcap try --help')"),
        ([], "missing command (see 'endcap --help')"),
    ],
)
def test_a_wrong_call_is_one_sentence(
    words: list[str], sentence: str, run: Run, verb: Callable[..., None]
) -> None:
    verb(lambda settings: None)
    assert run(*words) == (2, "", f"error: {sentence}\n")


def test_a_bad_setting_stops_before_the_verb(
    run: Run, verb: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    verb(raising(AssertionError("the verb ran")))
    monkeypatch.setenv("ENDCAP_WORKRES", "3")
    sentence = "ENDCAP_WORKRES is not a setting of Endcap; did you mean ENDCAP_WORKERS?"
    assert run("try") == (2, "", f"error: {sentence}\n")


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_is_a_documented_command(name: str) -> None:
    command = import_module(f"endcap.cli.{VERBS[name][0]}").command
    assert isinstance(command, click.Command)
    assert command.help
    assert cli.get_command(click.Context(cli), name) is command


def test_a_reader_that_leaves_is_no_failure() -> None:
    program = (
        "import click, sys; from types import ModuleType; from endcap.cli import main\n"
        "def write():\n"
        "    for _ in range(100_000): print('x' * 100)\n"
        "module = ModuleType('endcap.cli.try_'); module.command = click.command()(write)\n"
        "sys.modules['endcap.cli.try_'] = module; main.VERBS['try'] = ('try_', 'Try.')\n"
        "main.main(['try'])"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    with writer, writer.stdout, writer.stderr:
        writer.stdout.readline()
        writer.stdout.close()
        assert writer.stderr.read() == b""


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "endcap", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"endcap {command_line.__version__}\n"
