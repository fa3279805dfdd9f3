"""Vectors of items and users by implicit alternating least squares, with ``pyspark.ml``.

Least Σ_ui c_ui (p_ui - x_u·y_i)² + λ (Σ_u n_u ‖x_u‖² + Σ_i n_i ‖y_i‖²), where p_ui is 1 where the
user u had the item i and else 0, c_ui = 1 + α · strength, and n counts the items of a user and
the users of an item. Users and items are solved for in turn; what is not there costs nothing.
Source: Hu, Koren & Volinsky, "Collaborative filtering for implicit feedback datasets" (ICDM 2008);
the weighted penalty: Zhou, Wilkinson, Schreiber & Pan, "Large-scale parallel collaborative
filtering for the Netflix Prize" (AAIM 2008).

Ids become numbers without a driver that holds them: they are dealt into buckets, ordered in each,
and numbered on from the buckets before. Numbers, blocks and draws depend on the data and the seed
alone, not on how many workers there are.
"""

from __future__ import annotations

from typing import Any

from endcap.data.etl.engine import Factorisation

BUCKETS = 1024  # of ids that are numbered at the same time
ROWS_OF_A_BLOCK, MOST_BLOCKS, LEAST_BLOCKS = 1_000_000, 400, 2
ITEMS_FOR_EACH = 4  # items at least for each dimension, as in ``models/embedding_training.py``
NO_FACTORS = "CAST(NULL AS ARRAY<FLOAT>) AS factors"


def fit(session: Any, strengths: Any, how: Factorisation) -> tuple[Any, Any]:
    """Frames of item_factors (item_id, users, factors, and what they were fitted with: shoppers,
    confidence, penalty, sweeps, seed) and user_factors (user_id, factors).

    ``strengths``: a frame (user_id, item_id, strength), one row for each pair."""
    from pyspark.ml.recommendation import ALS
    from pyspark.storagelevel import StorageLevel

    strengths = strengths.persist(StorageLevel.DISK_ONLY)
    pairs = strengths.count()
    users, items = (numbered(session, strengths, key) for key in ("user_id", "item_id"))
    shoppers, n_items = users.count(), items.count()
    if not pairs:
        return nothing(session)
    ratings = strengths.join(users, "user_id").join(items, "item_id")
    blocks = max(LEAST_BLOCKS, min(MOST_BLOCKS, pairs // ROWS_OF_A_BLOCK))
    model = ALS(
        rank=min(how.dimensions, max(2, n_items // ITEMS_FOR_EACH)),
        maxIter=how.sweeps, regParam=how.penalty, alpha=how.confidence, implicitPrefs=True,
        seed=how.seed, userCol="user_number", itemCol="item_number", ratingCol="strength",
        numUserBlocks=blocks, numItemBlocks=blocks,
    ).fit(ratings.select("user_number", "item_number", "strength"))  # fmt: skip
    names = {
        "vectors_of_items": model.itemFactors, "vectors_of_users": model.userFactors,
        "numbers_of_items": items, "numbers_of_users": users,
    }  # fmt: skip
    for name, frame in names.items():
        frame.createOrReplaceTempView(name)
    return _joined(session, shoppers, how)


def _joined(session: Any, shoppers: int, how: Factorisation) -> tuple[Any, Any]:
    items = session.sql(
        "SELECT n.item_id, n.pairs AS users, v.features AS factors, "
        f"{constants(shoppers, how)} FROM numbers_of_items AS n "
        "JOIN vectors_of_items AS v ON v.id = n.item_number"
    )
    users = session.sql(
        "SELECT n.user_id, v.features AS factors FROM numbers_of_users AS n "
        "JOIN vectors_of_users AS v ON v.id = n.user_number"
    )
    return items, users


def numbered(session: Any, strengths: Any, key: str) -> Any:
    """A frame of each id of the column ``key``, its number (``user_number``) from 0 without gaps,
    and in how many ``pairs`` it is."""
    from pyspark.storagelevel import StorageLevel

    strengths.createOrReplaceTempView("strengths")
    number = key.replace("_id", "_number")
    frame = session.sql(
        f"""
        WITH ids AS (
          SELECT {key}, count(*) AS pairs, pmod(hash({key}), {BUCKETS}) AS bucket
          FROM strengths GROUP BY {key}
        ),
        sizes AS (SELECT bucket, count(*) AS size FROM ids GROUP BY bucket),
        firsts AS (SELECT bucket, sum(size) OVER (ORDER BY bucket) - size AS first FROM sizes),
        placed AS (
          SELECT {key}, pairs, bucket,
            row_number() OVER (PARTITION BY bucket ORDER BY {key}) AS place
          FROM ids
        )
        SELECT /*+ BROADCAST(f) */ p.{key}, p.pairs, CAST(f.first + p.place - 1 AS INT) AS {number}
        FROM placed AS p JOIN firsts AS f ON f.bucket = p.bucket
        """
    )
    return frame.persist(StorageLevel.DISK_ONLY)


def nothing(session: Any) -> tuple[Any, Any]:
    """The same columns of a shop without events."""
    how = constants(0, Factorisation())
    item = "CAST(NULL AS STRING) AS item_id, CAST(NULL AS BIGINT) AS users"
    items = session.sql(f"SELECT {item}, {NO_FACTORS}, {how} WHERE false")
    users = session.sql(f"SELECT CAST(NULL AS STRING) AS user_id, {NO_FACTORS} WHERE false")
    return items, users


def constants(shoppers: int, how: Factorisation) -> str:
    """What the vectors of items were fitted with, as columns that are the same in every row."""
    values = {
        "shoppers": shoppers, "confidence": how.confidence, "penalty": how.penalty,
        "sweeps": how.sweeps, "seed": how.seed,
    }  # fmt: skip
    kinds = {int: "BIGINT", float: "DOUBLE"}
    return ", ".join(
        f"CAST({value!r} AS {kinds[type(value)]}) AS {name}" for name, value in values.items()
    )
