"""Vector search: exact and through lists, beside numpy and, where installed, faiss.

One thread each, interleaved rounds, one query at a time. Made-up vectors lie in groups and differ
in length, as factors of items do; real ones are the embeddings of MovieLens-1M (``--movielens``:
a folder with train.txt.gz and test.txt.gz), asked by its folded-in users.

``python bench/vectors.py`` prints medians, one ``name=value`` a line.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from endcap.data.interactions import Interactions, from_sequences
from endcap.domain.arrays import Float32s, Int32s
from endcap.evaluation.benchmark_files import read_users
from endcap.models.embeddings import Embeddings
from endcap.models.nearest import Nearest
from endcap.models.queries import ModelQuery, batch

try:
    import faiss
except ImportError:
    faiss = None

K = 50
Search = Callable[[Float32s], Int32s]  # one query (d,) → rows (k,)


def made_up(n: int, d: int, seed: int = 0) -> Float32s:
    """(n, d) around n / 200 middles, with lengths that vary by a third."""
    draw = np.random.default_rng(seed)
    middles = draw.standard_normal((n // 200, d)).astype(np.float32)
    vectors = middles[draw.integers(0, len(middles), n)]
    vectors += 0.7 * draw.standard_normal((n, d), np.float32)
    vectors *= np.exp(0.3 * draw.standard_normal((n, 1), np.float32))
    return vectors


def by_numpy(vectors: Float32s, query: Float32s) -> Int32s:
    scores = vectors @ query
    best = np.argpartition(-scores, min(K, len(scores) - 1))[:K]
    return best[np.argsort(-scores[best])]


def peer(
    vectors: Float32s, lists: int, queries: Float32s, true: list[Int32s], target: float
) -> Any:
    """faiss's lists, with the fewest probes (by doubling) that reach ``target``."""
    index = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(vectors.shape[1]), vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT
    )
    index.train(vectors[np.random.default_rng(0).permutation(len(vectors))[: 40 * lists]])
    index.add(vectors)
    index.nprobe = 1
    while index.nprobe < lists and recall(lambda q: found_by(index, q), queries, true) < target:
        index.nprobe *= 2
    return index


def found_by(index: Any, query: Float32s) -> Int32s:
    return np.asarray(index.search(query[None, :], K)[1][0])


def recall(search: Search, queries: Float32s, true: list[Int32s]) -> float:
    shares = [np.isin(t, search(q)).mean() for q, t in zip(queries, true, strict=True)]
    return float(np.mean(shares))


def measure(name: str, vectors: Float32s, tuning: Float32s, queries: Float32s, rounds: int) -> None:
    """``tuning``: what the lists are tuned on; ``queries``: others, which are measured."""
    exact = Nearest.build(vectors, exact_to=len(vectors))
    begun = time.perf_counter()
    lists = Nearest.build(vectors, exact_to=0, queries=tuning)
    print(f"{name}_build_s={time.perf_counter() - begun:.2f}")
    for key in ("lists", "probes", "recall"):
        print(f"{name}_{key}={getattr(lists.facts, key):.4g}")
    true = [exact.top(query, K).rows for query in queries]
    few = np.random.default_rng(1).random(len(vectors)) < 0.01
    searches: dict[str, Search] = {
        "exact": lambda q: exact.top(q, K).rows,
        "ivf": lambda q: lists.top(q, K).rows,
        "exact_filtered": lambda q: exact.top(q, K, few).rows,
        "ivf_filtered": lambda q: lists.top(q, K, few).rows,
        "numpy": lambda q: by_numpy(vectors, q),
    }
    if faiss is not None:
        faiss.omp_set_num_threads(1)
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        begun = time.perf_counter()
        theirs = peer(vectors, lists.facts.lists, queries, true, lists.facts.recall)
        print(f"{name}_faiss_ivf_build_s={time.perf_counter() - begun:.2f}")
        searches["faiss_exact"] = lambda q: found_by(flat, q)
        searches["faiss_ivf"] = lambda q: found_by(theirs, q)
    for kind in ("ivf", "faiss_ivf"):
        if kind in searches:
            print(f"{name}_{kind}_recall_at_{K}={recall(searches[kind], queries, true):.4f}")
    permitted = [exact.top(query, K, few).rows for query in queries]
    filtered = recall(searches["ivf_filtered"], queries, permitted)
    print(f"{name}_ivf_filtered_recall_at_{K}={filtered:.4f}")
    timed(name, searches, queries, rounds)


def timed(name: str, searches: dict[str, Search], queries: Float32s, rounds: int) -> None:
    times: dict[str, list[float]] = {kind: [] for kind in searches}
    for _ in range(rounds):
        for kind, search in searches.items():
            begun = time.perf_counter()
            for query in queries:
                search(query)
            times[kind].append((time.perf_counter() - begun) / len(queries) * 1e6)
    for kind, found in times.items():
        print(f"{name}_{kind}_us={statistics.median(found):.1f}")


def movielens(folder: Path, rounds: int) -> None:
    if not (folder / "train.txt.gz").exists():
        print(f"# {folder} has no train.txt.gz: nothing is measured on real factors")
        return
    known, asked = read_users(folder / "train.txt.gz"), read_users(folder / "test.txt.gz")
    rows = {item: row for row, item in enumerate(sorted({i for u in known.values() for i in u}))}
    histories = [np.array([rows[i] for i in items], np.int32) for items in known.values()]
    data = from_sequences(histories, len(rows), ordered=False)
    begun = time.perf_counter()
    model = Embeddings.fit(data)
    print(f"movielens_fit_s={time.perf_counter() - begun:.2f}")
    queries = [ModelQuery(h, np.zeros(len(h), "u1"), np.zeros(len(h), "f4")) for h in histories]
    wanted = [[rows.get(i, -1) for i in asked.get(user, [])] for user in known]
    quality(model, data, queries, wanted)
    vectors = model.user_vectors(batch(queries[:700]))
    measure("movielens", model.factors, vectors[:500], vectors[500:], rounds)


def quality(
    model: Embeddings, data: Interactions, queries: list[ModelQuery], wanted: list[list[int]]
) -> None:
    """Recall@20 and NDCG@20 as ``endcap benchmark cf`` counts them; seconds to fold in."""
    recalls, gains, taken = [], [], []
    discount = 1 / np.log2(np.arange(20) + 2)
    for query, items in zip(queries, wanted, strict=True):
        if not items:
            continue
        begun = time.perf_counter()
        found = model.candidates(query, 20, exclude=query.rows).rows
        taken.append(time.perf_counter() - begun)
        hits = np.isin(found, items)
        recalls.append(hits.sum() / len(items))
        gains.append(hits @ discount[: len(hits)] / discount[: len(items)].sum())
    print(f"movielens_items={data.n_items}")
    print(f"movielens_recall_at_20={np.mean(recalls):.4f}")
    print(f"movielens_ndcg_at_20={np.mean(gains):.4f}")
    print(f"movielens_answer_us={statistics.median(taken) * 1e6:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--movielens", type=Path, default=Path("ml1m_bars_m1"))
    given = parser.parse_args()
    if faiss is None:
        print("# faiss is not installed: numpy is the only peer (pip install faiss-cpu)")
    for n in given.sizes:
        vectors = made_up(n, given.dimensions)
        chosen = np.random.default_rng(2).choice(n, 500 + given.queries, replace=False)
        tuning, queries = vectors[chosen[:500]], vectors[chosen[500:]]
        measure(f"vectors_{n}", vectors, tuning, queries, given.rounds)
    movielens(given.movielens, given.rounds)


if __name__ == "__main__":
    main()
