"""The features of the ETL as a straightforward pandas job, for ``bench/etl.py``.

    python bench/etl_pandas.py LAKE OUTPUT AS_OF_US

Everything is read into memory; groupby does the rest, as one would write it in a notebook. The
columns are those of ``src/endcap/data/sql/*_features.sql``, and so are the numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

DAY = 86_400_000_000
HOUR = DAY // 24
WEIGHTS = {"view": 1.0, "add_to_cart": 3.0, "purchase": 5.0}
TYPES = {"views": "view", "carts": "add_to_cart", "purchases": "purchase"}

USER = {
    "user_id": "user_id", "events": "user_events", "views": "user_views", "carts": "user_carts",
    "purchases": "user_purchases", "distinct_item_id": "user_products",
    "distinct_department": "user_departments", "orders": "user_orders",
    "per_week": "user_purchases_per_week", "order_gap": "user_order_gap_days",
    "reorder_share": "user_reorder_share", "purchase_rate": "user_purchase_rate",
    "since_order": "user_since_order_days", "since_event": "user_since_event_hours",
    "hour_share": "user_hour_share", "weekday_share": "user_weekday_share",
    "viewed_price": "user_viewed_price", "paid_price": "user_paid_price",
}  # fmt: skip
PRODUCT = {
    "item_id": "item_id", "department": "department", "aisle": "aisle", "brand": "brand",
    "popularity_fast": "product_popularity_fast", "popularity_slow": "product_popularity_slow",
    "trend": "product_trend", "log_purchases": "product_purchases",
    "log_shoppers": "product_shoppers", "repeats_by_purchases": "product_reorder_rate",
    "carts_by_views": "product_view_to_cart", "purchases_by_carts": "product_cart_to_purchase",
    "purchases_by_views": "product_view_to_purchase", "since_event": "product_since_event_days",
    "age": "product_age_days", "ln_price": "product_price",
    "price_in_department": "product_price_in_department",
}  # fmt: skip
PAIR = {
    "user_id": "user_id", "item_id": "item_id", "views": "pair_views", "carts": "pair_carts",
    "purchases": "pair_purchases", "since_views": "pair_since_view_hours",
    "since_carts": "pair_since_cart_hours", "since_purchases": "pair_since_purchase_hours",
    "events_since": "pair_events_since", "decayed": "pair_decayed", "due": "pair_due",
    "department_share": "department_share", "aisle_share": "aisle_share",
    "brand_share": "brand_share", "bought_share": "department_bought_share",
    "department_since": "department_since_hours", "aisle_since": "aisle_since_hours",
    "price_to_views": "price_to_viewed", "price_to_purchases": "price_to_paid",
}  # fmt: skip


def main(lake: Path, output: Path, as_of: int) -> None:
    columns = ["user_id", "item_id", "event_type", "ts"]
    parts = sorted(lake.glob("events/*/*.parquet"))
    events = pd.concat([pd.read_parquet(part, columns=columns) for part in parts])
    items = pd.read_parquet(lake / "items")
    events = events[events.ts < as_of].sort_values(["user_id", "ts"], kind="stable")
    for name, kind in TYPES.items():
        events[name] = (events.event_type == kind).astype("int64")
    events["weight"] = events.event_type.map(WEIGHTS).fillna(1.0)
    items["ln_price"] = np.log(items.price)
    history = events.groupby("user_id").tail(200).merge(items, on="item_id", how="left")
    output.mkdir(parents=True, exist_ok=True)
    products(events, items, as_of).to_parquet(output / "product_features.parquet", index=False)
    users(history, as_of).to_parquet(output / "user_features.parquet", index=False)
    pairs(history, as_of).to_parquet(output / "user_product_features.parquet", index=False)


def named(found: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """These columns under these names."""
    return found[list(names)].rename(columns=names)


def products(events: pd.DataFrame, items: pd.DataFrame, as_of: int) -> pd.DataFrame:
    age = (as_of - events.ts) / DAY
    events = events.assign(
        fast=events.weight * np.exp2(-age / 3), slow=events.weight * np.exp2(-age / 30)
    )
    by_item = events.groupby("item_id")
    found = by_item[["views", "carts", "purchases", "fast", "slow"]].sum()
    found["shoppers"] = by_item.user_id.nunique()
    found["buyers"] = events[events.purchases == 1].groupby("item_id").user_id.nunique()
    found = found.fillna({"buyers": 0}).join(by_item.ts.agg(["min", "max"]))
    total = found.sum()
    found["repeats"] = found.purchases - found.buyers
    rates = [("repeats", "purchases"), ("carts", "views"), ("purchases", "carts"),
             ("purchases", "views")]  # fmt: skip
    for part, whole in rates:
        shop = (found[part].sum()) / total[whole]
        found[f"{part}_by_{whole}"] = (found[part] + 20 * shop) / (found[whole] + 20)
    found["trend"] = np.log((found.fast / 3 + 0.01) / (found.slow / 30 + 0.01))
    found = found.reset_index().merge(items, on="item_id", how="left")
    mean = found.groupby("department").ln_price.transform("mean")
    found = found.assign(
        since_event=(as_of - found["max"]) / DAY, age=(as_of - found["min"]) / DAY,
        price_in_department=found.ln_price - mean,
        popularity_fast=np.log1p(found.fast), popularity_slow=np.log1p(found.slow),
        log_purchases=np.log1p(found.purchases), log_shoppers=np.log1p(found.shoppers),
    )  # fmt: skip
    return named(found, PRODUCT)


def users(history: pd.DataFrame, as_of: int) -> pd.DataFrame:
    history = history.assign(
        week=(history.ts + 3 * DAY) // (7 * DAY),
        same_hour=history.ts % DAY // (3 * HOUR) == as_of % DAY // (3 * HOUR),
        same_day=history.ts // DAY % 7 == as_of // DAY % 7,
    )
    by_user = history.groupby("user_id")
    found = by_user[["views", "carts", "purchases"]].sum()
    found["events"] = by_user.size()
    for name in ("item_id", "department", "week"):
        found[f"distinct_{name}"] = by_user[name].nunique()
    found["hour_share"] = by_user.same_hour.mean()
    found["weekday_share"] = by_user.same_day.mean()
    found["viewed_price"] = history[history.views == 1].groupby("user_id").ln_price.mean()
    bought = history[history.purchases == 1].copy()
    by_buyer = bought.groupby("user_id")
    found["paid_price"] = by_buyer.ln_price.mean()
    found["since_order"] = (as_of - by_buyer.ts.max()) / DAY
    found["reorder_share"] = 1 - by_buyer.item_id.nunique() / by_buyer.size()
    pause = by_buyer.ts.diff()
    starts = bought[pause.isna() | (pause > 30 * 60 * 10**6)]
    found["orders"] = starts.groupby("user_id").size()
    gaps = starts.assign(gap=starts.groupby("user_id").ts.diff())
    found["order_gap"] = gaps.groupby("user_id").gap.median() / DAY
    found["per_week"] = found.purchases / found.distinct_week
    found["purchase_rate"] = found.purchases / found.views.where(found.views > 0)
    found["since_event"] = (as_of - by_user.ts.max()) / HOUR
    found["orders"] = found.orders.fillna(0)
    return named(found.reset_index(), USER)


def pairs(history: pd.DataFrame, as_of: int) -> pd.DataFrame:
    age = (as_of - history.ts) / DAY
    history = history.assign(
        decayed=history.weight * np.exp2(-age / 7),
        back=history.groupby("user_id").cumcount(ascending=False),
    )
    keys = ["user_id", "item_id"]
    by_pair = history.groupby(keys)
    found = by_pair[["views", "carts", "purchases", "decayed"]].sum()
    found["events_since"] = by_pair.back.min()
    for name, kind in TYPES.items():
        newest = history[history.event_type == kind].groupby(keys).ts.max()
        found[f"since_{name}"] = (as_of - newest) / HOUR
    bought = history[history.purchases == 1].groupby(keys).ts.agg(["min", "max"])
    found = found.join(bought)
    spread = (found["max"] - found["min"]).where(lambda s: s > 0)
    found["due"] = (as_of - found["max"]) * (found.purchases - 1) / spread
    first = by_pair[["department", "aisle", "brand", "ln_price"]].first()
    found = found.join(first).reset_index()
    events = history.groupby("user_id").agg(events=("ts", "size"), bought=("purchases", "sum"))
    found = found.merge(events, left_on="user_id", right_index=True)
    for name in ("department", "aisle", "brand"):
        wanted = {"n": ("ts", "size")}
        if name != "brand":
            wanted["newest"] = ("ts", "max")
        if name == "department":
            wanted["bought"] = ("purchases", "sum")
        counts = history.groupby(["user_id", name]).agg(**wanted).add_prefix(f"{name}_")
        found = found.merge(counts, how="left", left_on=["user_id", name], right_index=True)
        found[f"{name}_share"] = found[f"{name}_n"] / found.events
    for name in ("department", "aisle"):
        found[f"{name}_since"] = (as_of - found[f"{name}_newest"]) / HOUR
    found["bought_share"] = found.department_bought / found.bought.where(found.bought > 0)
    for name in ("views", "purchases"):
        price = history[history[name] == 1].groupby("user_id").ln_price.mean()
        mean = found.user_id.map(price)
        found[f"price_to_{name}"] = found.ln_price - mean
    return named(found, PAIR)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
