"""The job as AWS Glue calls it: the wheel, the script by itself, and Glue's own arguments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from endcap.domain.errors import InvalidInput
from endcap.domain.times import iso
from endcap.domain.values import Event
from endcap.entrypoints.glue import arguments_of, request_of

ROOT = Path(__file__).parents[3]
START = 20_000 * 86_400_000_000
AS_OF = START + 9 * 86_400_000_000
TABLES = "user_features,neighbours"
# What Glue 5 hands over beside the job's own arguments.
OF_GLUE = [
    "--JOB_NAME", "endcap-features", "--JOB_ID", "j_0123", "--JOB_RUN_ID", "jr_0123",
    "--job-bookmark-option", "job-bookmark-disable", "--TempDir", "s3://bucket/temp/",
    "--enable-metrics", "true", "--enable-job-insights", "--additional-python-modules", "a,b",
    "--SECURITY_CONFIGURATION", "",
]  # fmt: skip


def test_arguments_of_glue_are_left_alone() -> None:
    given = arguments_of(
        [*OF_GLUE, "--lake", "s3://a/b", "--output", "s3://a/c", "--tables", "items"]
    )
    assert (given["lake"], given["output"], given["tables"]) == ("s3://a/b", "s3://a/c", "items")
    request = request_of(given, AS_OF)
    assert (request.tables, request.full, request.only) == (("items",), False, False)


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(InvalidInput) as told:
        arguments_of([*OF_GLUE, "--lake", "s3://a/b"])
    assert (told.value.code, told.value.field) == ("job_argument_missing", "--output")


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``infra/glue_package.py`` makes."""
    out = tmp_path_factory.mktemp("glue") / "glue"
    words = ["infra/glue_package.py", "--out", str(out), "--place", "s3://bucket/glue"]
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    return out


@pytest.mark.server
def test_the_package_names_what_the_job_installs(packaged: Path) -> None:
    (wheel,) = packaged.glob("*.whl")
    arguments = json.loads((packaged / "arguments.json").read_text())
    modules = arguments["--additional-python-modules"].split(",")
    assert modules[0] == f"s3://bucket/glue/{wheel.name}"
    lock = (ROOT / "requirements-spark35.lock").read_text()
    assert [name.split("==")[0] for name in modules[1:]] == ["sqlglot", "msgspec"]
    assert all(f"{name} \\" in lock for name in modules[1:])
    names = zipfile.ZipFile(wheel).namelist()
    assert "endcap/data/sql/user_features.sql" in names


@pytest.mark.server
@pytest.mark.timeout(1800)
def test_it_makes_the_rows_of_the_embedded_engine_and_nothing_twice(
    packaged: Path, etl: Any, etl_of: Any, rows_of: Any, differences: Any, tmp_path: Path
) -> None:
    python = ROOT / ".venv-spark35" / "bin" / "python"
    assert python.exists(), "make setup-spark makes the Pythons that this test needs"
    (wheel,) = packaged.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")  # as pip installs a pure wheel
    events = [
        Event(
            f"u{n % 7}",
            f"i{n * n % 11}",
            "purchase" if n % 3 else "view",
            START + n * 10**9,
            f"{n}",
        )
        for n in range(200)
    ]
    etl.lake.append(events, [], [], [], 10)
    etl.run(as_of=AS_OF, tables=tuple(TABLES.split(",")))

    def job() -> dict[str, Any]:
        words = ["--lake", str(etl.lake.root), "--output", str(tmp_path / "tables"),
                 "--tables", TABLES, "--as-of", iso(AS_OF), "--shuffles", "2"]  # fmt: skip
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ENDCAP_", "SPARK_"))}
        surroundings = {
            **kept, "PYTHONPATH": str(tmp_path / "site"), "SPARK_LOCAL_IP": "127.0.0.1",
            # The session is Glue's: the job names no master.
            "PYSPARK_SUBMIT_ARGS": "--master local[2] --driver-memory 768m pyspark-shell",
            "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        }  # fmt: skip
        done = subprocess.run(
            [python, packaged / "glue.py", *OF_GLUE, *words], cwd=tmp_path, env=surroundings,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return record

    first = job()
    for table in TABLES.split(","):
        expected = rows_of(etl.root, table)
        assert expected
        assert differences(expected, rows_of(tmp_path / "tables", table)) == []
    assert sum(made["partitions"] for made in first["tables"]) > 0
    again = job()
    assert sum(made["partitions"] for made in again["tables"]) == 0
