"""A recommender as one writes it in an afternoon: FastAPI, uvicorn, and ``implicit`` or numpy.

Run by ``peers.py`` with the Python of the peers' own environment:
``peer_server.py KIND FOLDER`` fits and saves, ``peer_server.py KIND FOLDER PORT`` serves. Written
to be as quick as such a handler plainly can be: one asynchronous function, uvloop, no access log,
no checks. A click is kept in this process's memory, as there is nowhere else to keep it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.sparse
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender

NEIGHBOURS = 100
MOST_DENSE_ITEMS = 8_000

# (user number, row of the user, how many, without the history?) → (item numbers, scores)
Recommend = Callable[[int, scipy.sparse.csr_matrix, int, bool], tuple[np.ndarray, np.ndarray]]
IMPLICIT = {
    "implicit-bm25": (BM25Recommender, {"K": NEIGHBOURS}),
    "implicit-cosine": (CosineRecommender, {"K": NEIGHBOURS}),
    "implicit-als": (AlternatingLeastSquares, {"factors": 64, "random_state": 0}),
    "implicit-als-fold-in": (AlternatingLeastSquares, {"factors": 64, "random_state": 0}),
}


def similarities(matrix: scipy.sparse.csr_matrix) -> np.ndarray | scipy.sparse.csr_matrix:
    """Cosines between items, 0 with itself: dense where it fits, else the 100 nearest of each."""
    seen = scipy.sparse.csr_matrix(matrix, copy=True)
    seen.data[:] = 1
    norms = np.sqrt(np.asarray(seen.sum(axis=0)).ravel())
    unit = (seen @ scipy.sparse.diags(1 / np.maximum(norms, 1))).astype(np.float32).tocsr()
    if matrix.shape[1] <= MOST_DENSE_ITEMS:
        found = np.asarray((unit.T @ unit).todense(), np.float32)
        np.fill_diagonal(found, 0)
        return found
    rows = []
    items = unit.T.tocsr()
    for first in range(0, matrix.shape[1], 1000):
        block = (items[first : first + 1000] @ unit).tocsr()
        for row in range(block.shape[0]):
            one = block.getrow(row)
            one[0, first + row] = 0
            best = np.argsort(-one.data)[:NEIGHBOURS]
            shape = (1, matrix.shape[1])
            kept = (one.data[best], (np.zeros(len(best), int), one.indices[best]))
            rows.append(scipy.sparse.csr_matrix(kept, shape))
    return scipy.sparse.vstack(rows, "csr")


def fit(kind: str, folder: Path) -> None:
    matrix = scipy.sparse.load_npz(folder / "histories.npz").tocsr()
    if kind in IMPLICIT:
        form, options = IMPLICIT[kind]
        model = form(**options)
        model.fit(matrix.tocsr(), show_progress=False)
        model.save(str(folder / f"{kind}.npz"))
    else:
        found = similarities(matrix)
        if isinstance(found, np.ndarray):
            np.save(folder / f"{kind}.npy", found)
        else:
            scipy.sparse.save_npz(folder / f"{kind}.npz", found)


def by_implicit(kind: str, folder: Path) -> Recommend:
    form, _ = IMPLICIT[kind]
    model = form.load(str(folder / f"{kind}.npz"))
    more = {"recalculate_user": True} if kind.endswith("fold-in") else {}

    def recommend(
        user: int, row: scipy.sparse.csr_matrix, n: int, unseen: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        return model.recommend(user, row, N=n, filter_already_liked_items=unseen, **more)

    return recommend


def by_numpy(kind: str, folder: Path) -> Recommend:
    dense = folder / f"{kind}.npy"
    near = np.load(dense) if dense.exists() else scipy.sparse.load_npz(folder / f"{kind}.npz")

    def recommend(
        _user: int, row: scipy.sparse.csr_matrix, n: int, unseen: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        scores = np.asarray(near[row.indices].sum(axis=0)).ravel()
        if unseen:
            scores[row.indices] = -np.inf
        best = np.argpartition(-scores, n)[:n]
        best = best[np.argsort(-scores[best])]
        return best, scores[best]

    return recommend


def application(kind: str, folder: Path) -> FastAPI:
    histories = scipy.sparse.load_npz(folder / "histories.npz").tocsr()
    unseen = not json.loads((folder / "task.json").read_text())["repeats"]
    recommend = (by_implicit if kind in IMPLICIT else by_numpy)(kind, folder)
    clicked: dict[int, scipy.sparse.csr_matrix] = {}
    app = FastAPI()

    @app.get("/v1/health")
    async def health() -> JSONResponse:
        return JSONResponse({"ok": True})

    @app.get("/v1/recommendations/personalized")
    async def personalized(userId: str, k: int = 10, seen: str = "") -> JSONResponse:
        user = int(userId[5:])
        row = clicked.get(user)
        if row is None:
            row = histories[user]
        without = unseen if not seen else seen != "none"
        items, scores = recommend(user, row, k, without)
        pairs = zip(items.tolist(), scores.tolist(), strict=True)
        told = [{"id": f"item-{item}", "score": score} for item, score in pairs]
        return JSONResponse({"userId": userId, "items": told})

    @app.post("/v1/events", status_code=202)
    async def events(request: Request) -> JSONResponse:
        told = await request.json()
        user, item = int(told["userId"][5:]), int(told["itemId"][5:])
        row = clicked.get(user, histories[user]).tolil()
        row[0, item] += 1
        clicked[user] = row.tocsr()
        return JSONResponse({"accepted": 1}, 202)

    return app


def main() -> None:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if len(sys.argv) == 3:
        begun = time.perf_counter()
        fit(kind, folder)
        print(time.perf_counter() - begun)
        return
    app = application(kind, folder)
    uvicorn.run(app, port=int(sys.argv[3]), log_level="error", access_log=False, loop="uvloop")


if __name__ == "__main__":
    main()
