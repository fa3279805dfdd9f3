"""Model rows to vocabulary rows: merged at once, and the same as one look-up at a time."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from endcap.engine.ids import IdTable, Vocabulary
from endcap.engine.joining import in_table, rows_of, same_bytes
from endcap.models.item_ids import ItemIds, save_ids

IDS = st.lists(st.text("aéb0", min_size=1, max_size=4), unique=True, max_size=30)


def saved(folder: Path, ids: list[str]) -> ItemIds:
    folder.mkdir()
    save_ids(folder, ids)
    return ItemIds.load(folder)


@given(model=IDS, base=IDS, added=IDS, erased=IDS)
def test_each_item_finds_its_row(
    model: list[str], base: list[str], added: list[str], erased: list[str]
) -> None:
    with TemporaryDirectory() as name:
        IdTable.write(Path(name), "items", base)
        vocabulary = Vocabulary(IdTable.open(Path(name), "items"))
        ids = saved(Path(name) / "model", model)
        for text in added:
            vocabulary.add(text)
        for text in erased:
            vocabulary.erase(text)
        found = rows_of(ids, vocabulary)
        assert found.tolist() == [vocabulary.row(text) for text in model]
        assert [ids.row(text) for text in model] == list(range(len(model)))
        assert ids.row("none of these") == -1


def test_equal_hashes_are_told_apart_by_their_letters(tmp_path: Path) -> None:
    IdTable.write(tmp_path, "items", ["ab", "cd", "x", "é"])
    table = IdTable.open(tmp_path, "items")
    ids = saved(tmp_path / "model", ["ab", "ce", "xy", "é"])
    rows = np.arange(4)
    assert same_bytes(ids, rows, table, rows.astype(np.int32)).tolist() == [
        True,
        False,
        False,
        True,
    ]
    # As if "ce" had the hash of "cd": the letters say no, and the look-up finds nothing.
    place = ids.rows.tolist().index(1)
    hashes = ids.hashes.copy()
    hashes[place] = table.hashes[table.rows.tolist().index(1)]
    order = np.argsort(hashes)
    forged = ItemIds(ids.starts, ids.letters, hashes[order], ids.rows[order])
    assert in_table(forged, table).tolist() == [0, -1, -1, 3]


def test_ids_without_an_index_get_one(tmp_path: Path) -> None:
    ids = saved(tmp_path / "model", ["b", "a", "é"])
    (tmp_path / "model" / "id_hashes.npy").unlink()
    again = ItemIds.load(tmp_path / "model")
    assert again.hashes.tolist() == ids.hashes.tolist()
    assert again.rows.tolist() == ids.rows.tolist()
