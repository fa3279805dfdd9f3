"""Time of the feature kernel on one core, ``name=value`` lines: ``python bench/features.py``."""

from __future__ import annotations

import time

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.times import DAY_US
from endcap.domain.values import Attributes
from endcap.features.definitions import NAMES
from endcap.features.products import product_table
from endcap.features.rows import context_of, feature_rows

EVENTS, USERS, ITEMS = 500_000, 10_000, 50_000
START = 1_700_000_000_000_000
RUNS = 500


def shop(draw: np.random.Generator) -> Interactions:
    user = np.sort(draw.integers(0, USERS, EVENTS)).astype(np.int32)
    ts = START + draw.integers(0, 90 * DAY_US, EVENTS)
    return Interactions(
        user,
        (draw.zipf(1.3, EVENTS) % ITEMS).astype(np.int32),
        draw.choice(3, EVENTS, p=[0.7, 0.2, 0.1]).astype(np.uint8),
        ts[np.lexsort((ts, user))],
        [str(n) for n in range(USERS)],
        [str(n) for n in range(ITEMS)],
    )


def main() -> None:
    draw = np.random.default_rng(0)
    data, at = shop(draw), START + 91 * DAY_US
    catalogue: list[Attributes] = [
        {
            "price": float(price),
            "department": f"{n % 13}",
            "aisle": f"{n % 78}",
            "brand": f"{n % 200}",
        }
        for n, price in enumerate(draw.lognormal(size=ITEMS))
    ]
    begun = time.perf_counter()
    table = product_table(data, catalogue, at)
    print(f"product_table_seconds={time.perf_counter() - begun:.3f}")
    for history in (10, 50, 200):
        rows = (draw.zipf(1.3, history) % ITEMS).astype(np.int32)
        ts = np.sort(draw.choice(data.ts, history, replace=False))
        for count in (200, 500):
            candidates = draw.choice(ITEMS, count, replace=False).astype(np.int32)
            candidates[: history // 5] = rows[: history // 5]
            out = np.empty((count, len(NAMES)), np.float32)
            took = []
            for _ in range(RUNS):
                begun = time.perf_counter()
                context = context_of(at, {"device": "app"})
                feature_rows(rows, data.type[:history], ts, candidates, table, at, context, out)
                took.append(time.perf_counter() - begun)
            print(f"feature_rows_{count}_history_{history}_us={np.median(took) * 1e6:.1f}")


if __name__ == "__main__":
    main()
