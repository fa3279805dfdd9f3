"""Our evaluator of boosted trees against xgboost itself."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.domain.errors import Damaged
from endcap.models import trees_kernel, trees_numpy
from endcap.models.trees import Trees, read_xgboost


def booster(seed, *, features=5, rows=400, depth=6, rounds=12, missing=0.2, **more):
    """A model of random data with missing values, repeated values and a constant column."""
    draw = np.random.default_rng(seed)
    data = draw.normal(size=(rows, features)).astype(np.float32)
    data[:, 0] = np.round(data[:, 0])
    data[:, -1] = 1
    data[draw.random(data.shape) < missing] = np.nan
    label = (np.nansum(data, axis=1) + draw.normal(size=rows) > 0.5).astype(int)
    given_ = {"objective": "binary:logistic", "max_depth": depth, "nthread": 1, "seed": seed}
    matrix = xgboost.DMatrix(data, label)
    return xgboost.train({**given_, **more}, matrix, rounds), data


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    depth=st.integers(1, 6),
    rows=st.sampled_from((0, 1, 31, 33, 400)),
    missing=st.sampled_from((0.0, 0.3, 0.9)),
    method=st.sampled_from(("hist", "exact")),
)
def test_kernel_and_numpy_form_equal_xgboost(seed, depth, rows, missing, method):
    model, data = booster(seed, depth=depth, missing=missing, tree_method=method)
    trees, data = read_xgboost(model.save_raw("json")), data[:rows]
    expected = model.inplace_predict(data, predict_type="margin") if rows else np.zeros(0)
    np.testing.assert_allclose(trees.margins(data), expected, rtol=0, atol=1e-6)
    plain = np.full(rows, trees.base[0], np.float32)
    trees_numpy.margins(
        data, trees.thresholds, trees.counts, trees.features, trees.limits, trees.leaves, plain
    )
    np.testing.assert_array_equal(trees.margins(data), plain)


def test_values_on_a_threshold_and_infinities_go_where_xgboost_sends_them():
    model, _ = booster(3)
    trees = read_xgboost(model.save_raw("json"))
    row = np.full((1, trees.n_features), np.nan, np.float32)
    probes = [row]
    for feature in range(trees.n_features):
        for value in trees.thresholds[feature, : trees.counts[feature]]:
            for near in (np.nextafter(value, np.float32(-9)), value):
                probe = row.copy()
                probe[0, feature] = near
                probes.append(probe)
    data = np.concatenate(probes)
    expected = model.predict(xgboost.DMatrix(data), output_margin=True)
    np.testing.assert_allclose(trees.margins(data), expected, rtol=0, atol=1e-6)
    data[1:, 0], huge = np.inf, data.copy()
    huge[1:, 0] = np.float32(3e38)
    np.testing.assert_array_equal(trees.margins(data), trees.margins(huge))


def test_many_thresholds_take_wider_bins():
    model, data = booster(
        1, rows=3000, features=3, missing=0.05, rounds=60, tree_method="exact", min_child_weight=0
    )
    trees = read_xgboost(model.save_raw("json"))
    assert trees.limits.dtype == np.uint16
    expected = model.inplace_predict(data, predict_type="margin")
    np.testing.assert_allclose(trees.margins(data), expected, rtol=0, atol=2e-6)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000), depth=st.integers(1, 6))
def test_contributions_sum_to_the_margin_and_equal_xgboosts(seed, depth):
    model, data = booster(seed, depth=depth)
    trees, data = read_xgboost(model.save_raw("json")), data[:40]
    found = trees.contributions(data)
    np.testing.assert_allclose(found.sum(axis=1), trees.margins(data), rtol=0, atol=1e-5)
    theirs = model.predict(xgboost.DMatrix(data), pred_contribs=True, approx_contribs=True)
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-4)
    plain = np.zeros_like(found)
    arrays = (trees.thresholds, trees.counts, trees.features, trees.limits, trees.means)
    trees_numpy.contributions(data, *arrays, plain)
    plain[:, -1] += trees.base[0]
    np.testing.assert_allclose(found, plain, rtol=0, atol=1e-9)


def test_saved_trees_are_the_same(tmp_path):
    model, data = booster(2)
    trees = read_xgboost(model.save_raw("json"))
    trees.save(tmp_path)
    np.testing.assert_array_equal(Trees.load(tmp_path).margins(data), trees.margins(data))


@pytest.mark.parametrize("name", ["features", "thresholds", "leaves", "counts"])
def test_damaged_arrays_are_refused_before_a_kernel_reads_them(tmp_path, name):
    model, _ = booster(2)
    read_xgboost(model.save_raw("json")).save(tmp_path)
    array = np.load(tmp_path / f"{name}.npy")
    np.save(tmp_path / f"{name}.npy", array[:-1] if name != "features" else array + 1000)
    with pytest.raises(Damaged) as raised:
        Trees.load(tmp_path)
    assert raised.value.code == "model_unreadable"


def test_deep_trees_and_other_boosters_are_refused():
    model, _ = booster(5, depth=8, rows=4000)
    with pytest.raises(ValueError, match="deeper than 6"):
        read_xgboost(model.save_raw("json"))
    model, _ = booster(5, num_class=3, objective="multi:softprob")
    with pytest.raises(ValueError, match="one output"):
        read_xgboost(model.save_raw("json"))


def test_rows_of_another_width_are_refused():
    trees = read_xgboost(booster(2)[0].save_raw("json"))
    with pytest.raises(ValueError, match="for 5 features"):
        trees.margins(np.zeros((3, 4), np.float32))


def test_kernel_is_compiled():
    assert trees_kernel.COMPILED
