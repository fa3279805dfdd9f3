"""What the local regressions of large catalogues lose against the dense inverse, on held-out data.

    python bench/local_loss.py [--movielens train.txt.gz] [--items 8000]

Both are fitted at one setting on the same events, judged on the tail that the recipe holds out.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from growth_shop import shop

from endcap.data.interactions import Interactions, from_sequences
from endcap.evaluation.benchmark_files import read_users
from endcap.models import closed_form, item_item, pairs
from endcap.models.choosing import alone
from endcap.models.holdout import excluded, hold_out, seen_policy
from endcap.models.item_item import EASE, MOST_PER_USER, Family, Room
from endcap.models.judging import Judge
from endcap.models.neighbours import Neighbours
from endcap.models.reading import Reading

FAMILY = Family(EASE, penalty=2.0, user_exponent=0.5, target_exponent=-0.1)
ROOM = Room(8 << 30, 1, 500, 0)


def local(data: Interactions, sources: int) -> Neighbours:
    matrix = pairs.user_items(data, FAMILY.user_exponent)
    gram = pairs.gram(matrix, MOST_PER_USER, 0, ROOM.most_pairs)
    diagonal = gram.diagonal()
    penalty = np.full(len(diagonal), FAMILY.penalty * diagonal[diagonal > 0].mean(), np.float32)
    found = closed_form.local(gram, None, penalty, sources, ROOM.keep, 1)
    return item_item.scaled(FAMILY, found, data)


def compare(name: str, data: Interactions) -> None:
    held = hold_out(data, 3000, 0)
    judge = Judge(held, excluded(held.queries, seen_policy(data)[1], data.event_types))
    print(f"{name}: {data.n_items} items, {len(held.fitting)} events, {held.queries.size} queries")
    forms = {"dense": lambda: item_item.fit(FAMILY, held.fitting, ROOM)}
    forms |= {f"local {s}": lambda s=s: local(held.fitting, s) for s in (50, 100, 200)}
    best = 0.0
    for form, fit in forms.items():
        begun = time.process_time()
        fitted = fit()
        taken = time.process_time() - begun
        found = judge.judge(alone(FAMILY, Reading(), fitted, data.n_items))
        best = best or found.ndcg
        print(
            f"{form}: recall@20 {found.recall:.4f} ndcg@20 {found.ndcg:.4f} "
            f"({found.ndcg / best - 1:+.2%}), {taken:.1f} s of the processor",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movielens", type=Path)
    parser.add_argument("--items", type=int, default=8000)
    parser.add_argument("--events", type=int, default=800_000)
    given = parser.parse_args()
    if given.movielens:
        users = read_users(given.movielens)
        rows = {number: row for row, number in enumerate(sorted(set().union(*users.values())))}
        lists = [[rows[item] for item in items] for items in users.values()]
        compare("MovieLens-1M m1", from_sequences(lists, len(rows), ordered=False))
    compare("generated shop", shop(given.events, given.items))


if __name__ == "__main__":
    main()
