from __future__ import annotations

import pytest

from endcap.evaluation.results import Difference, Evaluation, Figure, Row
from endcap.evaluation.tables import (
    Cell,
    difference_text,
    evaluation_table,
    figure_text,
    terminal_rows,
    verdict,
)


def evaluation(low: float, high: float) -> Evaluation:
    """Popularity at 0.1; the model a little above, with the given ends of the difference."""
    middle = (low + high) / 2
    change = {"recall": Difference(middle, low, high, 0.04)}
    mine = Row("mine", False, {"recall": Figure(0.1 + middle, 0.1, 0.5)}, change, [], [])
    reference = Row("popularity", True, {"recall": Figure(0.1, 0.08, 0.12)}, {}, [], [])
    return Evaluation(
        protocol="temporal", split_at=None, k=5, users=9, cold_users=0, items=7,
        train_events=1, test_events=1, truth_items=1, seen="none", reference="popularity",
        level=0.95, resamples=10, seed=0, rows=[reference, mine], slices=[], demand_curve=[],
    )  # fmt: skip


BETTER, SAME, WORSE = evaluation(0.1, 0.3), evaluation(-0.1, 0.3), evaluation(-0.08, -0.02)


def test_rows_are_best_first_with_the_difference_last() -> None:
    assert terminal_rows(BETTER, ["recall"]) == [
        ["recommender", "Recall@5", "Recall vs popularity"],
        ["mine", "0.3000 ± 0.2000", "+0.2000 [+0.1000, +0.3000]"],
        ["popularity", "0.1000 ± 0.0200", ""],
    ]
    assert [row[0].text for row in evaluation_table(WORSE).rows] == ["popularity", "mine"]


def test_metrics_that_were_not_measured_have_no_column() -> None:
    assert evaluation_table(BETTER, ["recall", "diversity"]).header == ("recommender", "Recall@5")


@pytest.mark.parametrize(("found", "tone"), [(BETTER, "better"), (SAME, "plain"), (WORSE, "worse")])
def test_the_tone_needs_an_interval_that_leaves_zero(found: Evaluation, tone: str) -> None:
    cells = {row[0].text: row[1] for row in evaluation_table(found).rows}
    assert cells["mine"].tone == tone
    assert evaluation_table(found, compared=False).rows[0][1].detail == ""


def test_more_of_a_neutral_metric_is_not_better() -> None:
    change = {"gini": Difference(0.2, 0.1, 0.3, 0.0)}
    row = Row("mine", False, {"recall": Figure(1.0), "gini": Figure(0.9)}, change, [], [])
    found = evaluation(0.1, 0.3)
    found.rows[:] = [row]
    assert evaluation_table(found, ["gini"]).rows[0][1].tone == "plain"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (BETTER, "better than popularity, 3.0 times as much"),
        (SAME, "not distinguishable from popularity"),
        (WORSE, "worse than popularity (difference"),
    ],
)
def test_the_verdict_says_what_the_interval_says(found: Evaluation, words: str) -> None:
    assert words in verdict(found, "mine")
    assert verdict(found, "popularity") == "Recall@5 of popularity is 0.1000."


def test_what_was_not_measured_is_a_dash() -> None:
    assert figure_text(Figure(None)) == "–"
    assert figure_text(Figure(0.25)) == "0.2500"
    assert difference_text(Difference(None, None, None, None)) == "– [–, –]"
    assert Cell("x").tone == "plain"
