"""A vector database is asked what lies near an item; whatever it does, there is an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from endcap.app import vectors
from endcap.app.answers import answer
from endcap.app.nearby import HOLD_OFF_S, Nearby
from endcap.domain.errors import Unavailable
from endcap.domain.values import EMBEDDING, Query
from endcap.ports import VectorIndex


@pytest.fixture
def loaded(board: Any) -> Any:
    """The board with its items loaded into a folder, which stands for any vector index."""
    version = vectors.chosen(board.shop, "")
    vectors.load(board.shop, vectors.ITEMS, version, board.at, progress=lambda *_: None)
    vectors.switch(board.shop, vectors.ITEMS, version)
    board.shop.settings = replace(board.shop.settings, vectors_ms=60_000)
    return board


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Failing:
    """An index whose searches end as ``what`` says; it counts them."""

    def __init__(self, what: Callable[[], object]) -> None:
        self.what, self.asked = what, 0

    def nearest(self, *_: object) -> object:
        self.asked += 1
        return self.what()


def near(board: Any, item_id: str = "black-0", k: int = 5) -> Query:
    return Query("related", board.at, item_id=item_id, by=EMBEDDING, k=k)


def ask(nearby: Nearby, query: Query) -> Any:
    return asyncio.run(nearby.ask(query))


def outcomes(board: Any) -> dict[str, float]:
    return {
        dict(labels)["outcome"]: count
        for (name, labels), count in board.shop.telemetry.counters.items()
        if name == "vector_lookups_total"
    }


def test_what_it_finds_is_answered(loaded: Any) -> None:
    query = near(loaded)
    found = ask(Nearby(loaded.shop, Clock()), query)
    itself = loaded.shop.now.serving.embedded_row(loaded.shop.now.state.items.row("black-0"))
    assert itself not in found.rows
    assert len(found.rows) > 20
    with_it, without = answer(loaded.shop, query, near=found), answer(loaded.shop, query)
    assert with_it.items == without.items
    assert with_it.strategy == "embedding"
    assert outcomes(loaded) == {"answered": 1}


def test_the_answer_is_made_of_it(loaded: Any) -> None:
    found = ask(Nearby(loaded.shop, Clock()), near(loaded))
    turned = type(found)(found.rows[::-1], found.scores)
    told = answer(loaded.shop, near(loaded), near=turned).items
    assert [item.id for item in told] != [i.id for i in answer(loaded.shop, near(loaded)).items]


def test_what_cannot_be_sold_is_left_out(loaded: Any) -> None:
    best = answer(loaded.shop, near(loaded)).items[0].id
    loaded.put(best, available=False, department="black", name="gone")
    found = ask(Nearby(loaded.shop, Clock()), near(loaded))
    assert best not in [item.id for item in answer(loaded.shop, near(loaded), near=found).items]


def test_too_few_that_can_be_sold_are_not_enough(loaded: Any) -> None:
    found = ask(Nearby(loaded.shop, Clock()), near(loaded))
    few = type(found)(found.rows[:3], found.scores[:3])
    assert len(answer(loaded.shop, near(loaded, k=8), near=few).items) == 8


def refuse() -> object:
    raise Unavailable("vectors_unreachable", field="db/shop", reason="gone")


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        (refuse, "vectors_unreachable"),
        (lambda: 1 / 0, "error"),
        (lambda: time.sleep(0.4), "late"),
    ],
)
def test_without_it_the_model_answers(
    loaded: Any, what: Callable[[], object], outcome: str
) -> None:
    index, clock = Failing(what), Clock()
    loaded.shop.vectors = lambda _kind: index
    loaded.shop.settings = replace(loaded.shop.settings, vectors_ms=100)
    nearby = Nearby(loaded.shop, clock)
    assert ask(nearby, near(loaded)) is None
    assert outcomes(loaded) == {outcome: 1}
    assert ask(nearby, near(loaded)) is None  # left alone for a moment
    assert index.asked == 1
    assert outcomes(loaded)["spared"] == 1
    clock.now += HOLD_OFF_S
    ask(nearby, near(loaded))
    assert index.asked == 2


def test_another_version_is_not_mixed_in(loaded: Any) -> None:
    folder: VectorIndex = loaded.shop.vectors(vectors.ITEMS)
    model = vectors.embeddings_of(loaded.shop, vectors.chosen(loaded.shop, ""))
    folder.load("v0009", ["black-1"], model.folding[:1])
    folder.switch("v0009")
    assert ask(Nearby(loaded.shop, Clock()), near(loaded)) is None
    assert outcomes(loaded) == {"version": 1}


def test_before_anything_is_loaded_the_model_answers(board: Any) -> None:
    board.shop.settings = replace(board.shop.settings, vectors_ms=60_000)
    assert ask(Nearby(board.shop, Clock()), near(board)) is None
    assert outcomes(board) == {"no_vectors": 1}


def test_an_item_without_a_place_is_not_asked_about(loaded: Any) -> None:
    assert ask(Nearby(loaded.shop, Clock()), near(loaded, "no such item")) is None
    assert outcomes(loaded) == {}
