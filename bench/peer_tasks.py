"""The data that ``peers.py`` gives to everybody: histories to learn from, a later tail to judge by.

Users are user-0 … and items item-0 …, numbered anew; every user has a history. For Endcap the
histories lie in Parquet files to import, for the peers in one sparse matrix. All times are moved
so that the tail begins now: a server is asked in the present, and what is old counts less.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import scipy.sparse
from msgspec import Struct

TAIL = 0.1  # newest share of the events that is held out, where nothing else is agreed
DAY_US = 86_400_000_000
WEIGHTS = "CASE event_type WHEN 'purchase' THEN 3 WHEN 'add_to_cart' THEN 2 ELSE 1 END"


class Task(Struct, frozen=True):
    name: str
    folder: Path
    users: int
    items: int
    events: int
    repeats: bool  # whether an answer may hold what the user's history has

    @property
    def files(self) -> list[str]:
        names = {name: self.folder / f"{name}.parquet" for name in ("items", "interactions")}
        return [word for name, path in names.items() for word in (f"--{name}", str(path))]

    def tail(self) -> tuple[np.ndarray, np.ndarray]:
        """(user numbers, item numbers) of the held-out pairs."""
        with np.load(self.folder / "tail.npz") as arrays:
            return arrays["users"], arrays["items"]


def generated(folder: Path, users: int, items: int, events: int) -> Task:
    """``endcap generate``, its newest days held out. What was viewed is often bought later."""
    shop = folder / "shop"
    words = ["--users", users, "--items", items, "--events", events]
    command = [sys.executable, "-m", "endcap", "generate", "--out", shop, *words]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    with duckdb.connect() as db:
        db.execute(
            f"""CREATE TABLE raw AS SELECT USER_ID AS u, ITEM_ID AS i, EVENT_TYPE AS event_type,
                CAST(TIMESTAMP * 1e6 AS BIGINT) AS ts FROM '{shop}/interactions.parquet'"""
        )
        db.execute(
            f"""CREATE TABLE catalogue AS SELECT ITEM_ID AS i, NAME AS name, BRAND AS brand,
                DEPARTMENT AS department, AISLE AS aisle, PRICE AS price
                FROM '{shop}/items.parquet'"""
        )
        return written(db, "generated", folder, repeats=True)


def movielens(folder: Path, source: Path) -> Task:
    """The BARS split m1: train and test as they are; what the user rated is never asked again.

    The split is random and tells no times: each rating gets a random one of 90 days.
    """
    draw = np.random.default_rng(0)
    with duckdb.connect() as db:
        for name in ("train", "test"):
            with gzip.open(source / f"{name}.txt.gz", "rt") as lines:
                rows = [line.split() for line in lines]
            u = np.repeat([row[0] for row in rows], [len(row) - 1 for row in rows])
            i = np.array([item for row in rows for item in row[1:]])
            ts = draw.integers(0, 90 * DAY_US, len(u))
            db.register(f"{name}_pairs", {"u": u, "i": i, "ts": ts})
        db.execute(
            """CREATE TABLE raw AS SELECT *, 'view' AS event_type, true AS early
                FROM train_pairs UNION ALL
                SELECT *, 'view', false FROM test_pairs"""
        )
        db.execute("CREATE TABLE catalogue AS SELECT DISTINCT i, 'film ' || i AS name FROM raw")
        return written(db, "movielens-1m", folder, repeats=False)


def retail(folder: Path, source: Path) -> Task:
    """Purchases by known customers; the last month is held out. Repeats are normal."""
    with duckdb.connect() as db:
        db.execute(
            f"""CREATE TABLE raw AS SELECT CustomerID AS u, StockCode AS i,
                'purchase' AS event_type, epoch_us(CAST(InvoiceDate AS TIMESTAMP)) AS ts,
                InvoiceDate < '2011-11-09' AS early FROM '{source}/online_retail.parquet'
                WHERE Quantity > 0 AND UnitPrice > 0 AND CustomerID IS NOT NULL"""
        )
        db.execute("CREATE TABLE catalogue AS SELECT DISTINCT i, i AS name FROM raw")
        return written(db, "online-retail", folder, repeats=True)


def written(db: duckdb.DuckDBPyConnection, name: str, folder: Path, repeats: bool) -> Task:
    """Number users and items, split, write."""
    if "early" not in [row[0] for row in db.execute("DESCRIBE raw").fetchall()]:
        cut = _one(db, f"SELECT quantile_disc(ts, {1 - TAIL}) FROM raw")
        db.execute(f"CREATE TABLE split AS SELECT *, ts < {cut} AS early FROM raw")
    else:
        db.execute("CREATE TABLE split AS FROM raw")
    newest = _one(db, "SELECT max(ts) FROM split WHERE early")
    shift_s = int(time.time()) - 60 - newest // 1_000_000
    for what, source in (("u", "split WHERE early"), ("i", "catalogue")):
        db.execute(
            f"""CREATE TABLE {what}_numbers AS
                SELECT {what}, row_number() OVER (ORDER BY {what}) - 1 AS n
                FROM (SELECT DISTINCT {what} FROM {source})"""
        )
    db.execute(
        """CREATE TABLE told AS SELECT us.n AS user_n, items.n AS item_n, event_type, ts, early
           FROM split JOIN u_numbers AS us USING (u) JOIN i_numbers AS items USING (i)"""
    )
    db.execute(
        f"""COPY (SELECT 'user-' || user_n AS USER_ID, 'item-' || item_n AS ITEM_ID,
            event_type AS EVENT_TYPE, ts // 1000000 + {shift_s} AS TIMESTAMP FROM told WHERE early
            ORDER BY ts, user_n, item_n) TO '{folder}/interactions.parquet'"""
    )
    db.execute(
        f"""COPY (SELECT 'item-' || n AS ITEM_ID, catalogue.* EXCLUDE (i)
            FROM catalogue JOIN i_numbers USING (i) ORDER BY n) TO '{folder}/items.parquet'"""
    )
    users, items = (_one(db, f"SELECT count(*) FROM {what}_numbers") for what in "ui")
    pairs = db.execute(
        f"""SELECT user_n, item_n, sum({WEIGHTS})::FLOAT AS weight FROM told WHERE early
            GROUP BY ALL ORDER BY ALL"""
    ).fetchnumpy()
    matrix = scipy.sparse.csr_matrix(
        (pairs["weight"], (pairs["user_n"], pairs["item_n"])), (users, items), np.float32
    )
    scipy.sparse.save_npz(folder / "histories.npz", matrix)
    unseen = (
        ""
        if repeats
        else "AND (user_n, item_n) NOT IN (SELECT user_n, item_n FROM told WHERE early)"
    )
    tail = db.execute(
        f"SELECT DISTINCT user_n, item_n FROM told WHERE NOT early {unseen} ORDER BY ALL"
    ).fetchnumpy()
    np.savez(folder / "tail.npz", users=tail["user_n"], items=tail["item_n"])
    (folder / "task.json").write_text(json.dumps({"repeats": repeats}))
    events = _one(db, "SELECT count(*) FROM told WHERE early")
    return Task(name, folder, users, items, events, repeats)


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    found = db.execute(query).fetchone()
    assert found is not None
    return int(found[0])
