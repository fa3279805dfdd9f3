"""What answers lose because each item keeps only its strongest neighbours.

``python bench/sparse_form.py --cf FILE`` (lines of ``user item item …``), ``--sessions FILE`` (one
session a line) or ``--events FILE [--keep SQL]`` (anything that can be imported) chooses a recipe
on a part of the data, fits it once with every neighbour and then with fewer, and prints NDCG@20 of
the same held-out queries: one JSON object a line. Families that are never dense (transitions,
walks, and all of them beyond 10,000 items) are compared with their own widest form. The order
of the head is that of the weighted sum: trees would be learnt anew for each form.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from endcap.data.importer import ImportOptions, import_files
from endcap.data.interactions import Interactions, from_sequences
from endcap.data.lake import Lake
from endcap.data.sources import Source
from endcap.data.training import load_interactions
from endcap.evaluation.benchmark_files import read_sessions, read_users
from endcap.models import training
from endcap.models.holdout import excluded, hold_out
from endcap.models.judging import Judge
from endcap.models.recipe import Recipe

KEPT = (500, 200, 100, 1000, 50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--cf", "--sessions", "--events"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--keep", action="append", default=[])
    parser.add_argument("--budget", type=float, help="seconds of estimated work for the search")
    parser.add_argument("--model", type=Path, help="a saved model whose choices are taken over")
    parser.add_argument("--memory-mb", type=int, default=8192)
    given = parser.parse_args()
    data = _read(given)
    held = hold_out(data, training.QUERIES, seed=1)  # another part than the search holds out
    if given.model:
        chosen = Recipe.load(given.model).info
    else:
        chosen = Recipe.fit(held.fitting, budget_s=given.budget, memory_mb=given.memory_mb).info
    policy = chosen["seen_policy"]
    judge = Judge(held, excluded(held.queries, policy, data.event_types))
    whole = 0.0
    for keep in (data.n_items, *(k for k in KEPT if k < data.n_items)):
        mixture = training.refit(chosen, held.fitting, 1, given.memory_mb, keep, reorder=False)
        ndcg = judge.judge(mixture).ndcg
        whole = whole or ndcg
        print(json.dumps({
            "neighbours": keep,
            "ndcg@20": round(ndcg, 5),
            "loss_percent": round(100 * (1 - ndcg / whole), 3),
            "mb": round(len(mixture.stack.columns) * 8 / 1e6, 1),
            "families": sorted({c.name for c in mixture.components}),
        }), flush=True)  # fmt: skip


def _read(given: argparse.Namespace) -> Interactions:
    if given.events:
        with tempfile.TemporaryDirectory() as folder:
            lake = Lake(Path(folder), given.memory_mb, 1)
            at = time.time_ns() // 1000
            options = ImportOptions(at=at, keep=given.keep, event_type="purchase")
            import_files(lake, [Source("events", str(given.events))], {}, options, lambda _: None)
            return load_interactions(lake)
    ordered = bool(given.sessions)
    lists = read_sessions(given.sessions) if ordered else list(read_users(given.cf).values())
    rows = {item: row for row, item in enumerate(sorted({i for s in lists for i in s}))}
    return from_sequences([[rows[i] for i in s] for s in lists], len(rows), ordered=ordered)


if __name__ == "__main__":
    main()
