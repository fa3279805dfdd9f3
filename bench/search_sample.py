"""Whether a search on some of the shoppers chooses what a search on all of them does.

    python bench/search_sample.py [--movielens train.txt.gz] [--events 400000 --items 2000]

A tail is held out first and never seen; the recipe then searches on everything and on samples of
the rest, fits what it chose on all of the rest, and is judged on the tail.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from growth_shop import shop

from endcap.data.interactions import Interactions, from_sequences
from endcap.evaluation.benchmark_files import read_users
from endcap.models import holdout
from endcap.models.holdout import excluded, hold_out, seen_policy
from endcap.models.judging import Judge
from endcap.models.recipe import Recipe


def movielens(path: Path) -> Interactions:
    users = read_users(path)
    rows = {number: row for row, number in enumerate(sorted(set().union(*users.values())))}
    lists = [[rows[item] for item in items] for items in users.values()]
    return from_sequences(lists, len(rows), ordered=False)


def measure(data: Interactions, share: float, budget_s: float) -> dict[str, object]:
    """What a search on ``share`` of the events chooses, and how good it is once fitted on all."""
    held = hold_out(data, 3000, 1)
    judge = Judge(held, excluded(held.queries, seen_policy(data)[1], data.event_types))
    holdout.SEARCH_EVENTS, holdout.EVENTS_PER_ITEM = round(share * len(held.fitting)), 0
    begun = time.process_time()
    recipe = Recipe.fit(held.fitting, budget_s=budget_s)
    taken = time.process_time() - begun
    found = judge.judge(recipe.mixture)
    return {
        "searched": recipe.info["searched_events"],
        "recall@20": round(found.recall, 4),
        "ndcg@20": round(found.ndcg, 4),
        "processor_s": round(taken),
        "chosen": [
            {name: part[name] for name in ("name", "penalty", "decay", "half_life", "rank")}
            | {"weight": round(part["weight"], 3), "reading": part["reading"]}
            for part in recipe.info["components"]
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--movielens", type=Path)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--shares", default="1,.25,.1")
    parser.add_argument("--budget", type=float, default=300.0, help="as endcap train's")
    given = parser.parse_args()
    data = movielens(given.movielens) if given.movielens else shop(given.events, given.items)
    for share in map(float, given.shares.split(",")):
        print(json.dumps(measure(data, share, given.budget)), flush=True)


if __name__ == "__main__":
    main()
