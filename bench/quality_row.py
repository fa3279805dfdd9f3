"""One row of ``quality.py``'s table: tunes, fits and answers one recommender on one task.

``python quality_row.py NAME TASK.npz LISTS.npy`` writes its lists of the test queries and prints
its figures. Peers choose among a few settings by recall@20 + NDCG@20 on the task's tail, then fit
on everything; Endcap's recipe does its own choosing. One thread for all.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from scipy import sparse

K = 20
ANSWERS = 300  # asked one by one to time an answer
BATCH = 2000
MOST_DENSE = 20_000  # items that EASE's dense inverse is made for

Answer = Callable[[sparse.csr_matrix], np.ndarray]  # (queries, items) scores
Lists = Callable[[sparse.csr_matrix, bool], np.ndarray]  # (queries, K); True: own items left out


class Task:
    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self.arrays = dict(arrays)
        self.n_users, self.n_items = map(int, self.arrays["size"])

    def matrix(self, part: str) -> sparse.csr_matrix:
        """Events of each user and item, (users, items)."""
        user, item = self.arrays[f"{part}_user"], self.arrays[f"{part}_item"]
        ones = np.ones(len(user), np.float32)
        return sparse.csr_matrix((ones, (user, item)), (self.n_users, self.n_items))

    def queries(self, part: str) -> sparse.csr_matrix:
        """As ``matrix`` for the histories that are asked with, (queries, items)."""
        starts, rows = self.arrays[f"{part}_starts"], self.arrays[f"{part}_rows"]
        ones = np.ones(len(rows), np.float32)
        found = sparse.csr_matrix((ones, rows, starts), (len(starts) - 1, self.n_items))
        found.sum_duplicates()
        return found

    def owners(self, part: str) -> np.ndarray:
        """The training user whose history each query is, (queries,); 0 where it is nobody's."""
        nobody = np.zeros(len(self.arrays[f"{part}_starts"]) - 1, np.int64)
        return self.arrays.get(f"{part}_owners", nobody)

    def worth(self, lists: np.ndarray) -> float:
        """Recall@20 + NDCG@20 on the tail."""
        starts, targets = self.arrays["tail_target_starts"], self.arrays["tail_targets"]
        gains, total = 1 / np.log2(np.arange(K) + 2), 0.0
        for q, answered in enumerate(lists):
            hits = np.isin(answered, targets[starts[q] : starts[q + 1]])
            wanted = starts[q + 1] - starts[q]
            total += hits.sum() / wanted + gains[hits].sum() / gains[: min(K, wanted)].sum()
        return total / max(len(lists), 1)


def popularity(matrix: sparse.csr_matrix) -> Answer:
    counts = np.asarray(matrix.sum(axis=0), np.float32).ravel()
    return lambda queries: np.tile(counts, (queries.shape[0], 1))


def ease(matrix: sparse.csr_matrix, penalty: float) -> Answer:
    """Steck (WWW 2019) as published, on a binary matrix."""
    binary = matrix.sign()
    gram = (binary.T @ binary).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return lambda queries: queries.sign() @ weights


def bpr(matrix: sparse.csr_matrix, factors: int, regularization: float) -> Answer:
    """Rendle et al. (UAI 2009) by cornac; a history is answered as its training user is."""
    from cornac.data import Dataset
    from cornac.models import BPR

    user, item = matrix.nonzero()
    data = Dataset.from_uir(
        list(zip(user.tolist(), item.tolist(), np.ones(len(user)), strict=True))
    )
    model = BPR(k=factors, max_iter=60, learning_rate=0.05, lambda_reg=regularization, seed=0)
    model.fit(data)
    users, items = np.zeros((matrix.shape[0], factors)), np.zeros((matrix.shape[1], factors))
    bias = np.full(matrix.shape[1], -np.inf)
    users[list(data.uid_map)] = model.u_factors[list(data.uid_map.values())]
    items[list(data.iid_map)] = model.i_factors[list(data.iid_map.values())]
    bias[list(data.iid_map)] = model.i_biases[list(data.iid_map.values())]
    return lambda queries: users[queries.owners] @ items.T + bias


def spop(matrix: sparse.csr_matrix) -> Answer:
    """S-POP (Hidasi et al., ICLR 2016) by cornac: how often the session has an item, then how
    often everybody. What cornac says of an empty session is asked once, the counts are added."""
    from cornac.data import SequentialDataset
    from cornac.models import SPop

    user, item = matrix.nonzero()
    rows = zip(user.tolist(), user.tolist(), item.tolist(), range(len(user)), strict=True)
    data = SequentialDataset.from_usit(list(rows))
    said = SPop().fit(data).score(0, [])
    base = np.zeros(matrix.shape[1], np.float32)
    base[list(data.iid_map)] = said[list(data.iid_map.values())]
    return lambda queries: queries.toarray() + base


def ranked(answer: Answer) -> Lists:
    """The best K by dense scores."""

    def lists(queries: sparse.csr_matrix, leave_out: bool) -> np.ndarray:
        scores = np.array(answer(queries), np.float32)
        if leave_out:
            scores[queries.nonzero()] = -np.inf
        best = np.argpartition(-scores, K, axis=1)[:, :K]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        return np.take_along_axis(best, order, axis=1)

    return lists


def by_implicit(model: object, matrix: sparse.csr_matrix, fold: bool) -> Lists:
    model.fit(matrix, show_progress=False)
    more = {"recalculate_user": True} if fold else {}
    return lambda queries, leave_out: model.recommend(
        np.arange(queries.shape[0]), queries, K, filter_already_liked_items=leave_out, **more
    )[0]


def settings(name: str, n_items: int) -> Iterator[dict[str, float]]:
    """What is tried."""
    grids = {
        "popularity": {},
        "item-knn-bm25": {"K": (50, 200), "B": (0.2, 0.8), "weighted": (True, False)},
        "item-knn-cosine": {"K": (20, 50, 200), "weighted": (True, False)},
        "als": {"factors": (64, 128), "regularization": (0.01, 10.0), "alpha": (1.0, 10.0)},
        "ease": {"penalty": (30.0, 100.0, 300.0, 1000.0) if n_items < 5000 else (100.0, 300.0)},
        "spop-cornac": {},
        "bpr-cornac": {"factors": (100,), "regularization": (0.001, 0.01)},
    }
    grid = grids[name]
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def fitted(name: str, matrix: sparse.csr_matrix, chosen: dict) -> Lists:
    """A peer that answers rows of histories."""
    chosen = dict(chosen)
    if not chosen.pop("weighted", True):
        matrix = matrix.sign()
    if name == "popularity":
        return ranked(popularity(matrix))
    if name == "ease":
        return ranked(ease(matrix, **chosen))
    if name == "bpr-cornac":
        return ranked(bpr(matrix, **chosen))
    if name == "spop-cornac":
        return ranked(spop(matrix))
    from implicit.als import AlternatingLeastSquares
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

    one = {"num_threads": 1}
    if name == "als":
        model = AlternatingLeastSquares(**chosen, **one, iterations=15, random_state=0)
        return by_implicit(model, matrix, fold=True)
    kind = BM25Recommender if name == "item-knn-bm25" else CosineRecommender
    return by_implicit(kind(**chosen, **one), matrix, fold=False)


def in_batches(answer: Answer, queries: sparse.csr_matrix, owners: np.ndarray) -> np.ndarray:
    found = []
    for first in range(0, queries.shape[0], BATCH):
        part = queries[first : first + BATCH]
        part.owners = owners[first : first + BATCH]
        found.append(answer(part))
    return np.concatenate(found)


def tune(name: str, task: Task) -> tuple[dict[str, float], bool]:
    """(the setting of greatest worth on the tail, whether own items are left out)."""
    forced = bool(task.arrays["leave_out"])
    matrix, queries = task.matrix("fitting"), task.queries("tail")
    tried = []
    for chosen in settings(name, task.n_items):
        answer = fitted(name, matrix, chosen)
        for leave_out in (True,) if forced else (False, True):
            lists = in_batches(partial(answer, leave_out=leave_out), queries, task.owners("tail"))
            tried.append((task.worth(lists), len(tried), chosen, leave_out))
    return max(tried)[2:]


def peer(name: str, task: Task) -> tuple[Answer, dict]:
    """(what answers with lists, facts)"""
    chosen, leave_out = tune(name, task)
    begun = time.perf_counter()
    answer = partial(fitted(name, task.matrix("train"), chosen), leave_out=leave_out)
    facts = {"settings": {**chosen, "leave_out": leave_out}}
    return answer, facts | {"last_fit_s": time.perf_counter() - begun}


def endcap(task: Task) -> tuple[Callable[[str, np.ndarray], np.ndarray], dict]:
    from endcap.data.interactions import Interactions
    from endcap.models.holdout import excluded
    from endcap.models.queries import Queries, take
    from endcap.models.recipe import Recipe

    found = {name: task.arrays[f"train_{name}"] for name in ("user", "item", "type", "ts")}
    timed, ordered = map(bool, task.arrays["has"])
    data = Interactions(
        **found,
        user_ids=range(task.n_users),
        item_ids=[str(row) for row in range(task.n_items)],
        timed=timed,
        ordered=ordered,
    )
    recipe = Recipe.fit(data)
    parts = ("starts", "rows", "types", "ages_s")
    queries = Queries(*(task.arrays[f"test_{name}"] for name in parts))
    forced = bool(task.arrays["leave_out"])
    policy = "exclude_seen" if forced else recipe.info["seen_policy"]
    if not timed and not forced:
        policy = "none"  # what the sessions' protocol says

    def answer(chosen: np.ndarray) -> np.ndarray:
        asked = take(queries, chosen)
        return recipe.candidates_many(asked, K, *excluded(asked, policy, data.event_types))[0]

    return answer, {"components": [part["name"] for part in recipe.info["components"]]}


def peak_mb() -> float:
    rows = Path("/proc/self/status").read_text().splitlines()
    return int(next(row for row in rows if row.startswith("VmHWM")).split()[1]) / 1024


def refusal(name: str, task: Task) -> str | None:
    """Why this one cannot take this task."""
    if name == "ease" and task.n_items > MOST_DENSE:
        return f"a dense inverse of {task.n_items} items"
    if name == "bpr-cornac" and {"test_owners", "tail_owners"} - set(task.arrays):
        return "answers users of the training data only"
    timed, ordered = map(bool, task.arrays["has"])
    if name == "spop-cornac" and (timed or not ordered):
        return "for sessions"
    return None


def main() -> None:
    name, path, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    task = Task(path)
    if reason := refusal(name, task):
        print(json.dumps({"refused": reason}))
        return
    begun, busy = time.perf_counter(), time.process_time()
    if name == "endcap":
        ask, facts = endcap(task)
        n = len(task.arrays["test_starts"]) - 1
        ready = [np.array([at]) for at in range(n)]
        everything = lambda: ask(np.arange(n))  # noqa: E731
    else:
        ask, facts = peer(name, task)
        queries, owners = task.queries("test"), task.owners("test")
        ready = []
        for at in range(min(ANSWERS, queries.shape[0])):
            ready.append(queries[at])
            ready[-1].owners = owners[at : at + 1]
        everything = lambda: in_batches(ask, queries, owners)  # noqa: E731
    facts |= {"fit_s": time.perf_counter() - begun, "fit_cpu_s": time.process_time() - busy}
    facts["peak_mb"] = peak_mb()
    np.save(target, everything())
    taken = []
    for query in ready[:ANSWERS]:
        begun = time.perf_counter()
        ask(query)
        taken.append(time.perf_counter() - begun)
    facts["answer_us"] = float(np.median(taken)) * 1e6
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
