"""A shop's dataset group with its five recommenders: each answers what its name says, as DuckDB
counts it from the files themselves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]  # a shop is generated and trained
ROLE = "arn:aws:iam::123456789012:role/any"
RECIPES = {
    "you": "aws-ecomm-recommended-for-you",
    "viewed": "aws-ecomm-popular-items-by-views",
    "bought": "aws-ecomm-popular-items-by-purchases",
    "together": "aws-ecomm-frequently-bought-together",
    "also": "aws-ecomm-customers-who-viewed-x-also-viewed",
}
GAP_S = 30 * 60  # purchases of one user further apart are of two baskets


def avro(name: str, *columns: tuple[str, Any]) -> str:
    fields = [{"name": column, "type": kind} for column, kind in columns]
    return json.dumps({"type": "record", "name": name, "fields": fields, "version": "1.0"})


class Store(NamedTuple):
    runtime: Any
    events: Any
    sql: duckdb.DuckDBPyConnection  # with the view ``e``: u, i, kind, ts (s)
    arns: dict[str, str]
    tracking_id: str

    def ids(self, word: str, **given: Any) -> list[str]:
        found = self.runtime.get_recommendations(recommenderArn=self.arns[word], **given)
        return [item["itemId"] for item in found["itemList"]]

    def rows(self, query: str, *given: Any) -> list[tuple[Any, ...]]:
        return self.sql.execute(query, given).fetchall()


@pytest.fixture(scope="module")
def store(
    module_wire: Callable[..., Any],
    do_work: Callable[[Any], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Store:
    folder = tmp_path_factory.mktemp("shop")
    words = ["--users", "150", "--items", "100", "--events", "12000", "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "endcap", "generate", *words], check=True)
    sql = prepared(folder)
    wire = module_wire(None, import_roots=str(folder), solution_search_s=1, describe_wait_s=0)
    control = wire.client()
    group = control.create_dataset_group(name="store", domain="ECOMMERCE")["datasetGroupArn"]
    schemas = {
        "Interactions": avro(
            "Interactions", ("USER_ID", "string"), ("ITEM_ID", "string"), ("EVENT_TYPE", "string"),
            ("TIMESTAMP", "long"),
        ),
        "Items": json.dumps({"type": "record", "name": "Items", "version": "1.0", "fields": [
            {"name": "ITEM_ID", "type": "string"}, {"name": "PRICE", "type": "float"},
            {"name": "CATEGORY_L1", "type": "string", "categorical": True}]}),
    }  # fmt: skip
    for kind, text in schemas.items():
        schema = control.create_schema(name=kind, schema=text, domain="ECOMMERCE")["schemaArn"]
        dataset = control.create_dataset(
            name=kind, schemaArn=schema, datasetGroupArn=group, datasetType=kind
        )["datasetArn"]
        control.create_dataset_import_job(
            jobName=kind, datasetArn=dataset, roleArn=ROLE,
            dataSource={"dataLocation": (folder / f"{kind}.csv").as_uri()},
        )  # fmt: skip
    do_work(wire)
    tracker = control.create_event_tracker(name="t", datasetGroupArn=group)
    arns = {
        word: control.create_recommender(
            name=word, datasetGroupArn=group, recipeArn=f"arn:aws:personalize:::recipe/{recipe}"
        )["recommenderArn"]
        for word, recipe in RECIPES.items()
    }
    do_work(wire)
    for arn in arns.values():
        told = control.describe_recommender(recommenderArn=arn)["recommender"]
        assert told["status"] == "ACTIVE", told.get("failureReason")
    return Store(
        wire.client("personalize-runtime"), wire.client("personalize-events"), sql, arns,
        tracker["trackingId"],
    )  # fmt: skip


def prepared(folder: Path) -> duckdb.DuckDBPyConnection:
    """The generated shop as files that a domain's schemas take."""
    sql = duckdb.connect()
    words = "{'view': 'View', 'purchase': 'Purchase', 'add_to_cart': 'AddToCart'}"
    sql.execute(
        f"CREATE TABLE e AS SELECT USER_ID u, ITEM_ID i, MAP {words}[EVENT_TYPE] kind, "
        f"TIMESTAMP ts FROM '{folder}/interactions.parquet'"
    )
    sql.execute(
        "COPY (SELECT u USER_ID, i ITEM_ID, kind EVENT_TYPE, ts TIMESTAMP FROM e) "
        f"TO '{folder}/Interactions.csv' (HEADER)"
    )
    sql.execute(
        f"COPY (SELECT ITEM_ID, PRICE, DEPARTMENT CATEGORY_L1 FROM '{folder}/items.parquet') "
        f"TO '{folder}/Items.csv' (HEADER)"
    )
    return sql


@pytest.mark.parametrize(("word", "kind"), [("viewed", "View"), ("bought", "Purchase")])
def test_popular_items_are_those_with_most_events(store: Store, word: str, kind: str) -> None:
    counts = dict(store.rows("SELECT i, count(*) FROM e WHERE kind = ? GROUP BY i", kind))
    found = store.ids(word, userId="u0001", numResults=20)
    assert len(found) == 20
    assert [counts[i] for i in found] == sorted(counts.values(), reverse=True)[:20]


def test_bought_together_counts_baskets(store: Store) -> None:
    store.sql.execute(
        f"""CREATE OR REPLACE TEMP VIEW b AS
        SELECT u, i, sum(fresh) OVER (PARTITION BY u ORDER BY ts, i ROWS UNBOUNDED PRECEDING) basket
        FROM (SELECT u, i, ts, CASE WHEN ts - lag(ts) OVER (PARTITION BY u ORDER BY ts, i)
                                    <= {GAP_S} THEN 0 ELSE 1 END fresh
              FROM e WHERE kind = 'Purchase')"""
    )
    pairs = """SELECT y.i, count(DISTINCT (x.u, x.basket)) FROM b x JOIN b y USING (u, basket)
               WHERE x.i = ? AND y.i <> x.i GROUP BY y.i"""
    asked = store.rows("SELECT i FROM e WHERE kind = 'Purchase' GROUP BY i ORDER BY count(*) DESC")
    checked = 0
    for (item,) in asked[:15]:
        counts = dict(store.rows(pairs, item))
        found = store.ids("together", itemId=item, numResults=10)
        assert item not in found
        assert [counts[i] for i in found] == sorted(counts.values(), reverse=True)[:10]
        checked += len(found)
    assert checked > 50


def test_also_viewed_counts_shoppers_and_leaves_out_what_was_bought(store: Store) -> None:
    shared = """SELECT y.i, count(DISTINCT x.u) FROM e x JOIN e y USING (u)
                WHERE x.kind = 'View' AND y.kind = 'View' AND x.i = ? AND y.i <> x.i GROUP BY y.i"""
    items = store.rows("SELECT i FROM e WHERE kind = 'View' GROUP BY i ORDER BY i LIMIT 10")
    users = store.rows("SELECT DISTINCT u FROM e WHERE kind = 'Purchase' ORDER BY u LIMIT 10")
    for (item,), (user,) in zip(items, users, strict=True):
        bought = {
            i for (i,) in store.rows("SELECT i FROM e WHERE u = ? AND kind = 'Purchase'", user)
        }
        counts = {i: n for i, n in store.rows(shared, item) if i not in bought}
        found = store.ids("also", itemId=item, userId=user, numResults=10)
        assert not bought & set(found)
        assert [counts[i] for i in found] == sorted(counts.values(), reverse=True)[:10]


def test_recommended_for_you_leaves_out_what_was_bought_and_follows_clicks(store: Store) -> None:
    users = [u for (u,) in store.rows("SELECT DISTINCT u FROM e ORDER BY u LIMIT 10")]
    lists = {}
    for user in users:
        bought = {
            i for (i,) in store.rows("SELECT i FROM e WHERE u = ? AND kind = 'Purchase'", user)
        }
        lists[user] = store.ids("you", userId=user, numResults=10)
        assert lists[user]
        assert not bought & set(lists[user])
    assert len({tuple(found) for found in lists.values()}) > 5  # of each their own
    first = lists[users[0]][0]
    store.events.put_events(
        trackingId=store.tracking_id, sessionId="s", userId=users[0],
        eventList=[{"eventType": "Purchase", "itemId": first, "sentAt": 1_700_000_000}],
    )  # fmt: skip
    assert first not in store.ids("you", userId=users[0], numResults=10)
