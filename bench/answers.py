"""Time of one personal answer in a shop of 50,000 items: python bench/answers.py [cold items]."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from endcap.domain.records import EventsPosted, ItemsPut
from endcap.domain.values import PERSONAL, POPULAR, RELATED, Attributes, Event, Item, Query
from endcap.engine.answer import answer
from endcap.engine.moment import Live, live
from endcap.engine.serving import bind
from endcap.engine.state import LiveState, StateLimits
from endcap.models.content import ContentIndex
from endcap.models.mixture import Component, Mixture, Reading
from endcap.models.neighbours import Neighbours, stacked
from endcap.models.recipe import Recipe

ITEMS, NEIGHBOURS, HISTORY, AISLES = 50_000, 100, 50, 120
AT = 1_700_000_000_000_000


def item(number: int, at: int) -> Item:
    words = f"brand{number % 331} kind{number % 977} size{number % 13} no{number}"
    attributes: Attributes = {
        "name": words,
        "department": f"d{number % AISLES % 12}",
        "aisle": f"a{number % AISLES}",
        "price": 1.0 + number % 400,
        "created": at,
        "available": True,
    }
    return Item(f"item-{number}", attributes)


def model(draw: np.random.Generator) -> Recipe:
    """Two random families of ``NEIGHBOURS`` neighbours for each item, most from its aisle."""
    parts = []
    own_aisle = np.arange(ITEMS)[:, None] % AISLES
    for _ in range(2):
        columns = draw.integers(0, ITEMS, (ITEMS, NEIGHBOURS))
        near = draw.random(columns.shape, np.float32) < 0.8
        columns = np.where(near, columns // AISLES * AISLES + own_aisle, columns)
        columns = np.sort(np.minimum(columns, ITEMS - 1), axis=1)
        weights = draw.random(ITEMS * NEIGHBOURS, np.float32)
        starts = np.arange(ITEMS + 1, dtype=np.int64) * NEIGHBOURS
        parts.append(Neighbours(starts, columns.reshape(-1).astype(np.int32), weights))
    families = [Component(name, 1.0, Reading(decay=0.9)) for name in ("one", "other")]
    prior = draw.random(ITEMS, np.float32) * 0.01
    ids = [f"item-{i}" for i in range(ITEMS)]
    return Recipe(ids, Mixture(stacked(parts), families, prior), {"seen_policy": "none"})


def shop(cold: int) -> Live:
    draw = np.random.default_rng(0)
    state = LiveState(None, StateLimits())
    catalogue = [item(i, AT) for i in range(ITEMS)]
    state.apply(ItemsPut(AT, items=tuple(catalogue)), 1)
    seen = draw.integers(0, ITEMS, HISTORY + 1000)
    seen[:HISTORY] = seen[:HISTORY] // AISLES * AISLES + seen[:HISTORY] % 10  # ten aisles
    events = [
        Event("u" if i < HISTORY else f"u{i}", f"item-{row}", "view", AT + i, f"e{i}")
        for i, row in enumerate(seen.tolist())
    ]
    state.apply(EventsPosted(AT + 10**6, events=tuple(events)), 2)
    ids = [one.item_id for one in catalogue]
    content = ContentIndex.build(ids, [one.attributes for one in catalogue])
    bound = bind("v0001", model(draw), content, state.items)
    state.apply(ItemsPut(AT, items=tuple(item(ITEMS + i, AT) for i in range(cold))), 3)
    return live(state, bound)


def middle_us(ask: Callable[[], object], times: int = 500) -> float:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1e6


def main() -> None:
    for cold in map(int, sys.argv[1:] or ("0", "500")):
        now = shop(cold)
        personal = Query(PERSONAL, AT + 10**7, k=10, user_id="u")
        start = time.perf_counter()
        answer(now, personal)
        print(f"{cold} cold items: first answer {(time.perf_counter() - start) * 1e3:.1f} ms")
        for name, query in (
            ("personal, a history of 50", personal),
            ("personal, a visitor", Query(PERSONAL, AT + 10**7, k=10)),
            ("related", Query(RELATED, AT + 10**7, k=10, item_id="item-7")),
            ("popular", Query(POPULAR, AT + 10**7, k=10)),
        ):
            print(f"  {name}: {middle_us(partial(answer, now, query)):.0f} µs")


if __name__ == "__main__":
    main()
