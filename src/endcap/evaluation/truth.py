"""What users really took after the split, and which recommendations hit it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.domain.arrays import Bools, Int32s, Int64s


class Truth(NamedTuple):
    """The distinct items of each user as compressed rows: user u has
    ``items[starts[u]:starts[u + 1]]``, in rising order."""

    starts: Int64s  # (users + 1,)
    items: Int32s  # (sum of lengths,)

    @property
    def users(self) -> int:
        return len(self.starts) - 1

    def lengths(self) -> Int64s:
        """(users,)"""
        return np.diff(self.starts)

    def owners(self) -> Int64s:
        """The user of each item: (len(items),)"""
        return np.repeat(np.arange(self.users, dtype=np.int64), self.lengths())

    def only(self, items: Bools) -> Truth:
        """The same users with the items under the mask (n_items,) only."""
        kept = items[self.items]
        return _compressed(self.owners()[kept], self.items[kept], self.users)

    def of(self, users: Bools) -> Truth:
        """The users under the mask (users,) only."""
        kept = users[self.owners()]
        lengths = self.lengths()[users]
        return Truth(np.concatenate(([0], np.cumsum(lengths))), self.items[kept])


def truth_of_pairs(user: Int64s, item: Int32s, users: int) -> Truth:
    """From one entry for each event, both (n,), in any order and with repeats."""
    width = int(item.max()) + 1 if len(item) else 1
    keys = np.unique(user.astype(np.int64) * width + item)
    return _compressed(keys // width, (keys % width).astype(np.int32), users)


def truth_of_lists(lists: Sequence[Sequence[int]]) -> Truth:
    """From one list of item rows for each user."""
    lengths = [len(found) for found in lists]
    user = np.repeat(np.arange(len(lists), dtype=np.int64), lengths)
    item = np.fromiter((i for found in lists for i in found), np.int32, sum(lengths))
    return truth_of_pairs(user, item, len(lists))


def _compressed(user: Int64s, item: Int32s, users: int) -> Truth:
    counts = np.bincount(user, minlength=users)
    return Truth(np.concatenate(([0], np.cumsum(counts))).astype(np.int64), item)


class Judged(NamedTuple):
    """Recommendations held against the truth: all that the accuracy metrics need."""

    hits: Bools  # (users, k) the item at this rank was taken, and stands here first
    relevant: Int64s  # (users,) how many items the user took

    def only(self, users: Bools) -> Judged:
        """The users under the mask (users,)."""
        return Judged(self.hits[users], self.relevant[users])


def judge(recommended: Int32s, truth: Truth) -> Judged:
    """Hold ``recommended`` (users, k; best first; −1 pads) against the truth of the same users.

    An item that a list holds twice counts where it stands first: a repeat wins nothing.
    """
    users, k = recommended.shape
    width = 1 + max(
        int(truth.items.max()) if len(truth.items) else 0,
        int(recommended.max()) if recommended.size else 0,
    )
    wanted = truth.owners() * width + truth.items  # rising: users rise, items rise within
    asked = np.arange(users, dtype=np.int64)[:, None] * width + recommended
    hits = np.zeros((users, k), np.bool_)
    if len(wanted):
        place = np.minimum(np.searchsorted(wanted, asked), len(wanted) - 1)
        hits = (wanted[place] == asked) & (recommended >= 0)
    return Judged(hits & ~repeated(recommended), truth.lengths())


def repeated(rows: Int32s) -> Bools:
    """Where a list (users, k) holds an item that stood further to the left already."""
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    again = np.zeros(rows.shape, np.bool_)
    again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    marks = np.zeros(rows.shape, np.bool_)
    np.put_along_axis(marks, order, again, axis=1)
    return marks
