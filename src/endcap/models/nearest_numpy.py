"""The numpy form of ``nearest_kernel``, which describes the arguments: a test holds both equal."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s, UInt64s


def _fill(scores: Float32s, rows: Int32s, out_rows: Int32s, out_scores: Float32s) -> None:
    """The best of ``scores`` (n,) of ``rows`` (n,) into one query's output (k,)."""
    best = np.lexsort((rows, -scores))[: len(out_rows)]
    out_rows[:], out_scores[:] = -1, np.nan
    out_rows[: len(best)], out_scores[: len(best)] = rows[best], scores[best]


def exact(
    vectors: Float32s,
    places: Int32s,
    allowed: Bools,
    words: UInt64s,
    queries: Float32s,
    out_rows: Int32s,
    out_scores: Float32s,
) -> None:
    del words
    rows = np.arange(len(vectors), dtype=np.int32)
    if len(allowed):
        rows = rows[allowed]
    lying = vectors[places[rows] if len(allowed) and len(places) else rows]
    for q, query in enumerate(queries):
        _fill(lying @ query, rows, out_rows[q], out_scores[q])


def probe(
    vectors: Float32s,
    rows: Int32s,
    starts: Int64s,
    centres: Float32s,
    probes: int,
    enough: int,
    allowed: Bools,
    queries: Float32s,
    list_scores: Float32s,
    list_order: Int32s,
    out_rows: Int32s,
    out_scores: Float32s,
) -> None:
    del list_scores, list_order
    least = enough if len(allowed) else 0
    permitted = allowed[rows] if len(allowed) else np.ones(len(rows), bool)
    for q, query in enumerate(queries):
        chosen = np.zeros(len(rows), bool)
        order = np.argsort(-(centres @ query), kind="stable")
        for read, best in enumerate(order):
            seen = int(chosen.sum())
            if read >= probes and seen >= least and seen >= out_rows.shape[1]:
                break
            span = slice(starts[best], starts[best + 1])
            chosen[span] = permitted[span]
        _fill(vectors[chosen] @ query, rows[chosen], out_rows[q], out_scores[q])
