"""The ranker: how likely a shopper buys each candidate, from features and the recipe's score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from endcap.domain.arrays import Float32s, Int64s, load_array
from endcap.domain.errors import Damaged
from endcap.features.definitions import NAMES
from endcap.features.products import ProductTable
from endcap.features.rows import context_of, feature_rows
from endcap.models.calibration import Calibration
from endcap.models.selecting import blended, ranked
from endcap.models.trees import Trees

CANDIDATES = 200  # the recipe's best that the ranker sees, in training as in serving
RECIPE_SCORE, RECIPE_PLACE = "recipe_score", "recipe_place"
COLUMNS = (*NAMES, RECIPE_SCORE, RECIPE_PLACE)
BY_RECIPE, BY_RANKER, BY_BLEND = "recipe", "ranker", "blend"
_FORMAT = 1


@dataclass(frozen=True)
class Ranker:
    """Rows are those of the recipe that it was trained with. ``order``: whose order is served;
    ``BY_RECIPE`` where the ranker did not prove better. ``info``: how that was found out."""

    trees: Trees
    calibration: Calibration
    products: ProductTable
    order: str
    info: dict[str, Any]

    @property
    def reorders(self) -> bool:
        return self.order != BY_RECIPE

    def arranged(self, margins: Float32s) -> Int64s:
        """Candidates (n,) in the recipe's order → their positions in the order to serve."""
        return arranged(margins, self.order)

    def probabilities(self, rows: Float32s) -> Float32s:
        """(n,) how likely each of the candidates ``rows`` (n, len(COLUMNS)) is bought."""
        return self.calibration.apply(self.trees.margins(rows))

    def warm(self) -> None:
        """Rank two candidates of nobody, so that no shopper waits until kernels are compiled, or
        read from where compiled ones are kept."""
        nothing = np.zeros(0, np.int32), np.zeros(0, np.uint8), np.zeros(0, np.int64)
        candidates = np.zeros(2, np.int32)
        rows = np.zeros((2, len(COLUMNS)), np.float32)
        feature_rows(*nothing, candidates, self.products, 0, context_of(0, {}), rows)
        self.arranged(self.trees.margins(rows))
        self.trees.contributions(rows)

    def save(self, folder: Path) -> None:
        """Write into an existing empty folder: .npy arrays and manifest.json."""
        self.trees.save(folder)
        np.save(folder / "calibration_margins.npy", self.calibration.margins)
        np.save(folder / "calibration_probabilities.npy", self.calibration.probabilities)
        self.products.save(folder)
        manifest = {"format": _FORMAT, "columns": COLUMNS, "order": self.order, "info": self.info}
        (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))

    @staticmethod
    def load(folder: Path) -> Ranker:
        """Raises Damaged (model_unreadable, features_unreadable)."""
        trees, products = Trees.load(folder), ProductTable.load(folder)
        try:
            manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
            if manifest["format"] != _FORMAT or tuple(manifest["columns"]) != COLUMNS:
                raise ValueError("it was made by another definition of the features")
            knots = [
                load_array(folder / f"calibration_{name}.npy", mmap=False)
                for name in ("margins", "probabilities")
            ]
            if trees.n_features != len(COLUMNS) or not 0 < len(knots[0]) == len(knots[1]):
                raise ValueError("the arrays do not belong together")
            order, info = str(manifest["order"]), dict(manifest["info"])
        except (OSError, ValueError, KeyError, TypeError, EOFError) as problem:
            raise Damaged("model_unreadable", value=str(folder), reason=str(problem)) from problem
        return Ranker(trees, Calibration(*knots), products, order, info)


def arranged(margins: Float32s, order: str) -> Int64s:
    """Positions (n,) of the candidates as ``order`` serves them. ``BY_BLEND``: by the sum of both
    places, the ranker's counting where sums are equal."""
    if order == BY_RECIPE:
        return np.arange(len(margins))
    positions: Int64s = (ranked if order == BY_RANKER else blended)(margins)
    return positions
