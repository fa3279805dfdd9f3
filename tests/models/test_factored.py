"""Embeddings made of factors that alternating least squares found elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from endcap.models.embeddings import Embeddings
from endcap.models.factored import Solving, folded_in, from_factors
from endcap.models.queries import ModelQuery

DRAW = np.random.default_rng(3)


def query(*rows: int) -> ModelQuery:
    n = len(rows)
    return ModelQuery(np.array(rows, np.int32), np.zeros(n, np.uint8), np.zeros(n, np.float32))


def solved(y: np.ndarray, had: list[int], confidence: float, penalty: float) -> np.ndarray:
    """The vector of a shopper by the formula of Hu, Koren & Volinsky."""
    own = y[had]
    matrix = y.T @ y + confidence * own.T @ own + penalty * len(had) * np.eye(y.shape[1])
    return np.linalg.solve(matrix, (1 + confidence) * own.sum(axis=0))


def test_shoppers_who_are_all_alike_are_folded_in_exactly() -> None:
    y = DRAW.normal(size=(6, 3)).astype(np.float32)
    users = np.array([50, 50, 50, 50, 0, 0])  # everybody had the first four
    folding = folded_in(y, users, Solving(50, 7.0, 0.3, 1, 0))
    expected = solved(y.astype(np.float64), [0, 1, 2, 3], 7.0, 0.3)
    np.testing.assert_allclose(folding[:4].sum(axis=0), expected, rtol=1e-5)


def test_shoppers_who_differ_are_folded_in_nearly() -> None:
    y = DRAW.normal(size=(200, 8)).astype(np.float32)
    histories = [DRAW.choice(200, 6, replace=False) for _ in range(300)]
    users = np.bincount(np.concatenate(histories), minlength=200)
    folding = folded_in(y, users, Solving(300, 2.0, 0.1, 1, 0))
    for had in histories[:50]:
        found, true = folding[had].sum(axis=0), solved(y.astype(np.float64), list(had), 2.0, 0.1)
        assert found @ true > 0.95 * np.linalg.norm(found) * np.linalg.norm(true)


def test_no_penalty_and_equal_items_can_be_solved() -> None:
    y = np.tile(DRAW.normal(size=4), (5, 1)).astype(np.float32)
    folding = folded_in(y, np.full(5, 3), Solving(4, 1.0, 0.0, 1, 0))
    assert np.isfinite(folding).all()
    np.testing.assert_allclose(folding, np.tile(folding[0], (5, 1)), rtol=1e-4)


def test_an_item_without_a_vector_is_not_answered_and_says_nothing(tmp_path: Path) -> None:
    y = np.array([[1, 0.1], [0.9, 0.1], [0.1, 1]], np.float32)
    made = from_factors(
        ["a", "b", "c", "new"], np.array([0, 1, 2], np.int32), y, np.array([3, 2, 2]),
        Solving(4, 10.0, 0.1, 10, 7), 0,
    )  # fmt: skip
    made.save(tmp_path)
    loaded = Embeddings.load(tmp_path)
    assert loaded.info["solving"] == {
        "shoppers": 4, "confidence": 10.0, "penalty": 0.1, "sweeps": 10, "seed": 7,
    }  # fmt: skip
    assert loaded.related(0, 4).rows.tolist() == [1, 2]
    assert loaded.related(3, 4).rows.tolist() == []
    assert (
        loaded.candidates(query(0, 3), 4).rows.tolist()
        == loaded.candidates(query(0), 4).rows.tolist()
    )
