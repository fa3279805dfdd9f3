"""Training: lake → recipe and content index → a registered version → the campaign."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from endcap.app.compaction import settle
from endcap.app.gating import drift_of, judge_version, may_serve
from endcap.app.lineage import HERE, common
from endcap.app.newcomers import train_newcomers
from endcap.app.rankers import RANKERS, train_ranker
from endcap.app.reloading import CONTENT, EMBEDDINGS, MODELS, NEWCOMERS, RECIPE
from endcap.app.shop import Shop
from endcap.app.versions import promote
from endcap.control import campaigns, solution_versions
from endcap.control.solution_versions import RESOURCE, SolutionVersion
from endcap.data.interactions import Interactions
from endcap.data.manifest import Manifest
from endcap.data.training import load_catalogue, load_interactions
from endcap.domain.errors import InvalidInput
from endcap.domain.values import Attributes
from endcap.models.content import ContentIndex
from endcap.models.content_fields import choose_fields
from endcap.models.embeddings import Embeddings
from endcap.models.newcomers import Newcomers
from endcap.models.recipe import Recipe

Progress = Callable[[str, float], None]
Fit = Callable[[], Recipe]
# Fits the recipe, or gives one that was fitted to the same before.
Keep = Callable[[Fit], Recipe]
SEARCH_S = 300.0  # most work of the search for settings, unless the caller says otherwise


def train(
    shop: Shop,
    at: int,
    *,
    progress: Progress,
    budget_s: float | None = SEARCH_S,
    serve: bool = True,
    ranker: bool = True,
    force: str = "",
    lake_version: int | None = None,
) -> SolutionVersion:
    """Train the default recipe on everything the shop knows; register it; serve it, unless the
    gate refuses it.

    ``ranker``: also learn to re-order what the recipe answers. ``force``: the reason to serve
    even what the gate refuses, which the registry keeps. ``lake_version``: learn from the lake as
    it was then.

    Raises InvalidInput (nothing_to_train_on), NotFound (lake_version_gone). A failure leaves a
    version with status "failed" and its reason; what served before goes on serving.
    """
    progress("reading the log", 0.0)
    settle(shop, at)
    source = shop if lake_version is None else as_of(shop, lake_version)
    version = begun(shop, solution_versions.reserve(shop.documents, at), HERE)
    with failing(shop, version):
        version = fit(source, version, progress, budget_s, ranker)
        version = replace(version, forced=force)
    solution_versions.save(shop.documents, version)
    if serve and may_serve(version):
        promote(shop, version.name, at)
        drop_old_versions(shop)
    return version


def as_of(shop: Shop, lake_version: int) -> Shop:
    """The shop with its lake as it was then. Raises NotFound (lake_version_gone)."""
    return dataclasses.replace(shop, lake=shop.lake.at(lake_version))


def begun(shop: Shop, version: SolutionVersion, trained: Mapping[str, Any]) -> SolutionVersion:
    """The version with what is known of it before it is trained: should it fail, that stays."""
    return replace(version, lineage=common(shop, "default", trained))


@contextmanager
def failing(shop: Shop, version: SolutionVersion) -> Iterator[None]:
    """What is raised inside makes the version failed, with its reason."""
    try:
        yield
    except BaseException as error:
        failed = replace(version, status="failed", reason=str(error) or type(error).__name__)
        solution_versions.save(shop.documents, failed)
        raise


def fit(
    shop: Shop,
    version: SolutionVersion,
    progress: Progress,
    budget_s: float | None,
    ranker: bool = True,
    judge: bool = True,
    keep: Keep = lambda fit: fit(),
    trained: Mapping[str, Any] = HERE,
) -> SolutionVersion:
    """``judge``: ask the gate as well; without it the version is trained and not yet active.
    ``trained``: who does this, for the lineage."""
    manifest = shop.lake.manifest()
    progress("reading the lake", 0.0)
    data, catalogue = learnable(shop)
    recipe = keep(lambda: fit_recipe(shop, data, catalogue, budget_s, progress))
    recipe.info["event_types"] = list(data.event_types)  # what its codes mean when it serves
    found = judge_version(shop, recipe, data, progress) if judge else None
    seed = shop.settings.seed
    embeddings = Embeddings.fit(data, seed=seed, progress=about("embeddings", progress))
    newcomers, of_newcomers = train_newcomers(shop, data, progress)
    progress("writing the model", 0.0)
    staged = shop.artifacts.staging(MODELS)
    write_model(staged, recipe, data, catalogue, embeddings, newcomers)
    shop.artifacts.publish(MODELS, version.name, staged)
    info = {**recipe.info, "newcomers": of_newcomers}
    if ranker:
        info["ranker"] = train_ranker(
            shop, version.name, data, catalogue, recipe, budget_s, progress
        )
    metrics = {k: float(v) for k, v in dict(recipe.info.get("held_out", {})).items()}
    status = "active" if judge else "trained"
    made = replace(version, status=status, metrics=metrics, info=info, gate=found)
    return replace(made, lineage=lineage(shop, manifest, data, trained))


def fit_recipe(
    shop: Shop,
    data: Interactions,
    catalogue: list[Attributes],
    budget_s: float | None,
    progress: Progress,
) -> Recipe:
    settings = shop.settings
    return Recipe.fit(
        data, catalogue, seed=settings.seed, threads=settings.cores, budget_s=budget_s,
        progress=progress,
    )  # fmt: skip


def learnable(shop: Shop) -> tuple[Interactions, list[Attributes]]:
    """The events, and the attributes of their items. Raises InvalidInput (nothing_to_train_on)."""
    data = load_interactions(shop.lake)
    if not len(data):
        raise InvalidInput("nothing_to_train_on", field="events", value=0)
    return data, load_catalogue(shop.lake, data.item_ids)


def train_reserved(
    shop: Shop,
    name: str,
    lake_version: int,
    *,
    progress: Progress,
    budget_s: float | None = SEARCH_S,
    ranker: bool = True,
    keep: Keep = lambda fit: fit(),
    trained: Mapping[str, Any] = HERE,
) -> SolutionVersion:
    """Train the version whose name is taken, on the lake as it was then. It is not judged yet:
    ``judge_trained``, then ``register``. Again after a failure: what there is of it is replaced.

    Raises NotFound (unknown_version, lake_version_gone), InvalidInput (nothing_to_train_on).
    """
    version = begun(shop, solution_versions.version(shop.documents, name), trained)
    for kind in (RANKERS, MODELS):
        if name in shop.artifacts.names(kind):
            shop.artifacts.delete(kind, name)
    with failing(shop, version):
        source = as_of(shop, lake_version)
        version = fit(
            source, replace(version, reason=""), progress, budget_s, ranker, judge=False,
            keep=keep, trained=trained,
        )  # fmt: skip
    solution_versions.save(shop.documents, version)
    return version


def judge_trained(shop: Shop, name: str, *, progress: Progress) -> SolutionVersion:
    """Ask the gate about a trained version, over the data that it learnt from. How far these have
    drifted from what the serving version learnt from stands in ``info``.

    Raises NotFound (unknown_version, lake_version_gone), Damaged."""
    version = solution_versions.version(shop.documents, name)
    progress("reading the lake", 0.0)
    data = load_interactions(as_of(shop, int(version.lineage["lake_version"])).lake)
    recipe = Recipe.load(shop.artifacts.open(MODELS, name) / RECIPE)
    info = {**version.info, "drift": drift_of(shop, data)}
    judged = replace(version, gate=judge_version(shop, recipe, data, progress), info=info)
    solution_versions.save(shop.documents, judged)
    return judged


def register(shop: Shop, name: str) -> SolutionVersion:
    """The version is whole and judged. Raises NotFound (unknown_version)."""
    version = replace(solution_versions.version(shop.documents, name), status="active")
    solution_versions.save(shop.documents, version)
    return version


def about(what: str, progress: Progress) -> Progress:
    """``progress`` with a word before each stage."""
    return lambda stage, share: progress(f"{what}: {stage}", share)


def lineage(
    shop: Shop, manifest: Manifest, data: Interactions, trained: Mapping[str, Any]
) -> dict[str, Any]:
    """What a version was made from, and with."""
    return {
        "lake_version": manifest.version,
        "log_offset": manifest.log_offset,
        "events": len(data),
        "users": data.n_users,
        "items": data.n_items,
        "newest_event_us": int(data.ts.max()),
        **common(shop, "default", trained),
    }


def write_model(
    folder: Path,
    recipe: Recipe,
    data: Interactions,
    catalogue: list[Attributes],
    embeddings: Embeddings | None = None,
    newcomers: Newcomers | None = None,
) -> None:
    """A model version: ``recipe/``, ``embeddings/`` and, with a catalogue, ``content/``; where
    they are worth it, ``newcomers/``."""
    if embeddings is not None:
        (folder / EMBEDDINGS).mkdir()
        embeddings.save(folder / EMBEDDINGS)
    if newcomers is not None:
        (folder / NEWCOMERS).mkdir()
        newcomers.save(folder / NEWCOMERS)
    (folder / RECIPE).mkdir()
    recipe.save(folder / RECIPE)
    if any(catalogue):
        (folder / CONTENT).mkdir()
        fields = choose_fields(data, catalogue, int(recipe.info["seed"]))
        ContentIndex.build(data.item_ids, catalogue, fields).save(folder / CONTENT)


def drop_old_versions(shop: Shop) -> None:
    """Delete the files of versions beyond ``keep_versions`` that nothing serves or returns to.
    Those of a resource in the registry go with it alone."""
    current = campaigns.campaign(shop.documents)
    keep = {current.version, *current.history[: shop.settings.keep_versions]}
    owned = {v.name for v in solution_versions.versions(shop.documents) if RESOURCE in v.lineage}
    names = [name for name in shop.artifacts.names(MODELS) if name not in owned]
    for name in names[: -shop.settings.keep_versions]:
        if name not in keep:
            shop.artifacts.delete(RANKERS, name)
            shop.artifacts.delete(MODELS, name)
