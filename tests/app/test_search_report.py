"""The search as a report shows it: settings in words, and which of them the recipe has."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.app.reports import gate_facts, order_facts, setting_text, training_report, trials
from endcap.control import solution_versions

READING = {"decay": 0.5, "half_life_s": 259_200.0, "last_n": 0, "type_weights": []}
EASE = {"name": "ease", "penalty": 2.0, "user_exponent": 0.0, "reading": READING}


def test_a_setting_is_told_without_what_is_nought() -> None:
    assert setting_text(EASE) == "ease: penalty 2; decay 0.5, half-life 3 days"
    assert setting_text({"name": "repeat", "penalty": 0.0, "reading": {}}) == "repeat"


def test_chosen_is_what_a_component_has() -> None:
    tried = [{**EASE, "penalty": p, "recall@20": 0.1 * p, "ndcg@20": 0.02} for p in (1.0, 2.0)]
    found = trials({"search": tried, "components": [{**EASE, "weight": 0.3}]})
    assert [(t.family, t.chosen) for t in found] == [("ease", False), ("ease", True)]
    assert found[1].score == pytest.approx(0.22)
    assert trials({}) == []


def test_the_page_of_a_training_shows_the_gate_and_the_blend(board: Any) -> None:
    version = solution_versions.version(board.shop.documents, "v0001")
    page = training_report(board.shop, version).read_text()
    assert gate_facts(version)["gate"].startswith("not judged: ")
    assert "held-out shoppers are too few" in page
    assert "cooccurrence × 1" in page  # the blend of a shop too small to search


def test_the_order_of_the_head_is_told_beside_the_blend() -> None:
    found = {
        "status": "serves",
        "linear": {"recall@20": 0.5, "ndcg@20": 0.25},
        "reordered": {"recall@20": 0.5, "ndcg@20": 0.375},
        "gain": {"recall@20": [0.0, -0.01, 0.01], "ndcg@20": [0.125, 0.1, 0.15]},
        "trees": 120,
        "head": 100,
    }
    blend, moved = trials({"reordering": found})
    assert (blend.family, blend.score, blend.chosen) == ("blend", 0.75, False)
    assert (moved.family, moved.score, moved.chosen) == ("re-ordered", 0.875, True)
    facts = order_facts(found)
    assert facts["head of the list"] == "100 items re-ordered by 120 trees"
    assert facts["its gain in ndcg@20, with 95 % interval"] == [0.125, 0.1, 0.15]
    left = {"status": "left out", "reason": "a trial on some of the queries gained nothing"}
    assert trials({"reordering": left}) == []
    assert order_facts(left) == {"head of the list": f"as blended: {left['reason']}"}
    assert order_facts({}) == {}
