"""What the ETL counted, as arrays that a model is made of. Nothing grows with the events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import duckdb
import numpy as np

from endcap.data.etl.catalogue import Tables
from endcap.data.etl.storage import NearStorage
from endcap.data.etl.tables import FACTORS
from endcap.data.sql import first_row, text
from endcap.domain.arrays import Float32s, Int32s, Int64s

NEEDED = ("neighbours", "cooccurrence", "user_features")


class Counted(NamedTuple):
    """What the tables say. Rows are positions in ``item_ids``, which ascend."""

    item_ids: list[str]
    users: Int64s  # (items,)
    sources: Int32s  # (neighbours,)
    targets: Int32s
    weights: Float32s
    purchases: int  # in the histories of all users
    repeats: int  # of what the user had bought before


class Factored(NamedTuple):
    """Vectors of items as Spark fitted them. Rows are positions in ``Counted.item_ids``."""

    rows: Int32s  # (known,)
    factors: Float32s  # (known, d)
    users: Int64s  # (known,) of each item
    shoppers: int
    confidence: float
    penalty: float
    sweeps: int
    seed: int


def read_counted(storage: NearStorage, tables: Tables, memory_mb: int) -> Counted:
    """The tables of ``NEEDED``, whichever engine made them."""

    def parquet(name: str) -> str:
        return _parquet(storage, tables, name)

    with duckdb.connect(config={"memory_limit": f"{memory_mb}MB"}) as connection:
        storage.prepare(connection)
        connection.execute(
            "CREATE TEMP TABLE own AS SELECT item_id, users, "
            "(row_number() OVER (ORDER BY item_id) - 1)::INTEGER AS place "
            f"FROM {parquet('cooccurrence')} WHERE item_id = other_id"
        )
        own = connection.sql("SELECT item_id, users FROM own ORDER BY place").fetchnumpy()
        pairs = connection.sql(
            "SELECT a.place AS source, b.place AS target, n.weight::FLOAT AS weight "
            f"FROM {parquet('neighbours')} n JOIN own a USING (item_id) "
            "JOIN own b ON b.item_id = n.other_id ORDER BY source, target"
        ).fetchnumpy()
        bought, again = first_row(
            connection,
            "SELECT coalesce(sum(user_purchases), 0)::BIGINT, "
            "coalesce(sum(round(user_reorder_share * user_purchases)), 0)::BIGINT "
            f"FROM {parquet('user_features')}",
        )
    return Counted(
        item_ids=own["item_id"].tolist(),
        users=np.asarray(own["users"], np.int64),
        sources=np.asarray(pairs["source"], np.int32),
        targets=np.asarray(pairs["target"], np.int32),
        weights=np.asarray(pairs["weight"], np.float32),
        purchases=bought,
        repeats=again,
    )


def read_factored(
    storage: NearStorage, tables: Tables, item_ids: Sequence[str], memory_mb: int
) -> Factored | None:
    """The vectors of those of ``item_ids`` that have one; None where Spark fitted none."""
    name = FACTORS[0].name
    if not tables.of(name).rows:
        return None
    with duckdb.connect(config={"memory_limit": f"{memory_mb}MB"}) as connection:
        storage.prepare(connection)
        found = connection.sql(
            "SELECT item_id, users, factors, shoppers, confidence, penalty, sweeps, seed "
            f"FROM {_parquet(storage, tables, name)} ORDER BY item_id"
        ).to_arrow_table()
    place = {item_id: row for row, item_id in enumerate(item_ids)}
    rows = np.array([place.get(item_id, -1) for item_id in found["item_id"].to_pylist()], np.int32)
    vectors = found["factors"].combine_chunks()
    factors = np.asarray(vectors.flatten(), np.float32).reshape(len(rows), -1)
    known = rows >= 0
    how = found.slice(0, 1).to_pylist()[0]
    return Factored(
        rows[known], factors[known], np.asarray(found["users"], np.int64)[known],
        *(how[name] for name in Factored._fields[3:]),
    )  # fmt: skip


def _parquet(storage: NearStorage, tables: Tables, name: str) -> str:
    files = ", ".join(text(storage.where(file.path)) for file in tables.of(name).files)
    return f"read_parquet([{files}], hive_partitioning = false)"
