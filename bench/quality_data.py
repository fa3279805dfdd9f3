"""The data that ``quality.py`` gives to everybody: what to learn from, a tail to tune on, a test.

All is in the rows of the training data, in one file of arrays for each task. The tail is the one
that Endcap's recipe holds out for itself, so that everybody chooses settings on the same queries.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
from growth_shop import shop

from endcap.data.interactions import Interactions, from_sequences
from endcap.evaluation.benchmark_files import read_examples, read_sessions, read_users
from endcap.evaluation.protocols import sample_users, temporal_split
from endcap.models.holdout import hold_out

SHOP = (400_000, 4_000)  # events, items of the generated shop
TAIL_QUERIES = 1500
SPLIT_AT = np.datetime64("2011-11-09", "us").astype(np.int64)


def movielens(source: Path) -> tuple[Interactions, dict[str, np.ndarray]]:
    """BARS m1: the user's training items alone are left out."""
    known, asked = read_users(source / "train.txt.gz"), read_users(source / "test.txt.gz")
    rows = numbered(known.values())
    users = list(known)
    data = from_sequences([mapped(known[u], rows) for u in users], len(rows), ordered=False)
    tested = [u for u, items in asked.items() if items]
    histories = [mapped(known.get(u, []), rows) for u in tested]
    return data, test_of(histories, [mapped(asked[u], rows) for u in tested], leave_out=True)


def sessions(source: Path) -> tuple[Interactions, dict[str, np.ndarray]]:
    """YooChoose: every beginning of a test session asks for the next item; nothing is left out."""
    known = read_sessions(source / "train_sessions.txt.gz")
    prefixes, targets = read_examples(source / "test_examples.txt.gz")
    rows = numbered(known)
    data = from_sequences([mapped(s, rows) for s in known], len(rows), ordered=True)
    histories = [[r for r in mapped(p, rows) if r < data.n_items] for p in prefixes]
    return data, test_of(histories, [mapped([t], rows) for t in targets], leave_out=False)


def retail(source: Path) -> tuple[Interactions, dict[str, np.ndarray]]:
    """Purchases of known customers; the last month is the test. Repeats are normal."""
    with duckdb.connect() as db:
        found = db.execute(
            f"""SELECT DISTINCT dense_rank() OVER (ORDER BY CustomerID) - 1 AS u,
                dense_rank() OVER (ORDER BY StockCode) - 1 AS i,
                epoch_us(CAST(InvoiceDate AS TIMESTAMP)) AS ts, InvoiceNo, Quantity
                FROM '{source}/online_retail.parquet'
                WHERE Quantity > 0 AND UnitPrice > 0 AND CustomerID IS NOT NULL
                ORDER BY u, ts, i"""
        ).fetchnumpy()
    user, item = found["u"].astype(np.int32), found["i"].astype(np.int32)
    data = Interactions(
        user=user,
        item=item,
        type=np.full(len(user), 2, np.uint8),
        ts=found["ts"].astype(np.int64),
        user_ids=range(int(user.max()) + 1),
        item_ids=[str(row) for row in range(int(item.max()) + 1)],
    )
    return temporal(data, int(SPLIT_AT))


def generated() -> tuple[Interactions, dict[str, np.ndarray]]:
    return temporal(shop(*SHOP), None)


def temporal(data: Interactions, at: int | None) -> tuple[Interactions, dict[str, np.ndarray]]:
    """Later distinct items of users with a history; at most 5,000 users."""
    split = sample_users(temporal_split(data, at=at), 5000)
    batch = next(split.batches(20, len(split.users)))
    known = np.diff(batch.starts) > 0
    ages = np.repeat(batch.at, np.diff(batch.starts)) - batch.ts
    bounds = split.truth.starts
    wanted = [split.truth.items[bounds[q] : bounds[q + 1]].tolist() for q in np.flatnonzero(known)]
    found = test_of([[]], wanted, leave_out=False)
    starts = batch.starts[np.concatenate((known, [True]))]  # one without a history takes no room
    found |= {"test_starts": starts, "test_rows": batch.items, "test_types": batch.types}
    return split.train, found | {"test_ages_s": (ages / 1e6).astype(np.float32)}


def test_of(
    histories: list[list[int]], wanted: list[list[int]], leave_out: bool
) -> dict[str, np.ndarray]:
    """Histories and what was wanted, flat. ``leave_out``: own items must not be answered."""
    events = sum(map(len, histories))
    return {
        "test_starts": bounds_of(histories),
        "test_rows": np.fromiter((r for h in histories for r in h), np.int32, events),
        "test_types": np.zeros(events, np.uint8),
        "test_ages_s": np.zeros(events, np.float32),
        "test_target_starts": bounds_of(wanted),
        "test_targets": np.fromiter((r for w in wanted for r in w), np.int32),
        "leave_out": np.array(leave_out),
    }


def bounds_of(lists: list[list[int]]) -> np.ndarray:
    return np.concatenate(([0], np.cumsum([len(found) for found in lists]))).astype(np.int64)


def numbered(lists: object) -> dict[int, int]:
    """Rows of the item numbers of the training part."""
    numbers = sorted({item for items in lists for item in items})
    return {number: row for row, number in enumerate(numbers)}


def mapped(items: list[int], rows: dict[int, int]) -> list[int]:
    """Rows; an item that training never saw gets one behind all others and cannot be hit."""
    return [rows.setdefault(item, len(rows)) for item in items]


def write(path: Path, data: Interactions, test: dict[str, np.ndarray]) -> None:
    """Everything of a task as arrays; the tail stands under ``tail_`` as the test under ``test_``,
    what may be learnt from before it under ``fitting_``."""
    held = hold_out(data, TAIL_QUERIES, 0)
    tail = {"starts": held.queries.starts, "rows": held.queries.rows, "types": held.queries.types,
            "ages_s": held.queries.ages_s, "target_starts": held.target_starts,
            "targets": held.targets}  # fmt: skip
    tail |= owners_of(held.fitting, held.queries.starts, held.queries.rows)
    owners = owners_of(data, test["test_starts"], test["test_rows"])
    parts = {"train": data, "fitting": held.fitting}
    np.savez(
        path,
        **{f"{part}_{name}": getattr(events, name) for part, events in parts.items()
           for name in ("user", "item", "type", "ts")},
        **{f"tail_{name}": array for name, array in tail.items()},
        **test,
        **{f"test_{name}": array for name, array in owners.items()},
        size=np.array([data.n_users, data.n_items]),
        has=np.array([data.timed, data.ordered]),
    )  # fmt: skip


def owners_of(data: Interactions, starts: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    """{"owners": the training user of each history}; empty where a history is nobody's whole."""
    bounds = data.starts()
    users = {
        data.item[first:last].tobytes(): user
        for user, (first, last) in enumerate(pairwise(bounds.tolist()))
    }
    asked = (rows[first:last].astype(np.int32).tobytes() for first, last in pairwise(starts))
    found = [users.get(history, -1) for history in asked]
    return {"owners": np.array(found)} if min(found, default=-1) >= 0 else {}


TASKS = {
    "ml1m_bars_m1": movielens,
    "yoochoose1_64": sessions,
    "online_retail": retail,
    "generated": None,
}
