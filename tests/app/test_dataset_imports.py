"""Import jobs: files into a dataset, by its schema, as a job of the control plane does it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from endcap.adapters.remote_files import drop_fetched, fetched
from endcap.app.answers import answer
from endcap.control.registry.datasets import INTERACTIONS, ITEMS, USERS
from endcap.control.registry.imports import FULL, INCREMENTAL
from endcap.control.registry.resource import CREATE, Work
from endcap.control.registry.statuses import ACTIVE, FAILED
from endcap.domain.values import Query

NOW = 1_700_000_000_000_000


def test_interactions_of_a_file_count_in_the_next_answer(plane: Any) -> None:
    lines = [f"u{n},i{n % 3},{1_600_000_000 + n},View,,web|app" for n in range(30)]
    header = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE,DEVICE"
    done = plane.bring(INTERACTIONS, plane.write("events.csv", header, *lines, "u1,i1,,View,,"))
    assert (done.status, done.failure_reason) == (ACTIVE, "")
    assert (done.rows, done.refused) == (30, 1)
    first = plane.rows("events")[0]
    assert first["event_type"] == "view"
    assert first["ts"] % 1_000_000 == 0
    assert json.loads(first["attributes"]) == {"device": ["web", "app"]}
    found = answer(plane.shop(), Query(surface="popular", at=NOW, k=5))
    assert {item.id for item in found.items} == {"i0", "i1", "i2"}


def test_event_types_stay_the_clients_own_words_but_for_the_three_known(plane: Any) -> None:
    header = "user_id,item_id,timestamp,event_type"
    lines = ["u,a,1600000000,Watch", "u,b,1600000001,AddToCart", "u,c,1600000002,"]
    assert plane.bring(INTERACTIONS, plane.write("e.csv", header, *lines)).status == ACTIVE
    types = {row["item_id"]: row["event_type"] for row in plane.rows("events")}
    assert types == {"a": "Watch", "b": "add_to_cart", "c": "view"}


def test_items_have_the_types_that_the_schema_says(plane: Any) -> None:
    where = plane.write(
        "items.csv",
        "PAGES,ITEM_ID,GENRES,PRICE,CREATION_TIMESTAMP,EXTRA",
        "10,a,Comedy|Drama,1,1600000000,x",
        "20,b,Comedy,,,y",
        "many,c,Drama,2.5,1600000000,z",
        ",d,Drama,2.5,1600000000,z",
    )
    done = plane.bring(ITEMS, where)
    assert (done.status, done.rows, done.refused) == (ACTIVE, 2, 2)
    assert plane.rows("items") == [
        {"item_id": "a", "pages": 10, "genres": ["Comedy", "Drama"], "price": 1.0,
         "created": 1_600_000_000_000_000},
        {"item_id": "b", "pages": 20, "genres": ["Comedy"], "price": None, "created": None},
    ]  # fmt: skip


def test_parquet_gives_the_same_as_csv(plane: Any) -> None:
    table = pa.table(
        {
            "USER_ID": ["u1", "u2", "u3"],
            "AGE": pa.array([30, None, 31], pa.int32()),
            "MEMBER": [True, False, None],
        }
    )
    pq.write_table(table, plane.roots / "users.parquet")
    done = plane.bring(USERS, f"file://{plane.roots}/users.parquet")
    assert (done.status, done.rows, done.refused) == (ACTIVE, 2, 1)
    assert plane.rows("users") == [
        {"user_id": "u1", "age": 30, "member": True},
        {"user_id": "u3", "age": 31, "member": None},
    ]


def test_full_replaces_what_imports_brought_and_incremental_adds(plane: Any) -> None:
    header = "USER_ID,ITEM_ID,TIMESTAMP"
    one = plane.write("one.csv", header, "u,a,1600000000", "u,b,1600000001")
    two = plane.write("two.csv", header, "u,b,1600000001", "u,c,1600000002")
    plane.bring(INTERACTIONS, one)
    plane.bring(INTERACTIONS, two, INCREMENTAL)
    assert [row["item_id"] for row in plane.rows("events")] == ["a", "b", "c"]
    plane.bring(INTERACTIONS, two, FULL)
    assert [row["item_id"] for row in plane.rows("events")] == ["b", "c"]
    found = answer(plane.shop(), Query(surface="popular", at=NOW, k=5))
    assert {item.id for item in found.items} == {"b", "c"}


def test_all_files_of_a_folder_go_in(plane: Any) -> None:
    header = "USER_ID,AGE"
    plane.write("people/part-1.csv", header, "a,1")
    plane.write("people/part-2.csv", header, "b,2")
    done = plane.bring(USERS, f"file://{plane.roots}/people/")
    assert (done.status, done.rows) == (ACTIVE, 2)


BAD: Mapping[str, tuple[str, list[str], str]] = {
    "mostly bad": (
        INTERACTIONS,
        ["USER_ID,ITEM_ID,TIMESTAMP", "u,i,soon", "u,,1600000000", "u,i,1600000000"],
        "2 of 3 rows",
    ),
    "line and column": (
        INTERACTIONS,
        ["USER_ID,ITEM_ID,TIMESTAMP", "secret,i,soon"],
        "bad.csv line 2, column TIMESTAMP: not a whole number",
    ),
    "column": (INTERACTIONS, ["USER_ID,THING,TIMESTAMP", "u,i,1600000000"], "no column ITEM_ID"),
    "no rows": (USERS, ["USER_ID,AGE"], "no rows"),
    "id": (INTERACTIONS, ["USER_ID,ITEM_ID,TIMESTAMP", f"{'x' * 300},i,1"], "id too long"),
    "json": (USERS, ['{"USER_ID": "u", "AGE": 3}'], "takes CSV"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_a_file_is_the_failure_reason(plane: Any, case: str) -> None:
    kind, lines, reason = BAD[case]
    name = "bad.json" if case == "json" else "bad.csv"
    done = plane.bring(kind, plane.write(name, *lines))
    assert done.status == FAILED
    assert reason in done.failure_reason
    assert "secret" not in done.failure_reason
    assert plane.rows("events") == []


def test_only_files_below_the_import_roots_are_read(plane: Any) -> None:
    outside = plane.home / "outside.csv"
    outside.write_text("USER_ID,AGE\nu,1\n")
    (plane.roots / "link.csv").symlink_to(outside)
    (plane.roots / "folder").mkdir()
    (plane.roots / "folder" / "link.csv").symlink_to(outside)
    roots = f"file://{plane.roots}"
    for location in (f"file://{outside}", f"{roots}/../outside.csv", f"{roots}/link.csv",
                     f"{roots}/folder", f"{roots}/%2e%2e/outside.csv"):  # fmt: skip
        done = plane.bring(USERS, location)
        assert done.status == FAILED, location
        assert "ENDCAP_IMPORT_ROOTS" in done.failure_reason
    assert "there is no file" in plane.bring(USERS, f"{roots}/nothing.csv").failure_reason
    assert "must be s3:" in plane.bring(USERS, "https://example.com/a").failure_reason


def test_a_job_that_was_done_before_changes_nothing(plane: Any) -> None:
    where = plane.write("users.csv", "USER_ID,AGE", "a,1")
    arn = plane.ask(USERS, where)
    plane.done(arn)
    version = plane.shop().lake.manifest().version
    plane.registry.ask(Work(arn, CREATE, NOW))  # it was killed before it said that it is done
    os.truncate(plane.roots / "users.csv", 0)
    assert plane.done(arn).status == ACTIVE
    assert plane.shop().lake.manifest().version == version
    assert plane.registry.works() == []


@pytest.mark.server
def test_files_below_a_prefix_of_a_bucket_go_in(plane: Any, aws: Any, s3_url: str) -> None:
    plane.means = plane.means._replace(fetch=fetched, drop=drop_fetched)
    bucket, _, prefix = s3_url.removeprefix("s3://").partition("/")
    for name, line in (("a.csv", "a,1"), ("b.csv", "b,2")):
        body = f"USER_ID,AGE\n{line}\n".encode()
        aws.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/people/{name}", Body=body)
    done = plane.bring(USERS, f"{s3_url}/people/")
    assert (done.status, done.rows) == (ACTIVE, 2)
    done = plane.bring(USERS, f"{s3_url}/people/b.csv")
    assert (done.status, done.rows) == (ACTIVE, 1)
    assert [row["user_id"] for row in plane.rows("users")] == ["b"]
    assert "nothing" in plane.bring(USERS, f"{s3_url}/nothing").failure_reason
    assert list((plane.shop().lake.root / "staging").iterdir()) == []
