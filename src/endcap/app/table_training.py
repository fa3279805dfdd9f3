"""Training from the tables of the ETL: a model version without reading the events.

The counting was the ETL's work, on Spark where the events do not fit one machine; what is left
grows with the catalogue alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from endcap.app.lineage import HERE, common
from endcap.app.reloading import CONTENT, EMBEDDINGS, MODELS, RECIPE
from endcap.app.shop import Shop
from endcap.app.training import Progress, drop_old_versions
from endcap.app.versions import promote
from endcap.control import campaigns, solution_versions
from endcap.control.solution_versions import SolutionVersion
from endcap.data.etl.catalogue import Tables, newest
from endcap.data.etl.counted import NEEDED, Counted, Factored, read_counted, read_factored
from endcap.data.training import load_catalogue
from endcap.domain.errors import InvalidInput
from endcap.domain.values import EXCLUDE_NONE, EXCLUDE_PURCHASED, EXCLUDE_SEEN
from endcap.evaluation.results import NOT_JUDGED, Verdict
from endcap.models.content import ContentIndex
from endcap.models.counted import from_counts
from endcap.models.embeddings import Embeddings
from endcap.models.factored import Solving, from_factors
from endcap.models.holdout import REPEATS_MATTER
from endcap.models.recipe import Recipe

UNREAD = "it was made from the tables of the ETL, and the events were not read"


def train_from_tables(
    shop: Shop, at: int, *, progress: Progress, serve: bool = True, force: str = ""
) -> SolutionVersion:
    """Register a version made of ``neighbours`` and, where there are any, of ``item_factors``. It
    serves where nothing does yet, or where ``force`` says why: no gate can judge what was not
    trained here.

    Raises InvalidInput (tables_missing), Damaged (tables_damaged).
    """
    tables = newest(shop.tables)
    for name in NEEDED:
        if not tables.of(name).files:
            raise InvalidInput("tables_missing", field=name, value=shop.tables.url)
    progress("reading the tables", 0.1)
    memory_mb = shop.settings.memory_mb
    counted = read_counted(shop.tables, tables, memory_mb)
    factored = read_factored(shop.tables, tables, counted.item_ids, memory_mb)
    version = solution_versions.reserve(shop.documents, at)
    recipe = recipe_of(counted, shop.settings.seed)
    progress("writing the model", 0.6)
    staged = shop.artifacts.staging(MODELS)
    _write(staged, recipe, shop, counted, factored)
    shop.artifacts.publish(MODELS, version.name, staged)
    made = replace(
        version,
        status="active",
        info=dict(recipe.info),
        gate=Verdict(NOT_JUDGED, UNREAD, "", 0),
        forced=force,
        lineage=_lineage(shop, tables, counted, factored),
    )
    solution_versions.save(shop.documents, made)
    if serve and (force or not campaigns.campaign(shop.documents).version):
        promote(shop, made.name, at)
        drop_old_versions(shop)
    return made


def _write(
    staged: Path, recipe: Recipe, shop: Shop, counted: Counted, factored: Factored | None
) -> None:
    """The folders of a model version, as ``training.write_model`` makes them of events."""
    (staged / RECIPE).mkdir()
    recipe.save(staged / RECIPE)
    if factored is not None:
        (staged / EMBEDDINGS).mkdir()
        embeddings_of(counted, factored, shop.settings.seed).save(staged / EMBEDDINGS)
    catalogue = load_catalogue(shop.lake, counted.item_ids)
    if any(catalogue):
        (staged / CONTENT).mkdir()
        ContentIndex.build(counted.item_ids, catalogue).save(staged / CONTENT)


def embeddings_of(counted: Counted, factored: Factored, seed: int) -> Embeddings:
    """Vectors that shoppers are folded into from their history."""
    solving = Solving(
        factored.shoppers, factored.confidence, factored.penalty, factored.sweeps, factored.seed
    )
    return from_factors(
        counted.item_ids, factored.rows, factored.factors, factored.users, solving, seed
    )


def recipe_of(counted: Counted, seed: int) -> Recipe:
    """What is left out of answers follows the repeats, as in ``models/holdout.py``."""
    rate = counted.repeats / counted.purchases if counted.purchases else 0.0
    policy = EXCLUDE_PURCHASED if counted.purchases else EXCLUDE_SEEN
    facts = {
        "seed": seed,
        "repeat_rate": round(rate, 5),
        "seen_policy": EXCLUDE_NONE if rate >= REPEATS_MATTER else policy,
    }
    return from_counts(
        counted.item_ids, counted.sources, counted.targets, counted.weights, counted.users, facts
    )


def _lineage(
    shop: Shop, tables: Tables, counted: Counted, factored: Factored | None
) -> dict[str, Any]:
    return {
        "tables_version": tables.version,
        "lake_version": tables.lake_version,
        "items": len(counted.item_ids),
        "items_with_factors": 0 if factored is None else len(factored.rows),
        **common(shop, "counted", HERE),
    }
