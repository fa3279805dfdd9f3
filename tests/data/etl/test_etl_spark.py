"""Every table on DuckDB and on Spark: the same rows, in local mode.

Spark runs in Pythons of its own (``make setup-spark``), one session for each version.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from endcap.data.etl.tables import BY_NAME, with_inputs
from endcap.data.lake import Lake
from endcap.domain.times import iso
from endcap.domain.values import Event

ROOT = Path(__file__).parents[3]
JOB = Path(__file__).with_name("spark_job.py")
DAY = 86_400_000_000
START = 20_000 * DAY
AS_OF = START + 9 * DAY + 5 * 3_600_000_000  # as in conftest.py
ONLY = ("user_features", "user_product_features", "product_features", "neighbours")
LATER = ("events", "sessions", "user_features")  # made again after the lake went on

pytestmark = [pytest.mark.server, pytest.mark.timeout(1800)]


def python_of(spark: str) -> Path:
    found = ROOT / f".venv-spark{spark}" / "bin" / "python"
    assert found.exists(), "make setup-spark makes the Pythons that these tests need"
    return found


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ENDCAP_", "SPARK_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT / "src"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        # Small data: compiling for speed would take most of the time.
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }


def jobs(spark: str, lakes: dict[str, Lake], root: Path) -> list[dict[str, str]]:
    """The whole shop, some tables after it went on, and some tables alone. Spark 3.5 goes through
    Hadoop's files."""
    scheme = "file://" if spark == "35" else ""
    shared = {"output": f"{scheme}{root / 'tables'}", "as-of": iso(AS_OF)}
    first = {"lake": f"{scheme}{lakes['all'].root}", **shared}
    later = {**shared, "lake": f"{scheme}{lakes['later'].root}", "tables": ",".join(LATER)}
    only = {"output": f"{scheme}{root / 'only'}", "only": "true", "tables": ",".join(ONLY)}
    return [first, later, {**first, **only}]


@pytest.fixture(scope="module")
def both(lakes: dict[str, Lake]) -> dict[str, Lake]:
    """The lake of all shops, and the same after a late event."""
    later = Lake(lakes["all"].root.parent / "later", 256, 1)
    shutil.copytree(lakes["all"].root, later.root, dirs_exist_ok=True)
    late = [Event("日本", "a", "view", START + 2 * DAY + 7, "very late")]
    later.append(late, [], [], [], later.manifest().log_offset + 10)
    return {"all": lakes["all"], "later": later}


class Ran:
    """What one session made, and the tables that DuckDB makes of the same lakes."""

    def __init__(self, root: Path, records: list[dict[str, Any]]) -> None:
        self.root, self.records = root, records


@pytest.fixture(scope="module", params=["35", "4"])
def ran(request, both, tmp_path_factory) -> Ran:
    spark = request.param
    root = tmp_path_factory.mktemp(f"spark{spark}")
    plan = {"jobs": jobs(spark, both, root)}
    return Ran(root, run(spark, {**plan, "master": "local[2]"}))


def run(spark: str, plan: dict[str, Any]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [python_of(spark), JOB], input=json.dumps(plan), env=environment(), check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def duckdb_tables(both, tmp_path_factory, etl_of) -> dict[str, Path]:
    roots = {name: tmp_path_factory.mktemp(f"duckdb-{name}") for name in both}
    for name, lake in both.items():
        etl_of(lake, roots[name]).run()
    return roots


def test_rows_are_the_same(ran: Ran, duckdb_tables, rows_of, differences) -> None:
    again = {table.name for table in with_inputs(LATER)}
    for table in BY_NAME:
        expected = rows_of(duckdb_tables["later" if table in again else "all"], table)
        assert expected
        assert differences(expected, rows_of(ran.root / "tables", table))[:3] == [], table


def test_only_the_named_tables_are_written(ran: Ran, duckdb_tables, rows_of, differences) -> None:
    assert {path.parent.name for path in (ran.root / "only").rglob("*.parquet")} == set(ONLY)
    for table in ONLY:
        expected = rows_of(duckdb_tables["all"], table)
        assert differences(expected, rows_of(ran.root / "only", table))[:3] == [], table


def test_only_what_changed_is_made_anew(ran: Ran) -> None:
    made = {m["table"]: (m["partitions"], m["partitions_kept"]) for m in ran.records[1]["tables"]}
    touched, kept = made["events"]
    assert touched == 1
    assert kept > 10
    assert made["sessions"] == made["events"]


def test_a_date_is_one_file(ran: Ran) -> None:
    for folder in (ran.root / "tables" / "sessions").iterdir():
        assert len(list(folder.glob("*.parquet"))) == 1


def test_a_difference_is_seen(differences) -> None:
    rows = [{"k": "a", "x": 1.0}, {"k": "b", "x": None}]
    assert differences(rows, [{"k": "b", "x": None}, {"k": "a", "x": 1.0 + 1e-12}]) == []
    assert differences(rows, [{"k": "a", "x": 1.0 + 1e-7}, {"k": "b", "x": None}])
    assert differences(rows, [{"k": "a", "x": 1.0}, {"k": "b", "x": 0.0}])
    assert differences(rows, rows[:1])
