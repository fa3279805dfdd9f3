"""The features of the ETL as a straightforward pandas job, for ``bench/etl.py``.

    python bench/etl_pandas.py LAKE OUTPUT AS_OF_US

Everything is read into memory; groupby does the rest, as one would write it in a notebook. The
columns are those of ``src/endcap/data/sql/*_features.sql``.
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
    products(events, items, as_of).to_parquet(output / "product_features.parquet")
    users(history, as_of).to_parquet(output / "user_features.parquet")
    pairs(history, as_of).to_parquet(output / "user_product_features.parquet")


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
    return found.assign(
        since_event=(as_of - found["max"]) / DAY, age=(as_of - found["min"]) / DAY,
        price_in_department=found.ln_price - mean,
        popularity_fast=np.log1p(found.fast), popularity_slow=np.log1p(found.slow),
    )  # fmt: skip


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
    found["since_event"] = (as_of - by_user.ts.max()) / HOUR
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
    return found


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
    events = history.groupby("user_id").size().rename("events")
    found = found.merge(events, left_on="user_id", right_index=True)
    for name in ("department", "aisle", "brand"):
        counts = history.groupby(["user_id", name]).agg(n=("ts", "size"), newest=("ts", "max"))
        counts.columns = [f"{name}_n", f"{name}_newest"]
        found = found.merge(counts, how="left", left_on=["user_id", name], right_index=True)
        found[f"{name}_share"] = found[f"{name}_n"] / found.events
        found[f"{name}_since"] = (as_of - found[f"{name}_newest"]) / HOUR
    for name in ("views", "purchases"):
        price = history[history[name] == 1].groupby("user_id").ln_price.mean()
        mean = found.user_id.map(price)
        found[f"price_to_{name}"] = found.ln_price - mean
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
