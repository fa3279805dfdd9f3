"""Re-ordering the head of the list by boosted trees that were learnt on held-out queries.

score(j) = s · exp(±m / w): s the linear score of the mixture, m what the trees say of the history
and item j (``reorder_kernel``), w the sharpness at which s alone told the held-out targets best;
+ for a positive s, − for a negative one, so that a higher m is always better, and m = 0 for an item
that no event of the history reaches. m depends on the history and the item alone, so ``score`` and
``candidates`` agree whatever is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from endcap.domain.arrays import Float32s, Float64s, Int32s, Int64s, load_array
from endcap.domain.errors import Damaged
from endcap.models import reorder_kernel as kernel
from endcap.models.neighbours import Neighbours
from endcap.models.queries import Queries
from endcap.models.reorder_numpy import REACHED, width
from endcap.models.trees import Trees

HEAD = 100  # items that are looked at anew, the best by the linear score
FARTHEST = 8.0  # most that a score can move, as a power of e
BLOCK = 200_000  # candidates whose columns are held at once


class Parts(NamedTuple):
    """What the trees are told of comes from here: a mixture's own arrays."""

    stack: Neighbours
    pair_keys: Int64s
    prior: Float32s
    readings: Float64s
    marks: Int32s  # scratch (items,), 0 before and after


@dataclass(frozen=True)
class Reordering:
    """Immutable; safe for several threads."""

    trees: Trees
    traits: Float32s  # (items, traits)
    sharpness: float

    def factors(self, parts: Parts, queries: Queries, starts: Int64s, rows: Int32s) -> Float32s:
        """What multiplies a positive score and divides a negative one, (candidates,): items
        ``rows`` by ``starts`` (queries + 1,). 1 for what the history does not reach."""
        out = np.zeros(len(rows), np.float32)
        place = 3 * len(parts.readings) + REACHED
        for first, last in blocks(starts):
            cells = features(parts, self.traits, queries, starts, rows, first, last)
            reached = cells[:, place] > 0
            asked = out[starts[first] : starts[last]]  # a view
            if reached.all():
                asked[:] = self.trees.margins(cells)
            else:
                asked[reached] = self.trees.margins(cells[reached])
        out /= np.float32(self.sharpness)
        return np.exp(np.clip(out, -FARTHEST, FARTHEST, out), out)

    def applied(
        self, parts: Parts, queries: Queries, starts: Int64s, rows: Int32s, scores: Float32s
    ) -> Float32s:
        """The scores after re-ordering of items with the linear ``scores``, both (candidates,)."""
        moved: Float32s = moved_by(scores, self.factors(parts, queries, starts, rows))
        return moved

    def save(self, folder: Path) -> None:
        """Write .npy arrays into a new folder."""
        folder.mkdir()
        self.trees.save(folder)
        np.save(folder / "traits.npy", self.traits)
        np.save(folder / "sharpness.npy", np.array([self.sharpness]))

    @staticmethod
    def load(folder: Path, components: int, n_items: int, mmap: bool) -> Reordering:
        """Raises Damaged (model_unreadable), also where it belongs to another mixture."""
        trees = Trees.load(folder)
        try:
            traits: Any = load_array(folder / "traits.npy", mmap)
            sharpness = float(load_array(folder / "sharpness.npy", mmap=False)[0])
            if traits.ndim != 2 or len(traits) != n_items or traits.dtype != np.float32:
                raise ValueError("traits are of other items")
            if trees.n_features != width(components, traits.shape[1]) or not sharpness > 0:
                raise ValueError("trees are of another mixture")
        except (OSError, ValueError, IndexError, EOFError) as problem:
            raise Damaged("model_unreadable", value=str(folder), reason=str(problem)) from problem
        return Reordering(trees, traits, sharpness)


def moved_by(scores: Float32s, factors: Any) -> Any:
    """Scores times factors, below 0 divided by them, (candidates,)."""
    return np.where(scores < 0, scores / factors, scores * factors)


def blocks(starts: Int64s) -> list[tuple[int, int]]:
    """Ranges of queries with at most ``BLOCK`` candidates, or one query."""
    bounds, first = [0], 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + BLOCK, "right")) - 1
        first = max(last, first + 1)
        bounds.append(first)
    return list(pairwise(bounds))


def features(
    parts: Parts,
    traits: Float32s,
    queries: Queries,
    starts: Int64s,
    rows: Int32s,
    first: int,
    last: int,
) -> Float32s:
    """The columns of ``reorder_kernel`` for the candidates of queries first … last - 1."""
    cuts = starts[first : last + 1]
    out = np.empty(
        (int(cuts[-1] - cuts[0]), width(len(parts.readings), traits.shape[1])), np.float32
    )
    kernel.features(
        *parts.stack, parts.pair_keys, parts.prior, parts.readings, traits,
        queries.starts[first : last + 1], queries.rows, queries.types, queries.ages_s,
        cuts - cuts[0], rows[cuts[0] : cuts[-1]], parts.marks, out,
    )  # fmt: skip
    return out
