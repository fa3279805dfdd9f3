"""The contract of the port DeadLetters. A new adapter is one more line in ``PLACES``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from endcap.adapters.dead_letters import DeadLetterFiles
from endcap.ports import DeadLetter, DeadLetters

Open = Callable[[], DeadLetters]
AT, DAY_US = 1_755_369_000_000_000, 86_400_000_000

PLACES: dict[str, Callable[[Path], DeadLetters]] = {"files": DeadLetterFiles}


@pytest.fixture(params=PLACES)
def open_letters(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Each call opens the same place again, as another process would."""
    return lambda: PLACES[request.param](tmp_path / "dead")


def letter(number: int, payload: bytes = b"\x00\xff", *users: str) -> DeadLetter:
    return DeadLetter(AT + number * DAY_US, number, "it could not be read: ü", payload, users)


def test_there_are_none_at_first(open_letters: Open) -> None:
    assert list(open_letters().read()) == []
    assert open_letters().erase("u") == 0


def test_a_letter_comes_back_as_it_went_in_oldest_first(open_letters: Open) -> None:
    letters = [letter(1), letter(2, b"", "u", "v"), letter(3, b"\n{}" * 100)]
    for one in reversed(letters):
        open_letters().add(one)
    assert list(open_letters().read()) == letters


def test_the_same_record_is_kept_once(open_letters: Open) -> None:
    for number, payload in [(1, b"a"), (1, b"a"), (1, b"b"), (2, b"a")]:
        open_letters().add(letter(number, payload))
    assert [(one.offset, one.payload) for one in open_letters().read()] == [
        (1, b"a"), (1, b"b"), (2, b"a"),
    ]  # fmt: skip


def test_erasing_a_user_takes_every_letter_that_names_or_holds_the_id(open_letters: Open) -> None:
    for one in (letter(1, b"", "u"), letter(2, b"of user7 here"), letter(3, b"x", "v")):
        open_letters().add(one)
    assert open_letters().erase("user7") == 1
    assert open_letters().erase("u") == 1
    assert [one.offset for one in open_letters().read()] == [3]
    assert open_letters().erase("u") == 0
