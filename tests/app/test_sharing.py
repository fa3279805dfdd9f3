"""Tables for others: what is read back by key is what the engine and training know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from endcap.app import feature_store
from endcap.app.feature_store import PRODUCT_FEATURES, USER_FEATURES, products_of
from endcap.app.sharing import share
from endcap.data.training import load_catalogue, load_interactions
from endcap.features.definitions import NAMES, PRODUCT_NAMES
from endcap.features.rows import context_of, feature_rows

pytestmark = pytest.mark.server  # it opens a trained shop


@pytest.fixture
def shared(board: Any) -> Any:
    """A shop whose tables are written: a purchase in it, and one who has bought nothing."""
    board.post(("s0", "black-1", "purchase"), ("nobody", "white-1", "view"))
    from endcap.app.compaction import settle

    settle(board.shop, board.at)
    board.at += 3_600_000_000
    board.written = share(board.shop, board.at)
    return board


def test_every_product_and_user_has_its_rows(shared: Any) -> None:
    assert shared.written == {
        "catalog": 24, "related_items": 24, PRODUCT_FEATURES: 24, USER_FEATURES: 61,
    }  # fmt: skip
    documents = shared.shop.documents
    item = documents.get("catalog", "black-3").body
    assert item == {"department": "black", "name": "black thing 3", "itemId": "black-3",
                    "created": item["created"]}  # fmt: skip
    related = documents.get("related_items", "black-3").body
    assert [one["id"] for one in related["related"]] == shared.ids(
        "related", item_id="black-3", k=20
    )
    assert (related["itemId"], related["model_version"]) == ("black-3", "v0001")


def test_features_read_by_key_are_those_of_the_live_state(shared: Any) -> None:
    """Bit by bit: what a request at that moment would have computed."""
    shop, at = shared.shop, shared.at
    data = load_interactions(shop.lake)
    table = products_of(data, load_catalogue(shop.lake, data.item_ids))
    row_of = {item_id: row for row, item_id in enumerate(data.item_ids)}
    state = shop.now.state
    for user_id in ("s0", "s1", "nobody"):
        history = state.history(user_id)
        rows = np.array([row_of[i] for i in state.items.ids(history.items)], np.int32)
        candidates = np.array([row_of["black-1"]], np.int32)
        context = context_of(at, state.user_attributes(user_id))
        live = feature_rows(rows, history.types, history.ts, candidates, table, at, context)[0]
        kept = feature_store.read(shop.documents, USER_FEATURES, user_id)
        assert kept is not None
        np.testing.assert_array_equal(kept, live[: len(kept)])
        product = feature_store.read(shop.documents, PRODUCT_FEATURES, "black-1")
        begin = NAMES.index(PRODUCT_NAMES[0])
        np.testing.assert_array_equal(product, live[begin : begin + len(PRODUCT_NAMES)])
        made = feature_store.features_of(shop, USER_FEATURES, user_id, at)
        np.testing.assert_array_equal(made, kept)
    assert feature_store.features_of(shop, PRODUCT_FEATURES, "unheard of", at) is None
    nobody = feature_store.read(shop.documents, USER_FEATURES, "nobody")
    assert nobody is not None
    assert np.isnan(nobody).any()
    assert not np.isnan(nobody).all()


def test_nobody_has_features_who_was_erased_or_never_came(shared: Any) -> None:
    assert feature_store.read(shared.shop.documents, USER_FEATURES, "s99") is None
    shared.erase("s0")
    shared.shop.refresh()
    shared.shop.documents.delete(USER_FEATURES, "s0")  # as the erasure does
    assert share(shared.shop, shared.at)[USER_FEATURES] == 60
    assert feature_store.read(shared.shop.documents, USER_FEATURES, "s0") is None
