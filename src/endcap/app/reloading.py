"""Taking up a new snapshot or model version without dropping a request.

``prepare`` builds the next ``Live`` beside the one that serves (in a thread of a worker), then
``take_up`` catches up and swaps. A damaged version is refused and the old one goes on serving.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from endcap.app.rankers import load_ranker
from endcap.app.shop import SNAPSHOT, Shop
from endcap.control.campaigns import campaign
from endcap.domain.errors import Damaged, EndcapError, NotFound
from endcap.engine.moment import Live, live
from endcap.engine.serving import UNTRAINED, Serving, bind
from endcap.engine.snapshot_folder import Snapshot
from endcap.engine.state import LiveState, StateLimits
from endcap.models.content import ContentIndex
from endcap.models.embeddings import Embeddings
from endcap.models.newcomers import Newcomers
from endcap.models.ranker import Ranker
from endcap.models.recipe import Recipe
from endcap.ports import Artifacts, Documents, EventLog

MODELS, SNAPSHOTS = "models", "snapshots"
POINTERS = "pointer"
# Folders of a model version.
RECIPE, CONTENT, EMBEDDINGS, NEWCOMERS = "recipe", "content", "embeddings", "newcomers"
TALLIES = "tallies"  # of a version that holds counts and nothing else


@dataclass(frozen=True)
class Loaded:
    """``failures`` name what was damaged, and what serves instead. ``lacking`` is the code of
    why no model at all serves, though one was trained."""

    live: Live
    failures: tuple[EndcapError, ...] = ()
    lacking: str = ""


def load(
    log: EventLog,
    documents: Documents,
    artifacts: Artifacts,
    limits: StateLimits,
    held: Serving = UNTRAINED,
) -> Loaded:
    """Newest sound snapshot + tail of the log + the promoted model (or the one before it).

    ``held``: what serves now; its models are bound anew instead of being opened again.
    """
    state, failures = load_state(log, documents, artifacts, limits)
    serving, more = load_serving(documents, artifacts, state, held)
    lacking = more[0].code if more and not serving.version else ""
    return Loaded(live(state, serving), (*failures, *more), lacking)


def load_published(documents: Documents, artifacts: Artifacts, limits: StateLimits) -> Loaded:
    """As ``load``, without a log: the state is the snapshot's. Items that the model knows and the
    snapshot does not may be answered too, where there is no catalogue."""
    state, failures = load_state(None, documents, artifacts, limits)
    serving, more = load_serving(documents, artifacts, state)
    if serving.recipe is not None and (serving.to_row < 0).any():
        for item_id in serving.recipe.item_ids:
            state.items.add(item_id)
        serving = rebind(serving, state)
    lacking = more[0].code if more and not serving.version else ""
    return Loaded(live(state, serving), (*failures, *more), lacking)


def load_state(
    log: EventLog | None, documents: Documents, artifacts: Artifacts, limits: StateLimits
) -> tuple[LiveState, tuple[EndcapError, ...]]:
    failures: list[EndcapError] = []
    for name in snapshot_names(documents, artifacts):
        try:
            snapshot = Snapshot.open(artifacts.open(SNAPSHOTS, name))
            return replay(log, LiveState(snapshot, limits)), tuple(failures)
        except (Damaged, NotFound) as error:
            failures.append(error)
    if (
        failures and log is not None and log.trim(0) > 0
    ):  # the log no longer reaches back to its beginning
        raise failures[0]
    return replay(log, LiveState(None, limits)), tuple(failures)


def snapshot_names(documents: Documents, artifacts: Artifacts) -> Iterator[str]:
    """The published pointer first, then older snapshots, newest first."""
    pointer = documents.get(POINTERS, SNAPSHOT)
    if pointer is None:
        return
    current = str(pointer.body["name"])
    yield current
    yield from (name for name in reversed(artifacts.names(SNAPSHOTS)) if name < current)


def replay(log: EventLog | None, state: LiveState) -> LiveState:
    for end, payload in log.read(state.offset) if log is not None else ():
        state.fold(payload, end)
    return state


def load_serving(
    documents: Documents, artifacts: Artifacts, state: LiveState, held: Serving = UNTRAINED
) -> tuple[Serving, tuple[EndcapError, ...]]:
    """The campaign's version; when it is damaged, the newest sound one served before, and when
    there is none, what is held."""
    current = campaign(documents)
    failures: list[EndcapError] = []
    for version in (current.version, *current.history):
        if version and version == held.version:
            return rebind(held, state), tuple(failures)
        try:
            if version:
                ranker, faults = load_ranker(artifacts, version)
                return load_version(artifacts, version, state, ranker), (*failures, *faults)
        except (Damaged, NotFound) as error:
            failures.append(error)
    return rebind(held, state), tuple(failures)


def rebind(held: Serving, state: LiveState) -> Serving:
    """The same models, tied to the rows of another state."""
    if held.recipe is None:
        return held
    return bind(
        held.version, held.recipe, held.content, state.items, held.ranker, held.embeddings,
        held.newcomers,
    )  # fmt: skip


def load_version(
    artifacts: Artifacts, version: str, state: LiveState, ranker: Ranker | None = None
) -> Serving:
    """Raises Damaged, NotFound."""
    folder = artifacts.open(MODELS, version)
    content = ContentIndex.load(folder / CONTENT) if (folder / CONTENT).is_dir() else None
    recipe, embeddings = load_recipe(folder), None
    if (folder / EMBEDDINGS).is_dir():
        embeddings = Embeddings.load(folder / EMBEDDINGS)
        if len(embeddings.item_ids) != len(recipe.item_ids):
            raise Damaged(
                "embeddings_unreadable", value=str(folder), reason="of other items than the recipe"
            )
    newcomers = None
    if (folder / NEWCOMERS).is_dir():
        newcomers = Newcomers.load(folder / NEWCOMERS, len(recipe.item_ids))
    return bind(version, recipe, content, state.items, ranker, embeddings, newcomers)


def load_recipe(folder: Path) -> Recipe:
    return Recipe.load(folder / RECIPE)


def prepare(shop: Shop) -> Loaded:
    """Safe in another thread: touches nothing that the serving thread changes."""
    held = shop.now.serving
    return load(shop.log, shop.documents, shop.artifacts, shop.limits, held)


def take_up(shop: Shop, loaded: Loaded) -> None:
    """Swap, on the serving thread: from here on every answer comes from the new ``Live``."""
    shop.now, shop.lacking = loaded.live, loaded.lacking
    shop.refresh()
    for failure in loaded.failures:
        shop.telemetry.count("load_failures_total", code=failure.code)


def reload(shop: Shop) -> Loaded:
    """Prepare and take up at once: for commands and the keeper, which answer nobody meanwhile."""
    shop.moved.clear()
    loaded = prepare(shop)
    take_up(shop, loaded)
    return loaded
