"""A home with a large shop in it, made directly: what training and import would leave behind.

Training and importing a million users takes longer than a benchmark may; so a snapshot and two
model versions are written by the product's own writers, in the product's own formats, from random
numbers: popularity follows a power law, histories and neighbours keep to the aisles.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from endcap.app.compaction import publish
from endcap.app.reloading import MODELS, RECIPE, SNAPSHOTS
from endcap.app.shop import Shop
from endcap.app.versions import promote
from endcap.bootstrap import open_shop
from endcap.control import solution_versions
from endcap.domain.values import EVENT_TYPES
from endcap.engine.attributes import pack
from endcap.engine.ids import IdTable
from endcap.engine.limits import half_life_of
from endcap.engine.ragged import NO_BLOBS, Blobs, create_array, write_array
from endcap.engine.snapshot_folder import FORMAT, FadeMeta, SnapshotMeta
from endcap.engine.snapshot_merge import write_meta
from endcap.engine.snapshot_repeats import RepeatArrays
from endcap.models.mixture import Component, Mixture, Reading
from endcap.models.neighbours import Neighbours, stacked
from endcap.models.recipe import Recipe
from endcap.settings import load_settings

AISLES = 200
DAY_US = 86_400_000_000
CHUNK = 50_000  # users or items drawn at once


class Size(Struct, frozen=True):
    items: int
    users: int
    history: int  # events of each user, all of different items
    neighbours: int  # of each item and family
    families: int


def build(home: Path, size: Size) -> None:
    """Snapshot, version v0001 (served) and version v0002 (the same model) in ``home``."""
    shop = open_shop(load_settings({"ENDCAP_HOME": str(home)}))
    at = time.time_ns() // 1000
    draw = np.random.default_rng(0)
    folder = shop.artifacts.staging(SNAPSHOTS)
    write_snapshot(folder, size, draw, at)
    publish(shop, folder, at)
    recipe = model(size, draw)
    promote(shop, add_version(shop, recipe, at), at)
    add_version(shop, recipe, at)


def add_version(shop: Shop, recipe: Recipe, at: int) -> str:
    version = solution_versions.reserve(shop.documents, at)
    staged = shop.artifacts.staging(MODELS)
    (staged / RECIPE).mkdir()
    recipe.save(staged / RECIPE)
    shop.artifacts.publish(MODELS, version.name, staged)
    solution_versions.save(shop.documents, replace(version, status="active"))
    return version.name


def popular_places(draw: np.random.Generator, n: int, shape: tuple[int, ...]) -> np.ndarray:
    """Whole numbers below n, place r about r^-0.7 as often as place 1."""
    return np.minimum((n * draw.random(shape) ** (1 / 0.3)).astype(np.int64), n - 1)


def in_aisles(draw: np.random.Generator, aisle: np.ndarray, items: int) -> np.ndarray:
    """An item for each aisle, popular ones more often. Item i stands in aisle i mod AISLES."""
    place = popular_places(draw, items // AISLES, aisle.shape)
    return place * AISLES + aisle


def model(size: Size, draw: np.random.Generator) -> Recipe:
    """Families of item-item neighbours, three of four in the item's aisle."""
    parts = []
    for _ in range(size.families):
        columns = np.empty((size.items, size.neighbours), np.int32)
        for first in range(0, size.items, CHUNK):
            rows = np.arange(first, min(first + CHUNK, size.items))
            shape = (len(rows), size.neighbours)
            aisle = np.where(
                draw.random(shape) < 0.75, rows[:, None] % AISLES, draw.integers(0, AISLES, shape)
            )
            columns[rows] = np.sort(in_aisles(draw, aisle, size.items), axis=1)
        weights = draw.random(columns.size, np.float32)
        starts = np.arange(size.items + 1, dtype=np.int64) * size.neighbours
        parts.append(Neighbours(starts, columns.reshape(-1), weights))
    reading = Reading(decay=0.97, type_weights=(1.0, 2.0, 3.0))
    families = [Component(f"family {c}", 1.0, reading) for c in range(size.families)]
    prior = (1e-3 / (1 + np.arange(size.items) // AISLES)).astype(np.float32)
    ids = [f"item-{row}" for row in range(size.items)]
    return Recipe(ids, Mixture(stacked(parts), families, prior), {"seen_policy": "none"})


def write_snapshot(folder: Path, size: Size, draw: np.random.Generator, at: int) -> None:
    IdTable.write(folder, "items", [f"item-{row}" for row in range(size.items)])
    IdTable.write(folder, "users", [f"user-{row}" for row in range(size.users)])
    blobs = [pack(attributes(row)) for row in range(size.items)]
    Blobs.of(blobs).write(folder, "items.attributes")
    Blobs.of([b""] * size.users).write(folder, "users.attributes")
    counts = write_histories(folder, size, draw, at)
    fades = []
    for name, days in (("counts.slow", 14.0), ("counts.fast", 1.0)):
        write_array(folder, name, counts)
        half_life = half_life_of(days)
        fades.append(FadeMeta(half_life, at // half_life))
    none = np.empty(0, np.uint64), np.empty(0, np.int64)
    RepeatArrays(*none, *none, NO_BLOBS).write(folder)
    write_meta(
        folder,
        SnapshotMeta(
            FORMAT, 0, 0, size.items, size.users, size.users * size.history, EVENT_TYPES, at, at,
            fades[0], fades[1],
        ),
    )  # fmt: skip


def attributes(row: int) -> dict[str, str | float | bool]:
    aisle = row % AISLES
    return {
        "name": f"Product {row}",
        "department": f"department {aisle % 20}",
        "aisle": f"aisle {aisle}",
        "price": 1.0 + row % 400,
        "available": True,
    }


def write_histories(folder: Path, size: Size, draw: np.random.Generator, at: int) -> np.ndarray:
    """Each user's events over the last 30 days, in five aisles; returns counts by type and item."""
    total, h = size.users * size.history, size.history
    items = create_array(folder, "history.items", total, np.int32)
    types = create_array(folder, "history.types", total, np.uint8)
    ts = create_array(folder, "history.ts", total, np.int64)
    write_array(folder, "history.starts", np.arange(size.users + 1, dtype=np.int64) * h)
    counts = np.zeros((len(EVENT_TYPES), size.items))
    for first in range(0, size.users, CHUNK):
        n = min(CHUNK, size.users - first)
        aisle = draw.integers(0, AISLES, (n, 5))[:, draw.integers(0, 5, h)]
        seen = distinct(in_aisles(draw, aisle, size.items), size.items)
        codes = draw.choice(3, (n, h), p=[0.7, 0.2, 0.1]).astype(np.uint8)
        span = slice(first * h, (first + n) * h)
        items[span], types[span] = seen.reshape(-1), codes.reshape(-1)
        ts[span] = np.sort(at - draw.integers(0, 30 * DAY_US, (n, h)), axis=1).reshape(-1)
        np.add.at(counts, (codes.reshape(-1), seen.reshape(-1)), 1)
    return counts


def distinct(seen: np.ndarray, items: int) -> np.ndarray:
    """Move each repeat within a row to the next free item of its aisle: a history of 50 is then
    50 items, the dearest case."""
    for _ in range(200):
        order = np.argsort(seen, axis=1, kind="stable")
        ranked = np.take_along_axis(seen, order, 1)
        again = np.zeros(seen.shape, bool)
        np.put_along_axis(again[:, :], order[:, 1:], ranked[:, 1:] == ranked[:, :-1], 1)
        if not again.any():
            break
        seen = np.where(again, (seen + AISLES) % (items // AISLES * AISLES), seen)
    return seen
