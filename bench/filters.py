"""How fast filters are: python bench/filters.py [items …]. One line a figure, ``name=value``.

In one process, on shops as ``large_shop`` writes them (100,000 and 1,000,000 items). ``first``: a
filter that speaks of a column for the first time, which is read from the snapshot. ``cold``: new
values, columns at hand. ``warm``: the same filter again. Answers are personal, unfiltered and
under filters that permit 1 % of the items, taking turns.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import large_shop

from endcap.app.shop import Shop
from endcap.bootstrap import open_shop, prepare_kernels
from endcap.domain.filter_values import read_filtering
from endcap.domain.filters import Filtering
from endcap.domain.records import ItemsPut
from endcap.domain.values import PERSONAL, POPULAR, RELATED, Item, Query
from endcap.engine.answer import answer
from endcap.engine.moment import observe
from endcap.settings import load_settings

USERS, HISTORY, NEIGHBOURS = 20_000, 50, 50
ASKED = 400  # answers for each kind

UNSEEN = 'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'
FILTERS = {
    "unfiltered": None,
    "one_percent": "price <= 4",
    "unseen": UNSEEN,
    "one_percent_unseen": f"price <= 4 | {UNSEEN}",
    "recent": "price <= 4 AND NOT created > NOW() - 7 days",
}


def say(name: str, value: float) -> None:
    print(f"{name}={value:.4g}", flush=True)


def taken_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def compiling(shop: Shop, size: str) -> None:
    """Milliseconds until both bitmaps of a filter are there."""
    at = shop.now.state.newest_ts

    def bitmaps(asked: Filtering) -> None:
        moment = observe(shop.now, Query(PERSONAL, at, user_id="user-1", filter=asked))
        assert moment.allowed is not None
        assert moment.allowed_models is not None

    for name, text, kinds in (
        ("categorical", "aisle IN ($v)", [f"aisle {n}" for n in range(9)]),
        ("number", "price <= $v", list(range(9))),
        ("text", "name CONTAINS $v", [f"{n}77" for n in range(9)]),
        ("columns", "price < price AND aisle = $v", [f"aisle {n}" for n in range(9)]),
    ):
        asked = [read_filtering(text, {"v": value}) for value in kinds]
        say(f"{size}_{name}_first_ms", taken_ms(lambda a=asked[0]: bitmaps(a)))  # type: ignore[misc]
        cold = [taken_ms(lambda a=each: bitmaps(a)) for each in asked[1:]]  # type: ignore[misc]
        say(f"{size}_{name}_cold_ms", statistics.median(cold))
        warm = [taken_ms(lambda a=asked[1]: bitmaps(a)) for _ in range(200)]  # type: ignore[misc]
        say(f"{size}_{name}_warm_ms", statistics.median(warm))
    changed = []
    for place in range(50):
        price = read_filtering("price <= $v", {"v": 4})
        bitmaps(price)
        put = ItemsPut(at, items=(Item(f"item-{place}", {"price": place}),))
        shop.now.state.apply(put, shop.now.state.offset + 1)
        changed.append(taken_ms(lambda a=price: bitmaps(a)))  # type: ignore[misc]
    say(f"{size}_after_a_change_ms", statistics.median(changed))


def answers(shop: Shop, size: str) -> None:
    """Median time of an answer by surface and filter, and whether each list was full."""
    at = shop.now.state.newest_ts
    asked = {name: None if t is None else read_filtering(t, {}) for name, t in FILTERS.items()}
    for surface in (PERSONAL, RELATED, POPULAR):
        times: dict[str, list[float]] = {name: [] for name in asked}
        short = 0
        for turn in range(ASKED):
            for name, given in asked.items():
                query = Query(
                    surface, at, k=10, user_id=f"user-{turn % USERS}", seen="none",
                    item_id=f"item-{turn}" if surface == RELATED else None, filter=given,
                )  # fmt: skip
                began = time.perf_counter()
                found = answer(shop.now, query)
                times[name].append((time.perf_counter() - began) * 1e3)
                short += len(found.items) < query.k
        for name, each in times.items():
            say(f"{size}_{surface}_{name}_p50_ms", statistics.median(each[ASKED // 4 :]))
        say(f"{size}_{surface}_short_lists", short)


def main() -> None:
    for items in [int(word) for word in sys.argv[1:]] or [100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            large_shop.build(home, large_shop.Size(items, USERS, HISTORY, NEIGHBOURS, 1))
            settings = load_settings({"ENDCAP_HOME": str(home)})
            prepare_kernels(settings)
            shop = open_shop(settings)
            compiling(shop, f"items_{items}")
            answers(shop, f"items_{items}")


if __name__ == "__main__":
    main()
