"""A model made of the ETL's tables: the neighbours that training counts, and it serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from msgspec.structs import replace

from endcap.app.answers import answer
from endcap.app.etl import make_tables
from endcap.app.gating import serving_recipe
from endcap.app.reloading import EMBEDDINGS, MODELS, RECIPE
from endcap.app.table_training import train_from_tables
from endcap.control import campaigns
from endcap.data.etl.catalogue import TableFile, TableState, newest, publish
from endcap.data.etl.engine import Factorisation
from endcap.data.etl.records import Request
from endcap.data.training import load_interactions
from endcap.domain.errors import InvalidInput
from endcap.domain.values import EMBEDDING, Query
from endcap.models.embeddings import Embeddings
from endcap.models.holdout import seen_policy
from endcap.models.item_item import COOCCURRENCE, Family, Room, fit
from endcap.models.neighbours import to_matrix
from endcap.models.recipe import Recipe

Board = Any  # tests/conftest.py


def nothing(stage: str, share: float) -> None:
    """Progress that nobody watches."""


@pytest.fixture
def counted(board: Board) -> Board:
    """The checkerboard shop, which serves v0001, and the tables of it."""
    make_tables(board.shop, Request(board.at + 1, board.at + 1), nothing)
    return board


def trained(board: Board, **options: Any) -> tuple[Any, Recipe]:
    version = train_from_tables(board.shop, board.at, progress=nothing, **options)
    return version, Recipe.load(board.shop.artifacts.open(MODELS, version.name) / RECIPE)


def test_neighbours_are_those_that_training_finds(counted: Board) -> None:
    _, recipe = trained(counted)
    data = load_interactions(counted.shop.lake)
    assert list(recipe.item_ids) == list(data.item_ids)
    family = Family(COOCCURRENCE, penalty=1.0, target_exponent=0.5)
    embedded = fit(family, data, Room(2**28, 1, 500, 0))
    difference = to_matrix(recipe.mixture.stack, data.n_items) - to_matrix(embedded, data.n_items)
    assert len(embedded.columns) > 100
    assert abs(difference).max() < 1e-6
    np.testing.assert_array_equal(recipe.mixture.stack.columns, embedded.columns)


def test_it_serves(counted: Board) -> None:
    version, _ = trained(counted, force="it counted more")
    counted.reopen()
    counted.post(("new", "black-0", "view"))
    found = answer(counted.shop, Query("personal", counted.at, k=5, user_id="new"))
    assert found.model_version == version.name
    assert {item.id.split("-")[0] for item in found.items} == {"black"}


def test_it_serves_at_once_where_nothing_does(empty_board: Board) -> None:
    for shopper in "abc":
        empty_board.post((shopper, "x", "view"), (shopper, "y", "view"))
    make_tables(empty_board.shop, Request(empty_board.at + 1, empty_board.at + 1), nothing)
    version, recipe = trained(empty_board)
    assert campaigns.campaign(empty_board.shop.documents).version == version.name
    assert recipe.mixture.stack.weights == pytest.approx([3 / 4, 3 / 4])  # 3 / (3 + 1) · 3 / √(3·3)


def test_it_says_what_it_is(counted: Board) -> None:
    version, recipe = trained(counted)
    assert (version.status, version.gate.outcome) == ("active", "not judged")
    rate, policy = seen_policy(load_interactions(counted.shop.lake))
    assert recipe.info["seen_policy"] == policy
    assert recipe.info["repeat_rate"] == pytest.approx(rate, abs=1e-5)
    assert version.lineage["items"] == len(recipe.item_ids)


def test_what_serves_stays_unless_it_is_forced(counted: Board) -> None:
    made, _ = trained(counted)
    assert campaigns.campaign(counted.shop.documents).version == "v0001" != made.name


def test_a_later_training_is_compared_with_it(counted: Board) -> None:
    made, recipe = trained(counted, force="it counted more")
    name, found = serving_recipe(counted.shop)
    assert (name, found.info) == (made.name, recipe.info)
    data = load_interactions(counted.shop.lake)
    again = recipe.refitted(data)
    np.testing.assert_array_equal(again.mixture.stack.columns, recipe.mixture.stack.columns)
    np.testing.assert_allclose(again.mixture.stack.weights, recipe.mixture.stack.weights, 1e-6)


def add_factors(board: Board, vectors: dict[str, list[float]]) -> None:
    """As Spark writes them."""
    root = board.shop.tables.root
    (root / "item_factors").mkdir()
    listed = ", ".join(f"('{item}', 30, {vector}::FLOAT[])" for item, vector in vectors.items())
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT *, 60 AS shoppers, 10.0::DOUBLE AS confidence, 0.1::DOUBLE AS penalty, "
            f"10 AS sweeps, 5 AS seed FROM (VALUES {listed}) t(item_id, users, factors)) "
            f"TO '{root}/item_factors/1.parquet' (FORMAT parquet)"
        )
    storage = board.shop.tables
    before = newest(storage)
    state = TableState((TableFile("item_factors/1.parquet", len(vectors), 1),))
    publish(storage, before, replace(before, tables={**before.tables, "item_factors": state}))


def test_vectors_that_spark_fitted_are_its_embeddings(counted: Board) -> None:
    ids = [f"{colour}-{n}" for colour in ("white", "black") for n in range(12)]
    vectors = {
        name: [1.0, 0.1 + n / 100] if name.startswith("black") else [0.1, 1.0 + n / 100]
        for n, name in enumerate(ids)
        if name != "black-3"
    }
    add_factors(counted, {**vectors, "gone": [1.0, 1.0]})
    version, recipe = trained(counted, force="the vectors are Spark's")
    embeddings = Embeddings.load(counted.shop.artifacts.open(MODELS, version.name) / EMBEDDINGS)
    assert list(embeddings.item_ids) == list(recipe.item_ids)
    assert embeddings.info["solving"]["shoppers"] == 60
    lacking = list(recipe.item_ids).index("black-3")
    assert np.flatnonzero(~embeddings.known).tolist() == [lacking]
    assert version.lineage["items_with_factors"] == 23
    counted.reopen()
    near = answer(counted.shop, Query("related", counted.at, k=5, item_id="black-0", by=EMBEDDING))
    assert (near.strategy, near.model_version) == ("embedding", version.name)
    assert {item.id.split("-")[0] for item in near.items} == {"black"}
    assert "black-3" not in [item.id for item in near.items]


def test_vectors_go_with_the_events_they_were_fitted_to(counted: Board) -> None:
    add_factors(counted, {"black-0": [1.0, 0.0]})
    make_tables(counted.shop, Request(counted.at + 1, counted.at + 1), nothing)
    storage = counted.shop.tables
    assert newest(storage).of("item_factors").files
    counted.post(("new", "black-0", "view"))
    make_tables(counted.shop, Request(counted.at + 1, counted.at + 1), nothing)
    assert not newest(storage).of("item_factors").files
    assert storage.names("item_factors") == []


def test_factors_ask_for_spark(counted: Board) -> None:
    asked = Request(counted.at + 1, counted.at + 1, factors=Factorisation(dimensions=8))
    with pytest.raises(InvalidInput) as failure:
        make_tables(counted.shop, asked, nothing)
    assert (failure.value.code, failure.value.field) == ("factors_need_spark", "--factors")


def test_without_tables_it_says_what_is_missing(empty_board: Board) -> None:
    with pytest.raises(InvalidInput) as failure:
        train_from_tables(empty_board.shop, empty_board.at, progress=nothing)
    assert (failure.value.code, failure.value.field) == ("tables_missing", "neighbours")


@pytest.mark.server
def test_the_commands_make_tables_and_a_model(counted: Board, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "endcap", "--home", str(counted.home), *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    made = run("etl", "--as-of", "2026-01-31")
    assert made.returncode == 0, made.stderr
    assert "user_product_features" in made.stdout
    told = run("train", "--from-tables").stdout
    assert told == "v0002 is registered; to serve it: endcap rollback v0002\n"
    missing = run("etl", "--engine", "spark", "--master", "spark://127.0.0.1:1")
    assert missing.returncode in (1, 2)
    assert missing.stderr.startswith("error: ")
    assert missing.stderr.count("\n") == 1
