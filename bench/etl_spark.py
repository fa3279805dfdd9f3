"""Online Retail through both engines of the ETL: every table compared, and the time of each.

    python bench/etl_spark.py --data FOLDER --spark .venv-spark4/bin/python

FOLDER holds online_retail.parquet (UCI Online Retail, whole). It goes in through ``endcap import``;
then ``endcap etl`` makes all tables in DuckDB and on Spark (``--master``, a local session unless it
is told), and vectors on Spark. Rows are matched by all columns that hold no fractions; a number
differs beyond a relative 1e-9. Exits with 1 where a row does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

from endcap.data.etl.catalogue import newest
from endcap.data.etl.storage import LocalStorage
from endcap.data.etl.tables import BY_NAME

ROOT = Path(__file__).parents[1]
AS_OF = "2011-12-10"  # the day after the last invoice
TOLERANCE = 1e-9
COLUMNS = ("user_id=CustomerID", "item_id=StockCode", "timestamp=InvoiceDate", "value=Quantity")


def endcap(home: Path, *words: Any) -> dict[str, Any]:
    """What a command prints as JSON, and the seconds of the clock and of the processor it took."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "endcap", *map(str, words), "--json"], text=True, check=False,
        capture_output=True,
        env={**os.environ, "ENDCAP_HOME": str(home), "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"endcap {words[0]} failed:\n{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    clock = time.perf_counter() - begun
    return {**json.loads(done.stdout), "clock_s": round(clock, 1), "cpu_s": round(worked, 1)}


def read_in(home: Path, source: Path) -> dict[str, Any]:
    """All invoice lines that name a customer, as purchases, and what they say of products."""
    items = home / "items.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT StockCode, max(Description) AS name, "
            "median(UnitPrice) FILTER (UnitPrice > 0) AS price "
            f"FROM '{source}' GROUP BY 1 ORDER BY 1) TO '{items}' (FORMAT parquet)"
        )
    maps = [word for column in COLUMNS for word in ("--map", column)]
    return endcap(home, "import", "--interactions", source, "--items", items, *maps,
                  "--event-type", "purchase")  # fmt: skip


def compared(connection: duckdb.DuckDBPyConnection, table: str, one: Path, other: Path) -> Any:
    """(rows, rows that differ, largest relative difference of a number)."""
    views = []
    for name, root in (("a", one), ("b", other)):
        files = newest(LocalStorage(root)).of(table).files
        listed = ", ".join(f"'{root / file.path}'" for file in files)
        hive = "hive_partitioning = true, hive_types = {'date': VARCHAR}"
        hive = hive if files[0].date else "hive_partitioning = false"
        connection.execute(
            f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM "
            f"read_parquet([{listed}], union_by_name = true, {hive})"
        )
        kinds = connection.execute(f"DESCRIBE {name}").fetchall()
        views.append({column: kind for column, kind, *_ in kinds})
    if views[0] != views[1]:
        raise SystemExit(f"{table}: the columns are not the same: {views}")
    fractions = [f'"{c}"' for c, kind in views[0].items() if kind in ("DOUBLE", "FLOAT")]
    exact = [f'"{c}"' for c, kind in views[0].items() if kind not in ("DOUBLE", "FLOAT")]
    order = f"ORDER BY {', '.join(fractions)}" if fractions else ""
    number = f"row_number() OVER (PARTITION BY {', '.join(exact)} {order}) AS nth"
    for name in "ab":
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name}_numbered AS SELECT *, {number} FROM {name}"
        )
    matched = " AND ".join(f"a.{c} IS NOT DISTINCT FROM b.{c}" for c in [*exact, "nth"])
    apart = [
        f"CASE WHEN a.{c} IS NOT DISTINCT FROM b.{c} THEN 0 ELSE "
        f"coalesce(abs(a.{c} - b.{c}) / greatest(1, abs(a.{c})), 'inf'::DOUBLE) END"
        for c in fractions
    ]
    most = f"greatest(0, {', '.join(apart)})" if apart else "0"
    return connection.execute(
        f"SELECT count(*), count(*) FILTER (a.nth IS NULL OR b.nth IS NULL OR {most} > "
        f"{TOLERANCE}), max({most}) FILTER (a.nth IS NOT NULL AND b.nth IS NOT NULL) "
        f"FROM a_numbered AS a FULL OUTER JOIN b_numbered AS b ON {matched}"
    ).fetchone()


def told(name: str, run: dict[str, Any]) -> None:
    seconds = {made["table"]: made["seconds"] for made in run["tables"]}
    figures = {"engine": name, "versions": run["versions"], "clock_s": run["clock_s"]}
    print(json.dumps({**figures, "cpu_s": run["cpu_s"], "seconds": seconds}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="where online_retail.parquet is")
    parser.add_argument("--spark", required=True, help="a Python of make setup-spark")
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--factors", type=int, default=64, help="dimensions; 0: no vectors")
    given = parser.parse_args()
    source = given.data / "online_retail.parquet"
    if not source.exists():
        print(f"Online Retail is not at {source}: nothing was compared")
        return
    home = Path(tempfile.mkdtemp(prefix="endcap-etl-spark-"))
    try:
        imported = read_in(home, source)["tables"]["events"]
        print(json.dumps({"events": imported["accepted"], "of_lines": imported["rows"]}))
        tables = home / "groups/default/tables"
        told("duckdb", endcap(home, "etl", "--as-of", AS_OF))
        aside = tables.rename(home / "by-duckdb")
        words = ["--engine", "spark", "--master", given.master, "--python", given.spark]
        if given.factors:
            words += ["--factors", str(given.factors)]
        told("spark", endcap(home, "etl", "--as-of", AS_OF, *words))
        wrong = 0
        with duckdb.connect() as connection:
            for table in BY_NAME:
                rows, differ, most = compared(connection, table, aside, tables)
                figures = {"rows": rows, "differ": differ, "largest_difference": most}
                print(json.dumps({"table": table, **figures}), flush=True)
                wrong += differ
        sys.exit(1 if wrong else 0)
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
