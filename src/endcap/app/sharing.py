"""Tables that others read by key, where documents lie in DynamoDB: ``catalog``, ``related_items``,
``product_features``, ``user_features``. Written anew each night; a row is replaced whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from endcap.app.batch import STORE_AT_ONCE, keep
from endcap.app.feature_store import (
    PRODUCT_FEATURES,
    USER_FEATURES,
    Rows,
    product_rows,
    products_of,
    user_rows,
)
from endcap.app.shop import Shop
from endcap.data.training import load_catalogue, load_interactions
from endcap.domain.values import RELATED, Query
from endcap.engine import answer as engine

CATALOG, RELATED_ITEMS = "catalog", "related_items"
MOST_RELATED = 20


def share(shop: Shop, at: int) -> dict[str, int]:
    """Write the rows of all four tables; by table, how many. The lake is as far as the log."""
    written = {
        CATALOG: put(shop, CATALOG, catalog_rows(shop)),
        RELATED_ITEMS: put(shop, RELATED_ITEMS, related_rows(shop, at)),
    }
    data = load_interactions(shop.lake)
    if not data.timed or not len(data):
        return written
    table = products_of(data, load_catalogue(shop.lake, data.item_ids))
    written[PRODUCT_FEATURES] = put(shop, PRODUCT_FEATURES, product_rows(data, table))
    of_users = in_batches(user_rows(data, table, at))
    written[USER_FEATURES] = sum(keep_known(shop, dict(some)) for some in of_users)
    return written


def keep_known(shop: Shop, rows: dict[str, dict[str, Any]]) -> int:
    """Rows of those users who were not erased while they were made."""
    known = shop.now.state.users
    kept = {user_id: row for user_id, row in rows.items() if known.row(user_id) >= 0}
    return keep(shop, kept, USER_FEATURES)


def catalog_rows(shop: Shop) -> Rows:
    """Every product that came with attributes."""
    for row, item_id in items(shop):
        if attributes := shop.now.state.item_attributes(row):
            yield item_id, {**attributes, "itemId": item_id}


def related_rows(shop: Shop, at: int) -> Rows:
    """Of every product the answer of ``GET /v1/recommendations/related``, as at ``at`` (µs)."""
    for _, item_id in items(shop):
        found = engine.answer(shop.now, Query(RELATED, at=at, k=MOST_RELATED, item_id=item_id))
        yield (
            item_id,
            {
                "itemId": item_id,
                "related": [{"id": item.id, "score": item.score} for item in found.items],
                "strategy": found.strategy,
                "model_version": found.model_version,
                "stored_at": at,
            },
        )


def items(shop: Shop) -> Iterator[tuple[int, str]]:
    known = shop.now.state.items
    return ((row, item_id) for row in range(len(known)) if (item_id := known.id(row)))


def put(shop: Shop, kind: str, rows: Rows) -> int:
    total = 0
    for some in in_batches(rows):
        shop.documents.put_many(kind, dict(some))
        total += len(some)
    return total


def in_batches(rows: Rows) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    while some := [*islice(rows, STORE_AT_ONCE)]:
        yield some
