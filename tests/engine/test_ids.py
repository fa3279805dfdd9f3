"""Which row an id has: the table on disk, and the vocabulary that grows on top of it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.domain import hashing
from endcap.domain.hashing import stable_hash
from endcap.engine import ids as ids_module
from endcap.engine.ids import IdTable, Vocabulary

words = st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=40)


def table_of(folder: Path, ids: list[str]) -> IdTable:
    IdTable.write(folder, "t", ids)
    return IdTable.open(folder, "t")


def test_hash_is_the_same_everywhere() -> None:
    assert stable_hash(b"sku-1") == 0xE67427402980A9CD


@given(known=words, asked=words)
@settings(max_examples=40, deadline=None)
def test_rows_are_positions_and_strangers_have_none(
    tmp_path_factory: pytest.TempPathFactory, known: list[str], asked: list[str]
) -> None:
    table = table_of(tmp_path_factory.mktemp("ids"), known)
    expected = [known.index(text) if text in known else -1 for text in known + asked]
    assert [table.row(text) for text in known + asked] == expected
    assert table.locate(known + asked).tolist() == expected
    assert table.ids(np.arange(len(known))) == known
    assert len(table) == len(known)


def test_equal_hashes_are_told_apart_by_their_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (hashing, ids_module):
        monkeypatch.setattr(module, "stable_hash", lambda raw: len(raw) % 2)
    known = [f"item {n}" for n in range(50)]
    table = table_of(tmp_path, known)
    assert [table.row(text) for text in known] == list(range(50))
    assert table.locate([*known, "item 99", "x"]).tolist() == [*range(50), -1, -1]


def test_tombstone_keeps_its_row_and_matches_nothing(tmp_path: Path) -> None:
    table = table_of(tmp_path, ["a", "", "c", ""])
    assert [table.row(text) for text in ("a", "", "c")] == [0, -1, 2]
    assert table.locate(["", "c"]).tolist() == [-1, 2]
    assert table.id(1) == ""


def test_vocabulary_gives_new_ids_the_next_rows(tmp_path: Path) -> None:
    vocabulary = Vocabulary(table_of(tmp_path, ["a", "b"]))
    assert [vocabulary.add(text) for text in ("b", "new", "a", "new", "é")] == [1, 2, 0, 2, 3]
    assert vocabulary.ids([3, 0]) == ["é", "a"]
    assert vocabulary.locate(["é", "b", "?"]).tolist() == [3, 1, -1]
    assert list(vocabulary) == ["a", "b", "new", "é"]


def test_erased_id_gets_another_row_when_it_comes_back(tmp_path: Path) -> None:
    vocabulary = Vocabulary(table_of(tmp_path, ["a", "b"]))
    assert vocabulary.erase("a") == 0
    assert (vocabulary.row("a"), vocabulary.id(0), vocabulary.erase("a")) == (-1, "", -1)
    assert vocabulary.add("a") == 2
    assert vocabulary.erase("a") == 2
    assert vocabulary.row("a") == -1
    assert vocabulary.locate(["a", "b"]).tolist() == [-1, 1]
    assert vocabulary.add("a") == 3


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "add", "erase", "write"]), st.sampled_from("abcde")),
        max_size=20,
    )
)
@settings(max_examples=30, deadline=None)
def test_writing_in_between_changes_no_row(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    plain, written = Vocabulary(), Vocabulary()
    for step, text in steps:
        if step == "write":
            folder = tmp_path_factory.mktemp("ids")
            written.write(folder, "t")
            written = Vocabulary(IdTable.open(folder, "t"))
        else:
            assert getattr(plain, step)(text) == getattr(written, step)(text)
    assert list(plain) == list(written)
    assert [plain.row(text) for text in "abcde"] == [written.row(text) for text in "abcde"]
