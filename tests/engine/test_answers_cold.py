"""What is answered before a model knows: new items, an untrained shop, an empty one."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from endcap.app.compaction import settle
from endcap.app.intake import write
from endcap.domain.records import ItemsPut
from endcap.domain.values import Item
from endcap.engine.cold import MOST_COLD, NEIGHBOURS, ColdItems, Pool, creation
from endcap.engine.sellable import Sellable, is_sellable
from endcap.engine.serving import UNTRAINED
from endcap.engine.state import LiveState, StateLimits
from endcap.models.queries import ModelQuery


def add_twin(board: Any, name: str = "brand-new") -> None:
    board.put(name, department="black", name="black thing 3")


def test_a_brand_new_item_is_recommended_through_content(board: Any) -> None:
    board.post(("fan", "black-3", "view"), ("other", "white-3", "view"))
    add_twin(board)
    assert "brand-new" in board.ids(user_id="fan", k=12)
    whites = board.ids(user_id="other", k=24)
    assert whites.index("brand-new") >= 11  # behind every white product but the one in the history
    assert "brand-new" in board.ids("related", item_id="black-3", k=12)


def test_related_of_a_brand_new_item_is_what_resembles_it(board: Any) -> None:
    add_twin(board)
    told = board.answer("related", item_id="brand-new", k=5)
    assert told.strategy == "content"
    assert told.items[0].id == "black-3"  # the same words; then what shares the number or colour
    assert all("black" in item.id or item.id == "white-3" for item in told.items)


def test_a_click_on_a_brand_new_item_makes_the_answer_personal(board: Any) -> None:
    add_twin(board)
    board.post(("first", "brand-new", "view"))
    told = board.answer(user_id="first", k=5)
    assert told.strategy == "personal"
    assert all(item.id.startswith("black") for item in told.items)


def test_new_items_stay_new_after_a_snapshot(board: Any) -> None:
    board.post(("fan", "black-3", "view"))
    add_twin(board)
    before = board.ids(user_id="fan", k=12)
    settle(board.shop, board.at)
    assert board.shop.now.state.new_items() == []
    assert "brand-new" in before
    assert board.ids(user_id="fan", k=12) == before


def test_withdrawn_and_changed_new_items_follow_at_once(board: Any) -> None:
    board.post(("fan", "black-3", "view"), ("other", "white-3", "view"))
    add_twin(board)
    assert "brand-new" in board.ids(user_id="fan", k=12)
    board.put("brand-new", available=False)
    assert "brand-new" not in board.ids(user_id="fan", k=100)
    board.put("brand-new", available=True, department="white", name="white thing 3")
    assert "brand-new" in board.ids(user_id="other", k=12)
    assert board.ids("related", item_id="brand-new", k=1) == ["white-3"]


def test_the_newest_items_are_weighed_when_there_are_too_many(board: Any) -> None:
    count = MOST_COLD + 20
    items = tuple(
        Item(f"new-{n:04}", {"department": "black", "name": f"black thing {n % 12}", "created": n})
        for n in reversed(range(count))
    )
    write(board.shop, ItemsPut(board.at, items=items))
    rows = board.shop.now.cold.pool().rows
    kept = sorted(board.shop.now.state.items.ids(rows))
    assert kept == [f"new-{n:04}" for n in range(20, count)]


@pytest.mark.parametrize(
    ("attributes", "at"), [({"created": 7}, 7.0), ({"created": "2020-01-01"}, 0.0), ({}, 0.0)]
)
def test_creation(attributes: dict[str, Any], at: float) -> None:
    assert creation(attributes) == at


def test_an_empty_shop_answers_empty_lists(empty_board: Any) -> None:
    asked: dict[str, dict[str, Any]] = {
        "personal": {"user_id": "anybody"},
        "related": {"item_id": "anything"},
        "popular": {},
        "trending": {},
        "rerank": {"user_id": "anybody"},
    }
    for surface, more in asked.items():
        told = empty_board.answer(surface, **more)
        assert (told.items, told.strategy, told.newest_event_age_s) == ((), "none", None)
    told = empty_board.answer("rerank", user_id="u", item_ids=("a", "b"), k=2)
    assert [(item.id, item.score) for item in told.items] == [("a", 0.0), ("b", 0.0)]


def stocked(board: Any) -> Any:
    for number in range(6):
        board.put(f"tea-{number}", department="tea")
        board.put(f"bolt-{number}", department="bolts")
    return board


def test_without_events_the_newest_products_are_popular(empty_board: Any) -> None:
    stocked(empty_board)
    told = empty_board.answer(k=3, user_id="nobody")
    assert told.strategy == "popular"
    assert [item.id for item in told.items] == ["bolt-5", "tea-5", "bolt-4"]


def test_before_training_answers_follow_departments(empty_board: Any) -> None:
    board = stocked(empty_board)
    for buyer in range(9):
        board.post((f"b{buyer}", "bolt-1", "purchase"), (f"b{buyer}", "tea-1", "view"))
    board.post(("newcomer", "tea-0", "view"))
    told = board.answer(user_id="newcomer", k=6)
    assert told.strategy == "affinity"
    assert [item.id.split("-")[0] for item in told.items] == ["tea"] * 6
    assert told.items[0].id == "tea-1"  # the most popular of the department
    assert "tea-0" not in board.ids(user_id="newcomer", k=99, seen="exclude_seen")
    before = board.answer(user_id="newcomer", k=12)
    settle(board.shop, board.at)
    assert board.answer(user_id="newcomer", k=12) == before


def test_before_training_a_product_that_moves_department_moves_with_it(empty_board: Any) -> None:
    board = stocked(empty_board)
    board.post(("newcomer", "tea-0", "view"))
    assert "bolt-3" not in board.ids(user_id="newcomer", k=6)
    board.put("bolt-3", department="tea")
    assert "bolt-3" in board.ids(user_id="newcomer", k=7)


def test_a_shop_without_a_catalogue_answers_from_events(empty_board: Any) -> None:
    empty_board.post(("a", "x", "view"), ("b", "y", "purchase"))
    told = empty_board.answer(user_id="a", k=5)
    assert (told.strategy, [item.id for item in told.items]) == ("popular", ["y", "x"])


def test_the_bitmap_says_of_each_row_what_its_attributes_say(board: Any) -> None:
    board.put("black-1", available=False)
    board.put("black-2", available=False, note="available")
    decoy = b"\xc3\xa9available\xc2\xa3".decode()  # a text that holds the bytes of the real thing
    board.put("decoy", note=decoy)
    board.post(("u", "not in the catalogue", "view"))
    settle(board.shop, board.at)
    board.put("black-2", available=True)
    board.put("black-5", available=None)
    for state in (board.shop.now.state, board.open().now.state):
        mask = Sellable(state).mask()
        assert mask is not None
        said = [is_sellable(state.item_attributes(row)) for row in range(len(state.items))]
        assert mask.tolist() == said
        names = state.items.ids(np.flatnonzero(~mask))
        assert names == ["black-1", "not in the catalogue"]


def test_a_catalogue_that_arrives_ends_the_answers_from_events() -> None:
    state = LiveState(None, StateLimits())
    sellable = Sellable(state)
    assert sellable.mask() is None
    state.apply(ItemsPut(1, items=(Item("x", {"name": "x"}),)), 1)
    assert sellable.mask().tolist() == [True]  # type: ignore[union-attr]
    assert sellable.version > 0


class Levels:
    """A recipe that scores model rows from a table."""

    def __init__(self, *levels: float) -> None:
        self.levels = np.array(levels, np.float32)

    def score(self, query: ModelQuery, rows: Any) -> Any:
        return self.levels[rows]


def cold_scores(seen: list[int], *levels: float) -> list[float]:
    """Scores of two cold items: beside model rows 0 (.9) and 1 (.3), and beside row 2 alone."""
    state = LiveState(None, StateLimits())
    serving = replace(UNTRAINED, recipe=Levels(*levels))  # type: ignore[arg-type]
    cold = ColdItems(state, serving, Sellable(state))
    near = np.zeros((2, NEIGHBOURS), np.int64)
    similar = np.zeros((2, NEIGHBOURS), np.float32)
    near[0, :2], similar[0, :2] = (0, 1), (0.9, 0.3)
    near[1, 0], similar[1, 0] = 2, 0.5
    pool = Pool(np.array([8, 9], np.int32), np.arange(3, dtype=np.int32), near, similar)
    rows = np.array(seen, np.int32)
    query = ModelQuery(rows, np.zeros(len(rows), np.uint8), np.zeros(len(rows), np.float32))
    return cold.scores_in(pool, query).tolist()


def test_a_cold_score_is_the_mean_of_its_neighbours_less_a_tenth() -> None:
    assert cold_scores([5], 1, 2, 3) == pytest.approx([0.9 * 1.25, 0.9 * 3])
    assert cold_scores([5], -1, -2, -3) == pytest.approx([-1.1 * 1.25, -1.1 * 3])


def test_neighbours_in_the_history_are_silent_unless_they_are_alone() -> None:
    assert cold_scores([0, 5], 0, 2, 3) == pytest.approx([0.9 * 2, 0.9 * 3])
    assert cold_scores([2, 0], 0, 2, 3) == pytest.approx([0.9 * 2, 0.9 * 3])
    assert cold_scores([0, 1], 1, 1, 3) == pytest.approx([0.9, 0.9 * 3])


def test_neighbours_that_cannot_be_scored_are_silent() -> None:
    told = cold_scores([5], np.nan, 2, np.nan)
    assert told[0] == pytest.approx(0.9 * 2)
    assert np.isnan(told[1])
    assert np.isnan(cold_scores([], 1, 2, 3)).all()
