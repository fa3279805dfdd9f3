"""Who most likely wants an item: on the checkerboard, those of its colour."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.app import segments
from endcap.app.segments import (
    Target,
    groups_of,
    target_of_item,
    users_for_attributes,
    users_for_item,
)
from endcap.app.version_loading import Opened, open_version
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.filter_parser import parse
from endcap.domain.filters import Filtering


def filtering(text: str) -> Filtering:
    return Filtering(parse(text, extended=True), (), text)


def opened_by(board: Any) -> Opened:
    return open_version(board.shop, "v0001", "item affinity")


def tastes(user_ids: list[str]) -> set[int]:
    return {int(user_id[1:]) % 2 for user_id in user_ids}


def test_who_wants_an_item(board: Any) -> None:
    for item, taste in (("black-3", 0), ("white-3", 1)):
        found = users_for_item(opened_by(board), item, 20, board.at)
        assert len(found.user_ids) == len(set(found.user_ids)) == 20
        assert tastes(found.user_ids) == {taste}
        assert (found.scores[:-1] >= found.scores[1:]).all()


def test_scores_are_the_recipe_s_own(board: Any) -> None:
    opened = opened_by(board)
    found = users_for_item(opened, "black-3", 3, board.at)
    serving = opened.live.serving
    assert serving.recipe is not None
    for user_id, score in zip(found.user_ids, found.scores.tolist(), strict=True):
        moment = segments.histories(opened.live, board.at)
        (users, queries), *_ = moment
        place = users.tolist().index(opened.live.state.users.row(user_id))
        rows = target_of_item(opened, "black-3").rows
        assert segments.scores_of(opened.live, queries, rows)[place, 0] == pytest.approx(score)


def test_blocks_change_nothing(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = users_for_item(opened_by(board), "white-1", 60, board.at)
    monkeypatch.setattr(segments, "BLOCK", 7)
    again = users_for_item(opened_by(board), "white-1", 60, board.at)
    assert again.user_ids == whole.user_ids
    assert again.scores == pytest.approx(whole.scores)


def test_a_click_counts_at_once_and_erased_users_are_gone(board: Any) -> None:
    for number in range(6):
        board.post(("newcomer", f"black-{number}", "view"))
    board.erase("s0")
    found = users_for_item(opened_by(board), "black-6", 100, board.at)
    assert "newcomer" in found.user_ids
    assert "s0" not in found.user_ids
    assert "" not in found.user_ids


def test_who_wants_items_with_attributes(board: Any) -> None:
    wanted = filtering('ITEMS.DEPARTMENT = "white" AND ITEMS.NAME != "white thing 3"')
    found = users_for_attributes(opened_by(board), wanted, 25, board.at)
    assert tastes(found.user_ids) == {1}


def test_a_filter_of_users_chooses_who_may_be_in_it(board: Any) -> None:
    buyers = filtering('INCLUDE UserID WHERE Interactions.EVENT_TYPE IN ("purchase")')
    board.post(("looker", "black-1", "view"), ("looker", "black-2", "view"))
    every = users_for_item(opened_by(board), "black-3", 100, board.at)
    found = users_for_item(opened_by(board), "black-3", 100, board.at, buyers)
    assert set(every.user_ids) - set(found.user_ids) == {"looker"}


def test_items_that_nobody_knows_are_refused_and_new_ones_are_not(board: Any) -> None:
    opened = opened_by(board)
    with pytest.raises(NotFound) as caught:
        users_for_item(opened, "nothing", 5, board.at)
    assert caught.value.code == "unknown_item"
    with pytest.raises(InvalidInput) as refused:
        users_for_attributes(opened, filtering('Items.DEPARTMENT = "red"'), 5, board.at)
    assert refused.value.code == "no_such_items"
    board.put("black-77", department="black", name="black thing 77")
    found = users_for_item(opened_by(board), "black-77", 10, board.at)
    assert tastes(found.user_ids) == {0}


def test_many_targets_are_walked_in_groups(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = opened_by(board)
    targets: list[Target] = [target_of_item(opened, f"black-{n}") for n in range(5)]
    monkeypatch.setattr(segments, "MOST_ROWS", 2)
    assert [len(group) for group in groups_of(targets)] == [2, 2, 1]
    found = segments.segments(opened, targets, 4, board.at)
    alone = [users_for_item(opened, f"black-{n}", 4, board.at) for n in range(5)]
    assert [each.user_ids for each in found] == [each.user_ids for each in alone]
