"""What the training report says of the ranker."""

from __future__ import annotations

from endcap.app.reports import ranker_facts


def test_the_report_says_whose_order_is_served_and_by_how_much() -> None:
    info = {
        "status": "trained", "order": "blend", "rival": "blend", "difference": 0.02, "low": 0.01,
        "high": 0.03, "ndcg@20": {"recipe": 0.4, "ranker": 0.41, "blend": 0.42}, "brier": 0.004,
        "brier_of_share": 0.006, "calibration_error": 0.0005,
        "shap": [{"feature": "pair_due", "size": 1.0}],
    }  # fmt: skip
    facts = ranker_facts(info)
    assert facts["order served"] == "blend"
    assert facts["blend over recipe, NDCG@20"] == 0.02
    assert facts["its 95 % interval"] == [0.01, 0.03]
    assert facts["strongest features (SHAP)"] == "pair_due"


def test_the_report_says_why_there_is_none() -> None:
    assert ranker_facts({"status": "skipped", "reason": "no times"}) == {"ranker": "no times"}
    assert ranker_facts({}) == {}
