"""Which vocabulary row each item of a model has, without a step of Python for each item.

Both sides hold the hashes of their ids in order, so that the two lists are merged. Pairs of equal
hashes are compared by their bytes; what differs there is looked up one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from endcap.domain.arrays import Bools, Int32s, Int64s
from endcap.engine.ids import IdTable, Vocabulary
from endcap.models.item_ids import ItemIds

_BLOCK = 65_536  # pairs compared at once: bounds memory


def rows_of(ids: Sequence[str], vocabulary: Vocabulary) -> Int32s:
    """(n,) vocabulary rows of n model items, -1 where unknown."""
    if not isinstance(ids, ItemIds):  # a model just fitted, not loaded
        return vocabulary.locate(ids)
    found = in_table(ids, vocabulary.base)
    found[np.isin(found, vocabulary.erased())] = -1
    for row, text in vocabulary.later():
        place = ids.row(text)
        if text and place >= 0:
            found[place] = row
    return found


def in_table(ids: ItemIds, table: IdTable) -> Int32s:
    """(n,) rows of n ids in an immutable table, -1 where unknown."""
    found = np.full(len(ids), -1, np.int32)
    if not len(table.hashes) or not len(ids):
        return found
    places = np.searchsorted(table.hashes, ids.hashes)  # both ascend
    places = np.minimum(places, len(table.hashes) - 1)
    equal = table.hashes[places] == ids.hashes
    found[ids.rows[equal]] = table.rows[places[equal]]
    own = np.flatnonzero(found >= 0)
    for first in range(0, len(own), _BLOCK):
        block = own[first : first + _BLOCK]
        for row in block[~same_bytes(ids, block, table, found[block])].tolist():
            found[row] = table.row(ids[row])
    return found


def same_bytes(ids: ItemIds, own: Int64s, table: IdTable, rows: Int32s) -> Bools:
    """(n,) whether id ``own[i]`` of the model is the id of ``rows[i]``."""
    texts = table.texts
    lengths = ids.starts[own + 1] - ids.starts[own]  # (n,)
    same: Bools = lengths == texts.starts[rows + 1] - texts.starts[rows]
    own, rows, lengths = own[same], rows[same], lengths[same]
    ends = np.cumsum(lengths)
    letters = np.arange(ends[-1] if len(ends) else 0)  # (letters of all pairs,)
    left = letters + np.repeat(ids.starts[own] - ends + lengths, lengths)
    right = letters + np.repeat(texts.starts[rows] - ends + lengths, lengths)
    wrong = np.flatnonzero(ids.letters[left] != texts.flat[right])
    alike = np.ones(len(own), np.bool_)
    alike[np.searchsorted(ends, wrong, side="right")] = False
    same[same] = alike
    return same
