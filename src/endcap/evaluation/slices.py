"""Parts of an evaluation: some users, or some items as truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Int32s
from endcap.domain.values import Attributes
from endcap.evaluation.protocols import Split

HISTORY, ACTIVITY, ITEM_POPULARITY = "history", "activity", "item popularity"


class Slice(NamedTuple):
    """``users``: which tested users count, (t,). ``items``: which items count as truth,
    (n_items,); users left without any do not count. None: all."""

    family: str
    name: str
    users: Bools | None = None
    items: Bools | None = None


def standard_slices(split: Split) -> list[Slice]:
    """Cold and warm users, thirds of activity, head to tail of the items; empty ones left out."""
    return [*history_slices(split), *activity_slices(split), *popularity_slices(split.train)]


def history_slices(split: Split) -> list[Slice]:
    """Users with and without any event before the split; none if all are of one kind."""
    cold = split.history_lengths() == 0
    if cold.all() or not cold.any():
        return []
    return [Slice(HISTORY, "warm", users=~cold), Slice(HISTORY, "cold", users=cold)]


def activity_slices(split: Split) -> list[Slice]:
    """Warm users by number of known events, cut at its thirds. Equal numbers stay together."""
    lengths = split.history_lengths()
    warm = lengths > 0
    if not warm.any():
        return []
    low, high = np.quantile(lengths[warm], (1 / 3, 2 / 3))
    parts = {
        "light": warm & (lengths <= low),
        "medium": (lengths > low) & (lengths <= high) & warm,
        "heavy": (lengths > high) & warm,
    }
    return [Slice(ACTIVITY, name, users=users) for name, users in parts.items() if users.any()]


def popularity_slices(train: Interactions) -> list[Slice]:
    """Items as truth: head, middle and tail each carry a third of the known events, head the
    most popular; new items have none."""
    counts = np.bincount(train.item, minlength=train.n_items)
    order = np.argsort(-counts, kind="stable")
    before = np.empty(len(counts), np.float64)  # share of events on more popular items
    before[order] = (np.cumsum(counts[order]) - counts[order]) / max(len(train), 1)
    part = np.where(counts == 0, 3, np.minimum((before * 3).astype(np.int64), 2))
    names = ("head", "middle", "tail", "new")
    found = [Slice(ITEM_POPULARITY, name, items=part == i) for i, name in enumerate(names)]
    return [each for each in found if each.items is not None and each.items.any()]


def categories(catalogue: Sequence[Attributes], attribute: str) -> tuple[list[str], Int32s]:
    """The values of an item attribute: their names, and each item's position among them
    (n_items,), −1 where it has none. A list of texts counts by its first."""
    names: dict[str, int] = {}
    found = np.full(len(catalogue), -1, np.int32)
    for row, attributes in enumerate(catalogue):
        value = attributes.get(attribute)
        if isinstance(value, list):
            value = value[0] if value else None
        if value is not None and value != "":
            found[row] = names.setdefault(str(value), len(names))
    return list(names), found


def attribute_slices(
    split: Split, family: str, names: Sequence[str], category: Int32s, most: int = 8
) -> list[Slice]:
    """Items as truth by category, the ``most`` that users took most from, in that order."""
    taken = category[split.truth.items]
    counts = np.bincount(taken[taken >= 0], minlength=len(names))
    largest = np.argsort(-counts, kind="stable")[:most]
    return [Slice(family, names[i], items=category == i) for i in largest if counts[i]]
