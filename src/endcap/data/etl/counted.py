"""What the ETL counted, as arrays that a model is made of. Nothing grows with the events."""

from __future__ import annotations

from typing import NamedTuple

import duckdb
import numpy as np

from endcap.data.etl.catalogue import Tables
from endcap.data.etl.storage import NearStorage
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


def read_counted(storage: NearStorage, tables: Tables, memory_mb: int) -> Counted:
    """The tables of ``NEEDED``, whichever engine made them."""

    def parquet(name: str) -> str:
        files = ", ".join(text(storage.where(file.path)) for file in tables.of(name).files)
        return f"read_parquet([{files}], hive_partitioning = false)"

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
