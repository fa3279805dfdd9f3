"""The three files' columns, under Amazon Personalize's names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from endcap.data.synthetic.catalogue import describe
from endcap.data.synthetic.demand import Shop
from endcap.data.synthetic.events import Events
from endcap.data.synthetic.shoppers import Shoppers, attributes
from endcap.domain.arrays import Int64s
from endcap.domain.values import EVENT_TYPES

ITEMS_AT_ONCE = 50_000

USERS = pa.schema(
    [(name, pa.string()) for name in ("USER_ID", "CITY", "COUNTRY", "AGE_BAND", "DEVICE", "BUDGET")]
    + [("CREATED", pa.int64())]
)
ITEMS = pa.schema(
    [(name, pa.string()) for name in ("ITEM_ID", "NAME", "BRAND", "DEPARTMENT", "AISLE")]
    + [("PRICE", pa.float64()), ("STOCK", pa.int64()), ("AVAILABLE", pa.bool_())]
    + [("CREATED", pa.int64()), ("DESCRIPTION", pa.string())]
)
INTERACTIONS = pa.schema(
    [(name, pa.string()) for name in ("USER_ID", "ITEM_ID", "EVENT_TYPE")]
    + [("TIMESTAMP", pa.int64()), ("EVENT_VALUE", pa.float64()), ("SESSION_ID", pa.string())]
)


def user_ids(shop: Shop, rows: Int64s) -> list[str]:
    width = max(4, len(str(shop.plan.users)))
    return [f"u{row + 1:0{width}d}" for row in rows.tolist()]


def item_ids(shop: Shop) -> pa.Array:
    width = max(4, len(str(shop.plan.items)))
    return pa.array([f"p{row + 1:0{width}d}" for row in range(shop.plan.items)])


def user_table(shop: Shop, shoppers: Shoppers) -> pa.Table:
    columns: dict[str, object] = {"USER_ID": user_ids(shop, shoppers.rows)}
    columns |= attributes(shop, shoppers)
    return pa.table(columns, schema=USERS)


def item_tables(shop: Shop, ids: pa.Array) -> Iterator[pa.Table]:
    """The catalogue as it stands at the end of the period; CREATED in µs UTC."""
    goods = shop.catalogue
    for start in range(0, len(goods), ITEMS_AT_ONCE):
        span = slice(start, min(start + ITEMS_AT_ONCE, len(goods)))
        told = [describe(goods, row) for row in range(span.start, span.stop)]
        columns: dict[str, object] = {key.upper(): [o[key] for o in told] for key in told[0]}
        columns |= {
            "ITEM_ID": ids[span.start : span.stop],
            "PRICE": goods.price[span],
            "STOCK": goods.stock[span].astype(np.int64),
            "AVAILABLE": goods.stock[span] > 0,
            "CREATED": goods.created_s[span] * 1_000_000,
        }
        yield pa.table({name: columns[name] for name in ITEMS.names}, schema=ITEMS)


def event_table(shop: Shop, shoppers: Shoppers, events: Events, ids: pa.Array) -> pa.Table:
    """``events`` of ``shoppers``, whose numbers follow one another."""
    own = pa.array(user_ids(shop, shoppers.rows))
    users = own.take(pa.array(events.shopper - shoppers.rows[0]))
    session = pc.cast(pa.array(events.session + 1), pa.string())
    columns = {
        "USER_ID": users,
        "ITEM_ID": ids.take(pa.array(events.item)),
        "EVENT_TYPE": pa.array(EVENT_TYPES).take(pa.array(events.type)),
        "TIMESTAMP": events.ts_s,
        "EVENT_VALUE": pa.array(events.value, mask=np.isnan(events.value)),
        "SESSION_ID": pc.binary_join_element_wise(users, session, "-"),
    }
    return pa.table(columns, schema=INTERACTIONS)
