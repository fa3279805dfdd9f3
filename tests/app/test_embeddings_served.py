"""Items that stand near one in the embeddings of the version that serves."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from endcap.app.answers import answer
from endcap.app.explanations import explained
from endcap.app.reloading import EMBEDDINGS, MODELS, reload
from endcap.app.replaying import replay
from endcap.domain.errors import InvalidInput
from endcap.domain.values import EMBEDDING, Query


def near(board: Any, item_id: str, **more: Any) -> Any:
    return answer(board.shop, Query("related", board.at, item_id=item_id, by=EMBEDDING, **more))


def test_near_items_are_of_the_same_taste(board: Any) -> None:
    found = near(board, "black-0", k=5)
    assert found.strategy == "embedding"
    ids = [item.id for item in found.items]
    assert len(set(ids)) == 5
    assert "black-0" not in ids
    assert all(item_id.startswith("black-") for item_id in ids)
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True)


def test_what_cannot_be_sold_is_left_out(board: Any) -> None:
    best = near(board, "black-0", k=1).items[0].id
    board.put(best, available=False, department="black", name="gone")
    assert best not in [item.id for item in near(board, "black-0", k=20).items]


def test_an_item_without_events_is_answered_by_its_attributes(board: Any) -> None:
    board.put("black-new", department="black", name="black thing 1")
    found = near(board, "black-new", k=3)
    assert found.strategy == "content"
    assert found.items[0].id == "black-1"


def test_a_version_without_embeddings_answers_by_behaviour(board: Any) -> None:
    serving = replaced(board, embeddings=None)
    assert serving.embedded_row(0) == -1
    assert near(board, "black-0").strategy == "related"


def replaced(board: Any, **changes: Any) -> Any:
    from dataclasses import replace as with_changes

    now = board.shop.now
    board.shop.now = with_changes(now, serving=with_changes(now.serving, **changes))
    return board.shop.now.serving


def test_an_explanation_agrees_with_its_score(board: Any) -> None:
    asked = Query("related", board.at, item_id="black-0", by=EMBEDDING)
    for item in explained(board.shop, asked).items:
        told = item.explanation
        assert told is not None
        assert told.source == "embedding"
        assert told.score == item.score
        assert [cause.item_id for cause in told.because] == ["black-0"]


def test_its_answer_id_belongs_to_this_relation_alone(board: Any) -> None:
    asked = Query("related", board.at, item_id="black-0", by=EMBEDDING)
    told = answer(board.shop, asked)
    same = replay(board.shop, told.answer_id, asked).answer
    assert (same.items, same.strategy) == (told.items, "embedding")
    with pytest.raises(InvalidInput) as refused:
        replay(board.shop, told.answer_id, replace(asked, by=None))
    assert refused.value.code == "answer_query_differs"


def test_a_version_with_damaged_embeddings_is_refused(board: Any) -> None:
    before = near(board, "black-0").items
    (board.shop.artifacts.open(MODELS, "v0001") / EMBEDDINGS / "folding.npy").write_bytes(b"no")
    board.shop.now = board.open().now  # as another process finds it: no model is left
    assert board.shop.now.serving.version == ""
    reload(board.shop)
    assert near(board, "black-0").items != before
