"""A model version's embeddings as vectors that other programs search: items and users.

Loading goes beside what answers and is whole or not at all; a switch is one step. What was erased
while a load was under way is taken out again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from endcap.app.compaction import settle
from endcap.app.reloading import EMBEDDINGS, MODELS
from endcap.app.shop import Shop
from endcap.app.user_vectors import fold_users
from endcap.control.campaigns import campaign
from endcap.control.solution_versions import version as find_version
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.vectors import ITEMS, USERS
from endcap.models.embeddings import Embeddings

KINDS = (ITEMS, USERS)
ASKED = 500  # queries that the width of a search is measured with

Progress = Callable[[str, float], None]


class Told(NamedTuple):
    """What a load did."""

    kind: str
    version: str
    vectors: int
    dimensions: int
    erased: int  # users that were erased meanwhile


def chosen(shop: Shop, version: str) -> str:
    """``version``, or the one that serves. Raises NotFound (unknown_version), InvalidInput
    (no_version_serves)."""
    name = version or campaign(shop.documents).version
    if not name:
        raise InvalidInput("no_version_serves", field="version")
    return find_version(shop.documents, name).name


def embeddings_of(shop: Shop, version: str) -> Embeddings:
    """Raises NotFound (no_embeddings), Damaged."""
    folder = shop.artifacts.open(MODELS, version)
    if not (folder / EMBEDDINGS).is_dir():
        raise NotFound("no_embeddings", field="version", value=version)
    return Embeddings.load(folder / EMBEDDINGS)


def load(
    shop: Shop,
    kind: str,
    version: str,
    at: int,
    *,
    labels: Sequence[str] = (),
    progress: Progress,
) -> Told:
    """Load one kind of a version. ``labels``: attributes of items to filter by.

    Raises Conflict (vectors_exist), NotFound, InvalidInput, Unavailable.
    """
    embeddings = embeddings_of(shop, version)
    if kind == ITEMS:
        count = load_items(shop, version, embeddings, labels, progress)
        return Told(ITEMS, version, count, embeddings.index.dimensions, 0)
    progress("reading the log", 0.0)
    settle(shop, at)
    before = shop.lake.manifest().sequence
    staged = shop.artifacts.staging(MODELS)
    with fold_users(shop.lake, embeddings, shop.settings.history_events, staged, progress) as made:
        shop.vectors(USERS, progress=progress).load(version, made.ids, made.vectors)
        count = len(made.ids)
    gone = erase_since(shop, before, at)
    return Told(USERS, version, count - gone, embeddings.index.dimensions, gone)


def load_items(
    shop: Shop, version: str, embeddings: Embeddings, labels: Sequence[str], progress: Progress
) -> int:
    """What items are found by; those without events have no place. Returns how many."""
    rows = np.flatnonzero(embeddings.known).astype(np.int32)
    if not len(rows):
        raise InvalidInput("nothing_to_train_on", field="events", value=0)
    ids = [embeddings.item_ids[row] for row in rows.tolist()]
    step = max(1, len(rows) // ASKED)
    index = shop.vectors(ITEMS, asked=embeddings.folding[rows[::step]], progress=progress)
    index.load(version, ids, embeddings.index.vectors_at(rows), labels_of(shop, ids, labels))
    return len(ids)


def labels_of(shop: Shop, ids: Sequence[str], names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """By name, the attribute of each id as text: "" where an item lacks it."""
    if not names:
        return {}
    place = {item_id: at for at, item_id in enumerate(ids)}
    found = {name: [""] * len(ids) for name in names}
    for item in shop.lake.items():
        at = place.get(item.item_id)
        if at is None:
            continue
        for name, column in found.items():
            value = item.attributes.get(name)
            column[at] = "" if value is None else str(value)
    return found


def switch(shop: Shop, kind: str, version: str) -> None:
    """Raises NotFound (unknown_vectors)."""
    shop.vectors(kind).switch(version)


def erase_since(shop: Shop, sequence: int, at: int) -> int:
    """Take out who was erased after ``sequence`` of the lake; how many vectors went."""
    settle(shop, at)
    gone = {e.user_id for e in shop.lake.manifest().erasures if e.sequence > sequence}
    return shop.vectors(USERS).erase(gone) if gone else 0
