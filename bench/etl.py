"""Features of a generated shop by DuckDB, a pandas job and Spark local, each a process.

    python bench/etl.py --events 20000000 --pandas PYTHON --spark .venv-spark4/bin/python
    python bench/etl.py --growth 1000000,10000000,100000000 --memory-mb 1024

Times are those of whole processes, from files to files: by the clock, and of the processor, which a
busy machine does not stretch; memory is the largest resident set. All write the three tables of
features and nothing else; DuckDB does it once more with what they read (items, events, history),
which is kept for later runs. The growth curve is DuckDB's alone, over all tables but the
co-occurrence counts.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from endcap.data.etl.tables import BY_NAME
from endcap.data.manifest import Manifest, Part, write_next
from endcap.domain.times import iso

ROOT = Path(__file__).parents[1]
DAY = 86_400_000_000
START = 20_000 * DAY
FEATURES = ("user_features", "product_features", "user_product_features")
EVENTS_OF_A_USER = 50


def make_lake(root: Path, events: int, days: int = 60) -> Path:
    """A lake of so many events: 50 a user, products as popular as in a shop, one part a date."""
    users, items = max(events // EVENTS_OF_A_USER, 10), max(min(events // 400, 50_000), 100)
    parts, each = [], -(-events // days)
    with duckdb.connect(config={"preserve_insertion_order": "true"}) as connection:
        for day in range(days):
            begin = START + day * DAY
            path = root / f"events/date={date_of(begin)}/bench.parquet"
            path.parent.mkdir(parents=True)
            number = f"(n + {day * each}::BIGINT)"
            connection.execute(
                f"COPY (SELECT 'u' || hash({number} * 7) % {users} AS user_id, "
                f"'i' || floor({items} * pow((hash({number} * 11) % 1000000) / 1e6, 3))::BIGINT "
                "AS item_id, ['view','view','view','view','view','view','add_to_cart','purchase']"
                f"[1 + (hash({number} * 13) % 8)::INTEGER] AS event_type, "
                f"{begin} + n * {DAY // each} AS ts, NULL::DOUBLE AS value, NULL::VARCHAR "
                "AS event_id, NULL::VARCHAR AS session_id, NULL::VARCHAR AS attributes "
                f"FROM range({each}) t(n)) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
            )
            parts.append(
                Part(str(path.relative_to(root)), each, begin, begin + DAY - 1, 1, "bench")
            )
        (root / "items").mkdir()
        connection.execute(
            "COPY (SELECT 'i' || n AS item_id, 1 + n % 97 / 4.0::DOUBLE AS price, "
            "'d' || n % 20 AS department, 'a' || n % 130 AS aisle, 'b' || n % 400 AS brand "
            f"FROM range({items}) t(n)) TO '{root}/items/bench.parquet' (FORMAT parquet)"
        )
    listed = (Part("items/bench.parquet", items, 0, 0, 1, "bench"),)
    write_next(root / "manifest", Manifest(1, 0, 1, tuple(parts), listed))
    return root


def date_of(ts: int) -> str:
    return iso(ts)[:10]


def timed(words: Sequence[Any], log: Path) -> dict[str, float]:
    """Seconds by the clock and of the processor, and the largest resident set, GB, of a process
    and its children."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "2"}
    most, page = 0, os.sysconf("SC_PAGE_SIZE")
    with log.open("w") as out:
        process = subprocess.Popen([*map(str, words)], env=environment, stdout=out, stderr=out)
        while process.poll() is None:
            most = max(most, sum(resident(pid) for pid in family(process.pid)) * page)
            time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"{words[0]} failed:\n{log.read_text()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    clock = time.perf_counter() - begun
    return {"seconds": round(clock, 1), "cpu_s": round(worked, 1), "gb": round(most / 2**30, 2)}


def family(pid: int) -> list[int]:
    """A process and those below it."""
    found = [pid]
    for path in Path("/proc").glob(f"{pid}/task/*/children"):
        try:
            below = path.read_text().split()
        except OSError:
            continue
        found += [each for child in below for each in family(int(child))]
    return found


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0


def duckdb_words(
    lake: Path, output: Path, as_of: int, tables: Sequence[str], mb: int, only: bool
) -> list[Any]:
    names = ",".join(tables)
    return [sys.executable, __file__, "--one", lake, output, as_of, names, mb, int(only)]


def one(lake: str, output: str, as_of: str, tables: str, memory_mb: str, only: str) -> None:
    """The DuckDB runner in this process."""
    from endcap.data.etl.duckdb_engine import DuckDBEngine
    from endcap.data.etl.records import Request
    from endcap.data.etl.run import Run
    from endcap.data.etl.sources import read_lake
    from endcap.data.etl.storage import LocalStorage
    from endcap.features.parameters import parameters

    storage, at = LocalStorage(Path(output)), int(as_of)
    engine = DuckDBEngine(Path(lake), Path(output), int(memory_mb), 2)
    manifest = read_lake(LocalStorage(Path(lake)))
    request = Request(at, at, tuple(tables.split(",")), only=only == "1")
    record = Run(manifest, storage, engine, request, parameters(at), lambda *_: None).run()
    engine.close()
    print(json.dumps({made.table: made.seconds for made in record.tables}))


def compare(events: int, pandas: str, spark: str, memory_mb: int, root: Path) -> None:
    lake, as_of = make_lake(root / "lake", events), START + 60 * DAY
    jobs = {
        "duckdb": duckdb_words(lake, root / "duckdb", as_of, FEATURES, memory_mb, True),
        "duckdb, inputs kept": duckdb_words(lake, root / "kept", as_of, FEATURES, memory_mb, False),
    }
    if pandas:
        jobs["pandas"] = [pandas, ROOT / "bench/etl_pandas.py", lake, root / "pandas", as_of]
    if spark:
        jobs["spark"] = [
            spark, "-m", "endcap.entrypoints.glue", "--lake", lake, "--output", root / "spark",
            "--tables", ",".join(FEATURES), "--as-of", iso(as_of), "--master", "local[2]",
            "--memory-mb", "4096", "--only", "true",
        ]  # fmt: skip
    for name, words in jobs.items():
        figures = timed(words, root / f"{name}.log")
        print(json.dumps({"events": events, "engine": name, **figures}), flush=True)


def grow(events: int, memory_mb: int, root: Path) -> None:
    lake, as_of = make_lake(root / "lake", events), START + 60 * DAY
    tables = [name for name in BY_NAME if name not in ("cooccurrence", "neighbours")]
    words = duckdb_words(lake, root / "duckdb", as_of, tables, memory_mb, False)
    figures = timed(words, root / "duckdb.log")
    size = sum(path.stat().st_size for path in (root / "duckdb").rglob("*.parquet")) / 2**30
    told = {"events": events, "memory_mb": memory_mb, **figures, "tables_gb": round(size, 2)}
    print(json.dumps(told), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--pandas", default="", help="a Python with bench/etl-requirements.txt")
    parser.add_argument("--spark", default="", help="a Python of make setup-spark")
    parser.add_argument("--growth", default="", help="numbers of events, with commas between")
    parser.add_argument("--memory-mb", type=int, default=2048, help="of DuckDB")
    parser.add_argument("--folder", default=None, help="where the files go for the time being")
    given = parser.parse_args()
    for events in [int(n) for n in given.growth.split(",")] if given.growth else [0]:
        if given.folder:
            Path(given.folder).mkdir(parents=True, exist_ok=True)
        root = Path(tempfile.mkdtemp(prefix="endcap-etl-", dir=given.folder))
        try:
            if events:
                grow(events, given.memory_mb, root)
            else:
                compare(given.events, given.pandas, given.spark, given.memory_mb, root)
        finally:
            shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:])
    else:
        main()
