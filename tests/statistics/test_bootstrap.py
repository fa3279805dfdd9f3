from __future__ import annotations

import numpy as np
import pytest

from endcap.statistics import bootstrap
from endcap.statistics.bootstrap import mean_intervals, percentile_intervals, resample_means


def test_the_interval_agrees_with_the_normal_formula() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, size=(4_000, 1))
    low, high = mean_intervals(values, 0.95, resamples=2_000, seed=2)[0]
    error = values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_intervals_hold_the_true_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for repeat in range(300):
        low, high = mean_intervals(rng.exponential(1.0, (80, 1)), 0.9, 300, seed=repeat)[0]
        held += low <= 1.0 <= high
    # 90 % promised; the percentile method undercovers a little on skewed values
    assert 0.83 <= held / 300 <= 0.95


def test_same_seed_same_draws_and_another_seed_others() -> None:
    values = np.random.default_rng(4).random((50, 3))
    assert (resample_means(values, 20, 5) == resample_means(values, 20, 5)).all()
    assert (resample_means(values, 20, 5) != resample_means(values, 20, 6)).any()


def test_columns_share_the_drawn_rows() -> None:
    first = np.random.default_rng(5).random((40, 1))
    means = resample_means(np.hstack([first, first + 2.0]), 30, 0)
    assert means[:, 1] - means[:, 0] == pytest.approx(np.full(30, 2.0))


def test_values_that_are_missing_are_left_out() -> None:
    values = np.array([[1.0, np.nan], [1.0, 4.0], [1.0, np.nan], [1.0, 4.0]])
    means = resample_means(values, 200, 0)
    drawn = means[~np.isnan(means[:, 1]), 1]
    assert (means[:, 0] == 1.0).all()
    assert len(drawn) > 100
    assert drawn == pytest.approx(np.full(len(drawn), 4.0))


def test_nothing_gives_nan_and_one_row_gives_itself() -> None:
    assert np.isnan(mean_intervals(np.empty((0, 1)), 0.95, 10)[0]).all()
    assert mean_intervals(np.array([[7.0]]), 0.95, 10)[0] == (7.0, 7.0)


def test_small_blocks_change_no_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_BLOCK", 35)  # three and a half draws of ten rows
    values = np.arange(10.0)[:, None]
    means = resample_means(values, 25, 0)
    assert means.shape == (25, 1)
    assert ((means >= 0) & (means <= 9)).all()
    assert len(np.unique(means)) > 10


def test_percentiles_by_hand() -> None:
    samples = np.arange(101.0)[:, None]
    assert percentile_intervals(samples, 0.9)[0] == pytest.approx((5.0, 95.0))


def test_bundles_of_rows_give_the_same_width(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    values = np.column_stack([rng.exponential(1.0, 7_001), rng.random(7_001) < 0.2]).astype(float)
    values[::3, 1] = np.nan
    monkeypatch.setattr(bootstrap, "MOST_UNITS", 10_000)
    each = mean_intervals(values, 0.9, 1_500, 1)
    monkeypatch.setattr(bootstrap, "MOST_UNITS", 1_000)
    bundled = mean_intervals(values, 0.9, 1_500, 1)
    for (low, high), (bundled_low, bundled_high) in zip(each, bundled, strict=True):
        assert bundled_high - bundled_low == pytest.approx(high - low, rel=0.12)
        assert bundled_low == pytest.approx(low, abs=0.1 * (high - low))


def test_bundles_keep_every_row_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "MOST_UNITS", 4)
    ones = bootstrap.pool_rows(np.ones((10, 1)), 0)
    assert sorted(ones[:, 0].tolist()) == [2.0, 2.0, 3.0, 3.0]
    powers = 2.0 ** np.arange(10)[:, None]
    assert bootstrap.pool_rows(powers, 0).sum() == 1023.0
    assert (bootstrap.pool_rows(powers[:4], 0) == powers[:4]).all()
