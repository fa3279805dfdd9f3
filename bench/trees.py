"""Our tree evaluator beside xgboost's ``inplace_predict``: one thread each, interleaved runs.

``python bench/trees.py`` prints medians in µs, one ``name=value`` a line.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import xgboost

from endcap.models.trees import read_xgboost


def microseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--runs", type=int, default=201)
    given = parser.parse_args()
    draw = np.random.default_rng(0)
    data = draw.normal(size=(20_000, given.features)).astype(np.float32)
    data[draw.random(data.shape) < 0.05] = np.nan
    label = (np.nansum(data[:, :20], axis=1) + 3 * draw.normal(size=len(data)) > 1).astype(int)
    settings = {"objective": "binary:logistic", "max_depth": 6, "nthread": 1, "max_bin": 128}
    model = xgboost.train(settings, xgboost.DMatrix(data, label), given.trees)
    trees = read_xgboost(model.save_raw("json"))
    for candidates in (200, 500):
        rows = data[:candidates].copy()
        theirs = model.inplace_predict(rows, predict_type="margin")
        apart = float(np.abs(trees.margins(rows) - theirs).max())
        times: dict[str, list[float]] = {"xgboost": [], "kernel": []}
        for _ in range(given.runs):
            times["xgboost"].append(
                microseconds(lambda rows=rows: model.inplace_predict(rows, predict_type="margin"))  # type: ignore[misc]
            )
            times["kernel"].append(microseconds(lambda rows=rows: trees.margins(rows)))  # type: ignore[misc]
        medians = {name: statistics.median(found) for name, found in times.items()}
        for name, median in medians.items():
            print(f"trees_{name}_{candidates}_us={median:.0f}")
        print(f"trees_ratio_{candidates}={medians['kernel'] / medians['xgboost']:.3f}")
        print(f"trees_largest_difference_{candidates}={apart:.2g}")


if __name__ == "__main__":
    main()
