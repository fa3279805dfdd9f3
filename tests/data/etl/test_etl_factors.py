"""Vectors of items and users by alternating least squares on Spark, in local mode."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.data.etl.catalogue import newest
from endcap.data.etl.storage import LocalStorage
from endcap.data.lake import Lake
from endcap.domain.times import iso

ROOT = Path(__file__).parents[3]
JOB = Path(__file__).with_name("spark_job.py")
AS_OF = 20_009 * 86_400_000_000 + 5 * 3_600_000_000  # as in conftest.py
FACTORS = {"factors": "8", "sweeps": "2", "confidence": "5", "penalty": "0.2", "seed": "3"}

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


class Ran:
    def __init__(self, root: Path, records: list[dict[str, Any]]) -> None:
        self.root, self.records = root, records


@pytest.fixture(scope="module")
def ran(lakes: dict[str, Lake], tmp_path_factory) -> Ran:
    """One session of Spark 3.5: the same shop into two folders and the second once more, without
    factors too; with another seed; a shop that goes on without factors; one without events."""
    python = ROOT / ".venv-spark35/bin/python"
    assert python.exists(), "make setup-spark makes the Python that this test needs"
    root = tmp_path_factory.mktemp("factors")
    empty = Lake(root / "empty", 256, 1)

    def job(lake: Lake, output: str, **more: str) -> dict[str, str]:
        place = {"lake": str(lake.root), "output": str(root / output)}
        return {**place, "as-of": iso(AS_OF), "tables": "events", **more}

    generated = lakes["generated"]
    jobs = [
        job(generated, "one", **FACTORS), job(generated, "two", **FACTORS),
        job(generated, "two", **FACTORS), job(generated, "two"),
        job(generated, "three", **{**FACTORS, "seed": "4"}),
        job(lakes["invoices"], "four", **FACTORS), job(lakes["all"], "four"),
        job(empty, "none", **FACTORS),
    ]  # fmt: skip
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ENDCAP_", "SPARK_"))}
    done = subprocess.run(
        [python, JOB], input=json.dumps({"master": "local[2]", "jobs": jobs}), check=False,
        capture_output=True, text=True,
        env={**kept, "PYTHONPATH": str(ROOT / "src"), "SPARK_LOCAL_IP": "127.0.0.1",
             "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return Ran(root, [json.loads(line) for line in lines])


def vectors(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    return {row["item_id"]: row["factors"] for row in rows}


def test_a_users_vector_is_what_the_items_call_for(ran: Ran, fitted_in) -> None:
    fitted = fitted_in(ran.root / "two")
    assert (fitted.how["confidence"], fitted.how["penalty"], fitted.how["seed"]) == (5, 0.2, 3)
    for user_id, vector in fitted.users.items():
        np.testing.assert_allclose(vector, fitted.solved(user_id), rtol=1e-3, atol=1e-4)


def test_the_same_seed_gives_the_same_vectors_and_another_gives_others(ran: Ran, rows_of) -> None:
    one, two, three = (
        vectors(rows_of(ran.root / name, "item_factors")) for name in ("one", "two", "three")
    )
    assert len(one) > 50
    assert one == two
    assert one.keys() == three.keys()
    assert one != three


def test_what_is_there_is_not_fitted_again(ran: Ran) -> None:
    again, without = ({m["table"]: m["partitions"] for m in r["tables"]} for r in ran.records[2:4])
    assert again == {"events": 0, "item_factors": 0, "user_factors": 0}
    assert without == {"events": 0}
    assert newest(LocalStorage(ran.root / "two")).of("item_factors").files


def test_factors_go_with_the_events_they_were_fitted_to(ran: Ran) -> None:
    assert {m["table"] for m in ran.records[5]["tables"]} > {"item_factors", "user_factors"}
    assert not newest(LocalStorage(ran.root / "four")).of("user_factors").files
    assert list((ran.root / "four").glob("*_factors/*.parquet")) == []


def test_a_shop_without_events_has_no_factors(ran: Ran) -> None:
    assert newest(LocalStorage(ran.root / "none")).of("item_factors").rows == 0
