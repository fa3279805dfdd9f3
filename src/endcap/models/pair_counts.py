"""Second-order transitions: what followed two items of the same sequence, the later one newest."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s, Int64s
from endcap.models.neighbours import PairNeighbours, from_matrix

EARLIER = 3  # events back in which the earlier item of a pair is looked for
AHEAD = 3  # events ahead that count as followers
MOST_EVENTS = 1_000_000  # newest events of which pairs are counted


def pair_followers(
    data: Interactions, weights: Float32s, decay: float, shrinkage: float, most: int
) -> PairNeighbours:
    """Rows of what followed (earlier item, newest item): counts / (their sum + ``shrinkage``), so
    that a pair that was seen once says little. A follower g events ahead counts decay^(g - 1), a
    pair d events apart decay^((d - 1) / 2), both times the event's weight, (events,). Only the
    newest ``most`` events (never more than MOST_EVENTS) are the later item of a pair.
    """
    n, item = data.n_items, data.item
    newest = _newest(data, min(most, MOST_EVENTS))
    ends = np.searchsorted(data.user, data.user[newest], side="right") - 1
    begins = np.searchsorted(data.user, data.user[newest])
    keys, targets, counts = [], [], []
    for back in range(1, EARLIER + 1):
        for ahead in range(1, AHEAD + 1):
            at = newest[(newest - back >= begins) & (newest + ahead <= ends)]
            keys.append(item[at].astype(np.int64) * n + item[at - back])
            targets.append(item[at + ahead])
            counts.append(weights[at] * decay ** ((back - 1) / 2 + ahead - 1))
    known, row = np.unique(np.concatenate(keys), return_inverse=True)
    cells = (np.concatenate(counts).astype(np.float32), (row, np.concatenate(targets)))
    table = sparse.coo_matrix(cells, shape=(len(known), n)).tocsr()
    total = np.asarray(table.sum(axis=1)).ravel() + max(shrinkage, 1e-9)
    shares = sparse.diags(1 / total).astype(np.float32) @ table
    return PairNeighbours(known, from_matrix(shares, n)[0])


def _newest(data: Interactions, most: int) -> Int64s:
    """Positions of the newest events, ascending: by time; without times, the last sequences."""
    if len(data) <= most or not data.timed:
        return np.arange(max(len(data) - most, 0), len(data))
    return np.sort(np.argsort(data.ts, kind="stable")[len(data) - most :])
