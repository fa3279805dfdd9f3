"""From margins to probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.models.calibration import isotonic, quality, reliability


def logistic(margins):
    return 1 / (1 + np.exp(-margins))


def test_a_distorted_margin_becomes_the_true_probability():
    draw = np.random.default_rng(0)
    margins = draw.normal(size=60_000).astype(np.float32)
    truth = logistic(2 * margins - 1)  # the margin alone would be off by both factor and shift
    labels = draw.random(len(margins)) < truth
    found = isotonic(margins, labels).apply(margins)
    assert np.abs(found - truth).mean() < 0.01
    assert quality(found, labels)["calibration_error"] < 0.01
    assert quality(logistic(margins), labels)["calibration_error"] > 0.1


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 3000), levels=st.integers(1, 50))
def test_probabilities_rise_with_the_margin_and_are_never_certain(seed, n, levels):
    draw = np.random.default_rng(seed)
    margins = draw.integers(0, levels, n).astype(np.float32)
    curve = isotonic(margins, draw.random(n) < 0.2)
    probes = np.sort(draw.normal(scale=levels, size=500)).astype(np.float32)
    found = curve.apply(probes)
    assert (np.diff(found) >= 0).all()
    assert 0 < found.min() <= found.max() < 1


def test_pooling_gives_the_known_answer():
    curve = isotonic(np.arange(6, dtype=np.float32), np.array([0, 1, 0, 0, 1, 1], bool))
    assert curve.margins.tolist() == pytest.approx([0, 2, 4.5])
    assert curve.probabilities.tolist() == pytest.approx([1e-6, 1 / 3, 1 - 1e-6])


def test_figures_of_quality():
    labels = np.array([0, 0, 1, 1], bool)
    found = quality(np.array([0.1, 0.1, 0.9, 0.9], np.float32), labels)
    assert found["brier"] == pytest.approx(0.01)
    assert found["brier_of_share"] == 0.25
    assert found["calibration_error"] == pytest.approx(0.1)
    assert [b["size"] for b in reliability(np.zeros(10, np.float32), labels.repeat(3)[:10], 3)] == [
        4, 3, 3,
    ]  # fmt: skip
