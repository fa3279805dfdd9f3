"""A version's embeddings as vectors: which items and shoppers have one, and who is taken out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.app import user_vectors, vectors
from endcap.app.erasure import erase_places, erase_user
from endcap.app.nearby import asked_with
from endcap.app.user_vectors import fold_users
from endcap.bootstrap import open_shop
from endcap.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from endcap.models.queries import ModelQuery
from endcap.settings import load_settings


def load(board: Any, kind: str, **more: object) -> vectors.Told:
    return vectors.load(
        board.shop, kind, vectors.chosen(board.shop, ""), board.at,
        progress=lambda *_: None, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_items_are_found_by_a_shopper_of_their_taste(board: Any) -> None:
    told = load(board, vectors.ITEMS, labels=("department", "size"))
    vectors.switch(board.shop, vectors.ITEMS, told.version)
    model = vectors.embeddings_of(board.shop, told.version)
    asked = asked_with(model, list(model.item_ids).index("black-0"))
    index = board.shop.vectors(vectors.ITEMS)
    assert all(i.startswith("black") for i in index.nearest(asked, 8).lists[0].ids)
    white = index.nearest(asked, 3, {"department": ["white"], "size": [""]}).lists[0].ids
    assert len(white) == 3
    assert all(i.startswith("white") for i in white)


@pytest.mark.parametrize(("batch", "most"), [(100_000, 500), (50, 500), (7, 500), (100, 3)])
def test_shoppers_are_folded_from_their_histories(
    board: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, most: int
) -> None:
    """However the events are cut into batches."""
    monkeypatch.setattr(user_vectors, "BATCH", batch)
    board.post(("stranger", "an item that came after training", "view"))
    model = vectors.embeddings_of(board.shop, vectors.chosen(board.shop, ""))
    vectors.settle(board.shop, board.at)
    with board.shop.lake.connect() as connection:
        rows = connection.sql("SELECT user_id, item_id FROM events ORDER BY user_id, ts, event_id")
        histories: dict[str, list[int]] = {}
        places = {item: row for row, item in enumerate(model.item_ids)}
        for user, item in rows.fetchall():
            if item in places:
                histories.setdefault(user, []).append(places[item])
    wanted = [
        model.user_vector(ModelQuery(np.array(h[-most:], "i4"), np.zeros(len(h[-most:]), "u1"),
                                     np.zeros(len(h[-most:]), "f4")))
        for h in histories.values()
    ]  # fmt: skip
    folder = tmp_path / "staged"
    folder.mkdir()
    with fold_users(board.shop.lake, model, most, folder, lambda *_: None) as made:
        assert list(made.ids) == list(histories)
        assert "stranger" not in made.ids
        np.testing.assert_allclose(made.vectors, wanted, rtol=1e-5, atol=1e-7)
    assert not folder.exists()


def test_shoppers_lie_near_those_of_their_taste(board: Any) -> None:
    vectors.switch(board.shop, vectors.USERS, load(board, vectors.USERS).version)
    index = board.shop.vectors(vectors.USERS)
    near = index.nearest(index.vectors(["s0"]), 10).lists[0].ids
    assert all(int(user[1:]) % 2 == 0 for user in near)


def test_who_is_erased_meanwhile_is_taken_out(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folded = vectors.fold_users

    def slowly(*given: object) -> object:
        board.erase("s2")
        return folded(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(vectors, "fold_users", slowly)
    told = load(board, vectors.USERS)
    vectors.switch(board.shop, vectors.USERS, told.version)
    assert (told.vectors, told.erased) == (59, 1)
    assert np.isnan(board.shop.vectors(vectors.USERS).vectors(["s2"])).all()


def test_an_erased_shopper_has_no_vector(board: Any) -> None:
    board.erase("s4")
    told = load(board, vectors.USERS)
    assert (told.vectors, told.erased) == (59, 0)


def test_a_version_is_loaded_once(board: Any) -> None:
    load(board, vectors.ITEMS)
    with pytest.raises(Conflict) as caught:
        load(board, vectors.ITEMS)
    assert caught.value.code == "vectors_exist"


def test_without_a_version_there_is_nothing_to_load(empty_board: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        vectors.chosen(empty_board.shop, "")
    assert caught.value.code == "no_version_serves"
    with pytest.raises(NotFound) as unknown:
        vectors.chosen(empty_board.shop, "v0009")
    assert unknown.value.code == "unknown_version"


def test_an_erasure_reaches_vectors_that_are_loaded(board: Any) -> None:
    assert erase_user(board.shop, "s6", board.at).forgotten["vectors"] == 0  # nothing is loaded
    told = load(board, vectors.USERS)
    vectors.switch(board.shop, vectors.USERS, told.version)
    receipt = erase_user(board.shop, "s8", board.at)
    assert receipt.forgotten["vectors"] == 1
    assert np.isnan(board.shop.vectors(vectors.USERS).vectors(["s8"])).all()
    held = [p for p in (board.home / "groups").rglob("*") if "vectors" in p.parts and p.is_file()]
    assert [p for p in held if b"s10" in p.read_bytes()]
    assert not [p for p in held if b"s8s9" in p.read_bytes()]


def test_what_cannot_be_reached_waits_for_the_purge(
    checkerboard_home: Path, tmp_path: Path
) -> None:
    shutil.copytree(checkerboard_home, tmp_path / "shop")
    settings = load_settings(
        {"ENDCAP_HOME": str(tmp_path / "shop"), "ENDCAP_VECTORS": "postgresql://127.0.0.1:1/none"}
    )
    shop = open_shop(settings)
    receipt = erase_user(shop, "s8", shop.now.state.newest_ts)
    assert receipt.until_purge["vectors"] == 1
    assert "vectors" not in receipt.forgotten
    with pytest.raises(Unavailable) as caught:
        erase_places(shop, "s8")
    assert caught.value.code == "vectors_unreachable"
