"""What the Glue catalogue says of the tables is what the ETL writes, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from endcap.app.outgoing import event_record, submission_record
from endcap.app.stream_answers import Line
from endcap.data.etl.duckdb_engine import DuckDBEngine
from endcap.data.etl.engine import Factorisation
from endcap.data.etl.records import Request
from endcap.data.etl.run import Run
from endcap.data.etl.spark_factors import constants
from endcap.data.etl.storage import LocalStorage
from endcap.data.etl.tables import BY_NAME, FACTORS
from endcap.data.importer import ImportOptions, import_files
from endcap.data.lake import Lake
from endcap.data.sources import Source
from endcap.data.synthetic.generate import generate
from endcap.data.synthetic.plan import Plan
from endcap.domain.values import Event, ScoredItem
from endcap.features.parameters import parameters

CATALOGUE = Path(__file__).parents[2] / "infra" / "modules" / "lake" / "catalogue.json"
BEGIN_S = 1_728_000_000
AS_OF = (BEGIN_S + 9 * 86_400) * 1_000_000
HIVE = {
    pa.string(): "string", pa.int64(): "bigint", pa.int32(): "int", pa.float64(): "double",
    pa.float32(): "float", pa.bool_(): "boolean",
}  # fmt: skip


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    """Tables by name: ``dated``, ``open`` (a shop's own attributes follow), ``columns``."""
    known: dict[str, Any] = json.loads(CATALOGUE.read_text("utf-8"))["tables"]
    return known


@pytest.fixture(scope="module")
def lines() -> dict[str, Any]:
    """Files of JSON lines by name: ``columns``. Athena finds members in small letters."""
    known: dict[str, Any] = json.loads(CATALOGUE.read_text("utf-8"))["lines"]
    return known


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tables of a small shop."""
    root = tmp_path_factory.mktemp("catalogue")
    generate(Plan(users=20, items=100, events=400, days=4, seed=1, start_s=BEGIN_S), root / "files")
    names = {"users": "users", "items": "items", "events": "interactions"}
    sources = [Source(table, str(root / "files" / f"{n}.parquet")) for table, n in names.items()]
    lake = Lake(root / "lake", 256, 1)
    import_files(lake, sources, {}, ImportOptions(AS_OF), lambda _: None)
    engine = DuckDBEngine(lake.root, root / "tables", 256, 1)
    try:
        storage, request = LocalStorage(root / "tables"), Request(at=AS_OF, as_of=AS_OF)
        Run(lake.manifest(), storage, engine, request, parameters(AS_OF), lambda *_: None).run()
    finally:
        engine.close()
    return root / "tables"


def hive(schema: pa.Schema) -> dict[str, str]:
    return {field.name: HIVE[field.type] for field in schema}


def columns(table: Mapping[str, Any]) -> dict[str, str]:
    return {column["name"]: column["type"] for column in table["columns"]}


def test_every_table_of_the_etl_is_in_it(declared: dict[str, Any]) -> None:
    assert set(declared) == set(BY_NAME) | {table.name for table in FACTORS}
    assert {name: t["dated"] for name, t in declared.items()} == {
        table.name: table.dated for table in (*BY_NAME.values(), *FACTORS)
    }


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_columns_are_those_of_the_files(declared: dict[str, Any], tables: Path, name: str) -> None:
    layout = f"{name}/date=*/*.parquet" if BY_NAME[name].dated else f"{name}/*.parquet"
    files = sorted(tables.glob(layout))
    assert files
    for file in files:
        written = hive(pq.read_schema(file))
        if declared[name]["open"]:  # the crawler adds what this shop alone has
            written = {k: v for k, v in written.items() if k in columns(declared[name])}
        assert written == columns(declared[name])


def test_columns_of_factors_are_those_that_spark_writes(declared: dict[str, Any]) -> None:
    said = re.findall(r"AS (BIGINT|DOUBLE)\) AS (\w+)", constants(1, Factorisation()))
    fitted = {name: kind.lower() for kind, name in said}
    assert columns(declared["item_factors"]) == {
        "item_id": "string", "users": "bigint", "factors": "array<float>", **fitted,
    }  # fmt: skip
    assert columns(declared["user_factors"]) == {"user_id": "string", "factors": "array<float>"}


def test_columns_of_raw_events_are_the_members_of_records(lines: dict[str, Any]) -> None:
    event = Event("u1", "p1", "view", AS_OF, "e1", 2.5, "s1", {"place": "home"})
    records = event_record(event)[1], submission_record("u1", AS_OF)[1]
    members = {name.lower() for record in records for name in json.loads(record)}
    assert set(columns(lines["raw_events"])) == members


def test_columns_of_recommendations_are_the_members_of_answers(lines: dict[str, Any]) -> None:
    line = Line("u1", (ScoredItem("p1", 0.5),), "personal", "v1", "now", "r1", "model:late")
    written = {name.lower(): value for name, value in json.loads(msgspec.json.encode(line)).items()}
    declared = columns(lines["recommendations"])
    assert set(declared) == set(written)
    (item,) = written["items"]
    kinds = {str: "string", float: "double"}
    members = ",".join(f"{name}:{kinds[type(value)]}" for name, value in item.items())
    assert declared["items"] == f"array<struct<{members}>>"
    assert {kind for name, kind in declared.items() if name != "items"} == {"string"}
