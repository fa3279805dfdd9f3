"""Vectors of a generated shop's customers in PostgreSQL with pgvector, beside the in-process index.

The vectors are real factors: a shop is generated and imported, embeddings are fitted on it, and
every customer is folded from the lake. Customers beyond ``--vectors`` ask. Both indexes answer the
same queries in the same run, one at a time and then by several clients; then versions are switched
while clients ask. ``python bench/vector_databases.py`` prints one ``name=value`` a line.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is imported

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np

from endcap.adapters.embedded_postgres import EmbeddedPostgres
from endcap.adapters.pgvector import PgVectors
from endcap.adapters.postgres import Postgres
from endcap.adapters.vector_folder import FolderVectors
from endcap.app.user_vectors import fold_users
from endcap.data.lake import Lake
from endcap.data.training import load_interactions
from endcap.domain.arrays import Float32s
from endcap.domain.errors import EndcapError
from endcap.models.embeddings import Embeddings
from endcap.ports import VectorIndex

K = 50


def shop(folder: Path, users: int, items: int, events: int) -> Lake:
    """A generated shop in a lake."""
    home = folder / "home"
    if home.exists():
        return Lake(home / "groups" / "default" / "lake", 2048, 2)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENDCAP_")}
    sizes = ["--users", str(users), "--items", str(items), "--events", str(events)]
    files = {name: folder / f"{name}.parquet" for name in ("users", "items", "interactions")}
    words = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    for command in (["generate", "--out", str(folder), *sizes], ["import", *words]):
        subprocess.run(
            [sys.executable, "-m", "endcap", *command],
            env={**kept, "ENDCAP_HOME": str(home)}, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
    return Lake(home / "groups" / "default" / "lake", 2048, 2)


def customers(lake: Lake, folder: Path) -> tuple[list[str], Float32s]:
    """Ids and vectors (n, 64) of everybody whom the embeddings know."""
    kept = folder / "customers.npy"
    if kept.exists():
        return json.loads((folder / "customers.json").read_bytes()), np.load(kept)
    data = load_interactions(lake)
    begun = time.perf_counter()
    model = Embeddings.fit(data)
    tell("fit_s", time.perf_counter() - begun)
    staged = folder / "folded"
    staged.mkdir()
    begun = time.perf_counter()
    with fold_users(lake, model, 500, staged, lambda *_: None) as made:
        tell("fold_s", time.perf_counter() - begun)
        np.save(kept, made.vectors)
        (folder / "customers.json").write_text(json.dumps(list(made.ids)))
    return customers(lake, folder)


def tell(name: str, value: float) -> None:
    print(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}", flush=True)


class Stages:
    """Progress that notes how long each stage took."""

    def __init__(self) -> None:
        self.stage, self.begun = "", time.perf_counter()

    def __call__(self, stage: str, _share: float) -> None:
        if stage == self.stage:
            return
        now = time.perf_counter()
        if self.stage:
            tell(f"pgvector_{self.stage.replace(' ', '_')}_s", now - self.begun)
        self.stage, self.begun = stage, now


def loaded(name: str, index: VectorIndex, version: str, given: tuple[Any, ...]) -> None:
    if any(one.version == version for one in index.versions()):
        return
    begun = time.perf_counter()
    index.load(version, *given)
    tell(f"{name}_load_{version}_s", time.perf_counter() - begun)


def timed(
    index: VectorIndex, queries: Float32s, where: dict[str, list[str]] | None = None
) -> tuple[list[tuple[str, ...]], list[float]]:
    answers, took = [], []
    for query in queries:
        begun = time.perf_counter()
        found = index.nearest(query[None, :], K, where)
        took.append((time.perf_counter() - begun) * 1e3)
        answers.append(found.lists[0].ids)
    return answers, took


def exact(vectors: Float32s, queries: Float32s) -> list[set[int]]:
    found = []
    for query in queries:
        scores = vectors @ query
        found.append(set(np.argpartition(-scores, K)[:K].tolist()))
    return found


def measured(
    name: str, index: VectorIndex, queries: Float32s, true: Sequence[set[str]], **more: Any
) -> None:
    answers, took = timed(index, queries, **more)
    shares = [len(t & set(a)) / len(t) for t, a in zip(true, answers, strict=True)]
    tell(f"{name}_recall_at_{K}", float(np.mean(shares)))
    for share in (50, 99):
        tell(f"{name}_p{share}_ms", float(np.percentile(took, share)))


def floor(pool: Postgres, n: int) -> None:
    """What the machine leaves of a statement that does nothing."""
    took = []
    for _ in range(n):
        begun = time.perf_counter()
        with pool.reading() as connection:
            connection.execute("SELECT 1").fetchall()
        took.append((time.perf_counter() - begun) * 1e3)
    for share in (50, 99):
        tell(f"select_1_p{share}_ms", float(np.percentile(took, share)))


def together(name: str, index: VectorIndex, queries: Float32s, clients: int) -> None:
    """Answers a second of several threads, and how long each waited."""
    all_took: list[float] = []

    def ask(part: Float32s) -> None:
        all_took.extend(timed(index, part)[1])

    threads = [Thread(target=ask, args=(queries[n::clients],)) for n in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(f"{name}_{clients}_clients_per_s", len(queries) / (time.perf_counter() - begun))
    tell(f"{name}_{clients}_clients_p99_ms", float(np.percentile(all_took, 99)))


def switched(name: str, open_index: Callable[[], VectorIndex], queries: Float32s) -> None:
    """Switch back and forth between two versions while two clients ask."""
    done, took, errors = Event(), list[float](), list[str]()
    versions: Counter[str] = Counter()

    def ask(seed: int) -> None:
        index, draw = open_index(), np.random.default_rng(seed)
        while not done.is_set():
            query = queries[draw.integers(len(queries))][None, :]
            begun = time.perf_counter()
            try:
                versions[index.nearest(query, K).version] += 1
            except EndcapError as error:
                errors.append(error.code)
            took.append((time.perf_counter() - begun) * 1e3)

    threads = [Thread(target=ask, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    writer, count = open_index(), 0
    until = time.perf_counter() + 20
    while time.perf_counter() < until:
        writer.switch(("v1", "v2")[count % 2])
        count += 1
        time.sleep(0.2)
    done.set()
    for thread in threads:
        thread.join()
    tell(f"{name}_switches", count)
    tell(f"{name}_answers_during_switches", sum(versions.values()))
    tell(f"{name}_versions_seen", len(versions))
    tell(f"{name}_errors_during_switches", len(errors))
    tell(f"{name}_during_switches_p99_ms", float(np.percentile(took, 99)))


def compare(folder: Path, ids: list[str], vectors: Float32s, given: argparse.Namespace) -> None:
    draw = np.random.default_rng(0)
    order = draw.permutation(len(ids))
    held, asking = np.sort(order[: given.vectors]), order[given.vectors :][: given.queries]
    names, kept, queries = [ids[at] for at in held], vectors[held], vectors[asking]
    tell("vectors", len(names))
    tell("queries", len(queries))
    few = draw.random(len(names)) < 0.01
    labels = {"tier": ["gold" if one else "plain" for one in few]}
    true = [{names[at] for at in one} for one in exact(kept, queries)]
    rare = np.flatnonzero(few)
    filtered = [{names[rare[at]] for at in one} for one in exact(kept[rare], queries)]
    server = EmbeddedPostgres(folder / "postgres", memory_mb=512)
    url = server.start()
    pool = Postgres(url, timeout_s=10)
    indexes: dict[str, Callable[[], VectorIndex]] = {
        "pgvector": lambda: PgVectors(
            pool, "bench", "users", asked=vectors[order[-500:]], memory_mb=1024, progress=Stages()
        ),
        "in_process": lambda: FolderVectors(folder / "vectors"),
    }
    try:
        for name, open_index in indexes.items():
            index = open_index()
            loaded(name, index, "v1", (names, kept, labels))
            index.switch("v1")
            timed(index, queries[:50])
        floor(pool, len(queries))
        for name, open_index in indexes.items():
            index = open_index()
            measured(name, index, queries, true)
            measured(f"{name}_filtered_1_percent", index, queries[:200], filtered[:200],
                     where={"tier": ["gold"]})  # fmt: skip
            together(name, index, queries, 4)
        for name, open_index in indexes.items():
            loaded(name, open_index(), "v2", (names[::10], kept[::10]))
            switched(name, open_index, queries)
    finally:
        pool.close()
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=4_000_000)
    parser.add_argument("--folder", type=Path, help="keep everything there, and use what it holds")
    given = parser.parse_args()
    if given.folder is not None:
        given.folder.mkdir(exist_ok=True)
        run(given.folder, given)
        return
    with tempfile.TemporaryDirectory(prefix="endcap-bench-") as name:
        run(Path(name), given)


def run(folder: Path, given: argparse.Namespace) -> None:
    folder.chmod(0o755)  # for the account that runs PostgreSQL when we are root
    users = int(given.vectors * 1.15) + 3 * given.queries
    lake = shop(folder, users, given.items, given.events)
    ids, vectors = customers(lake, folder)
    tell("customers_known", len(ids))
    compare(folder, ids, vectors, given)


if __name__ == "__main__":
    main()
