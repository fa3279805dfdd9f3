"""The whole ETL on a standalone Spark cluster, and the model that one machine makes of it."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from endcap.app.answers import answer
from endcap.app.reloading import EMBEDDINGS, MODELS, RECIPE
from endcap.app.shop import Shop
from endcap.app.table_training import train_from_tables
from endcap.bootstrap import open_shop
from endcap.control import campaigns
from endcap.data.etl.tables import BY_NAME
from endcap.data.lake import Lake
from endcap.data.training import load_interactions
from endcap.domain.times import iso
from endcap.domain.values import EMBEDDING, Query
from endcap.models.embeddings import Embeddings
from endcap.models.item_item import COOCCURRENCE, Family, Room, fit
from endcap.models.pairs import gram, user_items
from endcap.models.recipe import Recipe
from endcap.settings import load_settings

ROOT = Path(__file__).parents[3]
DAY = 86_400_000_000
AS_OF = 20_000 * DAY + 9 * DAY + 5 * 3_600_000_000  # as in conftest.py
TOLERANCE = 1e-9
DIMENSIONS = 12
KEPT = 500  # neighbours of an item

pytestmark = [pytest.mark.server, pytest.mark.timeout(1800)]


class Ran:
    """A shop whose tables a cluster made, and the version that was trained of them."""

    def __init__(self, shop: Shop, tables: Path, record: dict[str, Any], cluster: Any) -> None:
        self.shop, self.tables, self.record, self.cluster = shop, tables, record, cluster
        self.version = train_from_tables(shop, AS_OF, progress=lambda *_: None).name
        self.shop = open_shop(shop.settings)

    def folder(self, part: str) -> Path:
        return self.shop.artifacts.open(MODELS, self.version) / part


@pytest.fixture(scope="module")
def ran(spark_cluster: Any, lakes: dict[str, Lake], tmp_path_factory) -> Iterator[Ran]:
    home = tmp_path_factory.mktemp("cluster-shop")
    settings = load_settings({"ENDCAP_HOME": str(home)})
    shop = open_shop(settings)
    shutil.copytree(lakes["all"].root, shop.lake.root, dirs_exist_ok=True)
    shop.lake.publish(lambda now: replace(now, log_offset=0))  # this shop's log is empty
    words = [
        sys.executable, "-m", "endcap", "--home", home, "etl", "--engine", "spark", "--json",
        "--master", spark_cluster.url, "--python", spark_cluster.python, "--as-of", iso(AS_OF),
        "--factors", DIMENSIONS, "--sweeps", 3,
    ]  # fmt: skip
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, timeout=1200,
        env={**spark_cluster.environment, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stderr[-3000:]}\n{spark_cluster.told()}"
    tables = shop.lake.root.parent / "tables"
    return Ran(shop, tables, json.loads(done.stdout), spark_cluster)


def test_both_workers_took_part(ran: Ran) -> None:
    assert {worker for worker, _ in ran.cluster.executors()} == {"worker-0", "worker-1"}
    assert ran.record["engine"] == "spark"
    assert ran.record["status"] == "done"


def test_rows_are_those_of_duckdb(ran: Ran, etl_of, rows_of, tmp_path, differences) -> None:
    etl_of(ran.shop.lake, tmp_path).run()
    for table in BY_NAME:
        expected = rows_of(tmp_path, table)
        assert expected
        assert differences(expected, rows_of(ran.tables, table))[:3] == [], table


def test_a_users_vector_is_what_the_items_call_for(ran: Ran, fitted_in) -> None:
    fitted = fitted_in(ran.tables)
    assert set(fitted.users) == set(fitted.strengths)
    assert set(fitted.items) == {item for had in fitted.strengths.values() for item in had}
    assert fitted.how["shoppers"] == len(fitted.users) > 100
    for user_id, vector in fitted.users.items():
        assert len(vector) == DIMENSIONS
        np.testing.assert_allclose(vector, fitted.solved(user_id), rtol=1e-3, atol=1e-4)


def test_neighbours_are_those_that_training_counts(ran: Ran, rows_of) -> None:
    data = load_interactions(ran.shop.lake)
    place = {item_id: row for row, item_id in enumerate(data.item_ids)}
    counts = gram(user_items(data, 0.0), 1000, 0, 2**31).tocsr()  # whole numbers
    users = counts.diagonal()
    found = {
        (place[row["item_id"]], place[row["other_id"]]): row["weight"]
        for row in rows_of(ran.tables, "neighbours")
    }
    of_two = counts.tocoo()
    pairs = [(i, j, float(c)) for i, j, c in zip(*of_two.coords, of_two.data, strict=True)]
    expected = {
        (i, j): c / (c + 1) * c / math.sqrt(float(users[i]) * float(users[j]))
        for i, j, c in pairs
        if i != j
    }
    assert len(expected) > 1000
    assert found.keys() == expected.keys()
    assert max(abs(found[pair] - expected[pair]) for pair in expected) <= TOLERANCE


def test_the_model_folder_holds_them(ran: Ran) -> None:
    data = load_interactions(ran.shop.lake)
    recipe = Recipe.load(ran.folder(RECIPE))
    assert list(recipe.item_ids) == list(data.item_ids)
    family = Family(COOCCURRENCE, penalty=1.0, target_exponent=0.5)
    embedded = fit(family, data, Room(2**28, 1, KEPT, 0))
    np.testing.assert_array_equal(recipe.mixture.stack.starts, embedded.starts)
    np.testing.assert_array_equal(recipe.mixture.stack.columns, embedded.columns)
    np.testing.assert_allclose(recipe.mixture.stack.weights, embedded.weights, rtol=1e-6)


def test_the_model_folder_holds_the_vectors(ran: Ran, fitted_in) -> None:
    embeddings, fitted = Embeddings.load(ran.folder(EMBEDDINGS)), fitted_in(ran.tables)
    assert embeddings.known.all()
    for item_id, vector in zip(embeddings.item_ids, embeddings.factors, strict=True):
        np.testing.assert_array_equal(vector, fitted.items[item_id])


def test_a_shopper_folded_in_is_near_their_vector(ran: Ran, fitted_in) -> None:
    embeddings, fitted = Embeddings.load(ran.folder(EMBEDDINGS)), fitted_in(ran.tables)
    place = {item_id: row for row, item_id in enumerate(embeddings.item_ids)}
    alike = []
    for user_id, had in fitted.strengths.items():
        vector = embeddings.folding[[place[item_id] for item_id in had]].sum(axis=0)
        true = fitted.users[user_id]
        alike.append(vector @ true / np.linalg.norm(vector) / np.linalg.norm(true))
    assert np.mean(alike) > 0.9


def test_it_serves(ran: Ran, rows_of) -> None:
    assert campaigns.campaign(ran.shop.documents).version == ran.version
    beside = {}
    for row in rows_of(ran.tables, "neighbours"):
        beside.setdefault(row["item_id"], {})[row["other_id"]] = row["weight"]
    item_id = max(beside, key=lambda name: len(beside[name]))
    related = answer(ran.shop, Query("related", AS_OF, k=5, item_id=item_id))
    assert related.model_version == ran.version
    assert len(related.items) == 5
    for item in related.items:
        assert item.score == pytest.approx(beside[item_id][item.id], rel=1e-3)
    near = answer(ran.shop, Query("related", AS_OF, k=5, item_id=item_id, by=EMBEDDING))
    assert (near.strategy, len(near.items)) == ("embedding", 5)
    user_id = next(user for user in rows_of(ran.tables, "user_factors"))["user_id"]
    personal = answer(ran.shop, Query("personal", AS_OF, k=5, user_id=user_id))
    assert (personal.model_version, len(personal.items)) == (ran.version, 5)
