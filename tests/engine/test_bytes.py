"""How many bytes an item, a user and an event cost: on disk, in each process, and since the last
snapshot. Slopes between two sizes, so that constants play no part."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from endcap.domain.records import EventsPosted, ItemsPut
from endcap.domain.values import POPULAR, TRENDING, Event, Item, Query
from endcap.engine.answer import answer
from endcap.engine.moment import live
from endcap.engine.serving import bind
from endcap.engine.snapshot import Snapshot, extend_snapshot
from endcap.engine.state import LiveState, StateLimits
from endcap.models.item_ids import ItemIds, save_ids
from endcap.models.mixture import Component, Mixture, Reading
from endcap.models.neighbours import Neighbours
from endcap.models.recipe import Recipe

AT = 1_750_000_000_000_000
ID = 12  # letters of each id below
ATTRIBUTES = {"name": "Product", "price": 1.5}
PACKED = 30  # bytes of these as MessagePack, rounded up

# What docs/engine.md says, and the margin that each is held with.
MARGIN = 1.1
DISK = {"items": 80 + ID + PACKED, "users": 40 + ID, "events": 13, "ids": 16}
MODEL_DISK = 36 + ID  # an item, without its neighbours
MEMORY = {"items": 64, "users": 0}
SINCE = {"items": 400, "users": 1250, "events": 140}


def grown(state: LiveState, items: int, users: int, events: int) -> LiveState:
    """``events``: of each user."""
    end = state.offset
    for row in range(items):
        end += 1
        state.apply(ItemsPut(AT, items=(Item(f"item-{row:07d}", dict(ATTRIBUTES)),)), end)
    for row in range(users):
        end += 1
        user, made = f"user-{row:07d}", range(events)
        posted = tuple(Event(user, "item-0000000", "view", AT, f"{row}-{e}") for e in made)
        state.apply(EventsPosted(AT, events=posted), end)
    return state


def written(folder: Path, items: int, users: int, events: int = 1) -> Path:
    folder.mkdir()
    extend_snapshot(grown(LiveState(None, StateLimits()), items, users, events), folder)
    return folder


def file_bytes(folder: Path, prefix: str = "") -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.name.startswith(prefix))


def slope(few: float, many: float, more: int) -> float:
    return (many - few) / more


def memory_of(make: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        held = make()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        del held
        return after - before
    finally:
        tracemalloc.stop()


def test_bytes_on_disk(tmp_path: Path) -> None:
    base = file_bytes(written(tmp_path / "base", 500, 500))
    items = file_bytes(written(tmp_path / "items", 1500, 500))
    users = file_bytes(written(tmp_path / "users", 500, 1500))
    events = written(tmp_path / "events", 500, 500, 3)
    assert slope(base, items, 1000) <= DISK["items"]
    # Each user came with one event and its id.
    assert slope(base, users, 1000) <= DISK["users"] + DISK["events"] + DISK["ids"]
    few = file_bytes(tmp_path / "base", "history.")
    assert slope(few, file_bytes(events, "history."), 1000) == DISK["events"]
    few = file_bytes(tmp_path / "base", "repeats.")
    assert slope(few, file_bytes(events, "repeats."), 1000) == DISK["ids"]


def model(items: int, folder: Path) -> Recipe:
    """One neighbour for each item, loaded from ``folder``."""
    folder.mkdir()
    stack = Neighbours(
        np.arange(items + 1, dtype=np.int64), np.arange(items, dtype=np.int32),
        np.ones(items, np.float32),
    )  # fmt: skip
    families = [Component("family", 1.0, Reading(decay=0.9, type_weights=(1.0, 2.0, 3.0)))]
    ids = [f"item-{row:07d}" for row in range(items)]
    Recipe(ids, Mixture(stack, families, np.ones(items, np.float32)), {}).save(folder)
    return Recipe.load(folder)


def test_bytes_of_a_model_on_disk(tmp_path: Path) -> None:
    model(500, tmp_path / "few")
    model(1500, tmp_path / "many")
    neighbour = 8
    found = slope(file_bytes(tmp_path / "few"), file_bytes(tmp_path / "many"), 1000)
    assert found - neighbour <= MODEL_DISK


@pytest.mark.parametrize("kind", ["items", "users"])
def test_bytes_in_each_process(tmp_path: Path, kind: str) -> None:
    """State and models opened, and every list asked for once."""
    found = []
    for size in (1000, 5000):
        items, users = (size, 100) if kind == "items" else (100, size)
        folder = written(tmp_path / f"snapshot-{size}", items, users)
        recipe = model(items, tmp_path / f"model-{size}")

        def opened(folder: Path = folder, recipe: Recipe = recipe) -> object:
            state = LiveState(Snapshot.open(folder), StateLimits())
            now = live(state, bind("v0001", recipe, None, state.items))
            for surface in (POPULAR, TRENDING):
                answer(now, Query(surface, at=AT, k=5))
            return now

        opened()
        found.append(memory_of(opened))
    assert slope(*found, 4000) <= MEMORY[kind] * MARGIN + 0.5


def test_bytes_since_the_snapshot() -> None:
    """What the overlay takes until the next snapshot."""

    def state(items: int, users: int, events: int) -> Callable[[], object]:
        return lambda: grown(LiveState(None, StateLimits()), items, users, events)

    state(10, 10, 1)()
    base = memory_of(state(1000, 1000, 1))
    assert slope(base, memory_of(state(4000, 1000, 1)), 3000) <= SINCE["items"] * MARGIN
    assert slope(base, memory_of(state(1000, 4000, 1)), 3000) <= SINCE["users"] * MARGIN
    many = memory_of(state(1000, 1000, 11))
    assert slope(base, many, 10_000) <= SINCE["events"] * MARGIN


def test_ids_of_a_model_are_mapped(tmp_path: Path) -> None:
    save_ids(tmp_path, [f"item-{row:07d}" for row in range(20_000)])
    assert memory_of(lambda: ItemIds.load(tmp_path)) < 20_000
