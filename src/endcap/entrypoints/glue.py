"""The ETL as a job on Spark: AWS Glue, EMR, a cluster of one's own, or this machine.

``--key value`` as Glue hands arguments over; what it adds of its own is left alone. Run by a Python
that has pyspark, sqlglot, msgspec and numpy; nothing else of Endcap's needs is imported.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import msgspec

from endcap.adapters.hadoop_files import HadoopStorage
from endcap.adapters.spark_session import open_session
from endcap.data.etl.engine import Factorisation
from endcap.data.etl.records import Request, RunRecord
from endcap.data.etl.run import Run
from endcap.data.etl.sources import parse_dates, read_lake
from endcap.data.etl.spark_engine import SparkEngine
from endcap.data.etl.storage import LocalStorage, Storage, only_run
from endcap.domain.errors import Conflict, EndcapError, InvalidInput, NotFound
from endcap.domain.times import parse_iso
from endcap.features.parameters import parameters

NEEDED = ("lake", "output")
FACTOR_WORDS = ("sweeps", "confidence", "penalty", "seed")
ABOUT = """python -m endcap.entrypoints.glue --lake URL --output URL
  --tables NAME,NAME    only these tables and what they read
  --dates DAY[..DAY]    make these dates anew
  --as-of TIME          the time of features, ISO 8601 (now)
  --full true           make everything anew
  --only true           write none but --tables; what they read is worked out for this run
  --master URL          local[2], spark://host:port … (what the surroundings say)
  --memory-mb N         of the driver, where --master is given (1024)
  --shuffles N          partitions of a shuffle
  --factors N           also vectors of N dimensions of each item and user, by ALS
  --sweeps N, --confidence X, --penalty X, --seed N    how they are fitted (10, 10, 0.1, 0)
Arguments that it does not know are left alone."""


def arguments_of(words: Sequence[str]) -> dict[str, str]:
    """``--some_key value`` as ``some-key``; a key without a value is true.

    Raises InvalidInput (job_argument_missing).
    """
    found: dict[str, str] = {}
    for place, word in enumerate(words):
        if word.startswith("--"):
            key, given, value = word[2:].partition("=")
            after = words[place + 1] if place + 1 < len(words) else "--"
            value = value if given else ("true" if after.startswith("--") else after)
            found[key.replace("_", "-").lower()] = value
    for key in NEEDED:
        if not found.get(key):
            raise InvalidInput(
                "job_argument_missing", field=f"--{key}", permitted="a folder or URL"
            )
    return found


def request_of(given: dict[str, str], at: int) -> Request:
    """Raises InvalidInput (bad_date, bad_time)."""
    first, last = parse_dates(given.get("dates"))
    as_of = parse_iso(given["as-of"], "--as-of") if "as-of" in given else at
    names = tuple(name for name in given.get("tables", "").split(",") if name)
    full, only = (given.get(name, "false") == "true" for name in ("full", "only"))
    return Request(at, as_of, names, first, last, full, only, factorisation_of(given))


def factorisation_of(given: dict[str, str]) -> Factorisation | None:
    """None without ``--factors``. Raises InvalidInput (bad_factors)."""
    if not given.get("factors"):
        return None
    values = {"dimensions": given["factors"]}
    values |= {name: given[name] for name in FACTOR_WORDS if name in given}
    try:
        return msgspec.convert(values, Factorisation, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput("bad_factors", field="--factors", reason=str(error)) from error


def storage_of(session: Any, url: str) -> Storage:
    """A plain path is a folder of this machine, anything else is Spark's to reach."""
    return HadoopStorage(session, url) if "://" in url else LocalStorage(Path(url))


def held(storage: Storage) -> AbstractContextManager[None]:
    """One run at a time; on object stores the job's own concurrency limit sees to it."""
    return only_run(storage.root) if isinstance(storage, LocalStorage) else nullcontext()


def run(session: Any, given: dict[str, str], at: int) -> RunRecord:
    """The whole job on an open session."""
    lake, output = storage_of(session, given["lake"]), storage_of(session, given["output"])
    request = request_of(given, at)
    with held(output):
        engine = SparkEngine(session, lake.url, output)
        values = parameters(request.as_of)
        return Run(read_lake(lake), output, engine, request, values, _tell).run()


def _tell(stage: str, share: float) -> None:
    print(f"etl: {share:.0%} {stage}", file=sys.stderr, flush=True)  # noqa: T201


def main(words: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if {"-h", "--help"} & set(words):
        print(ABOUT)  # noqa: T201
        return 0
    try:
        given = arguments_of(words)
        shuffles = int(given["shuffles"]) if "shuffles" in given else None
        memory_mb = int(given.get("memory-mb", "1024"))
        session = open_session(given.get("master"), memory_mb, shuffles)
        try:
            record = run(session, given, time.time_ns() // 1000)
        finally:
            if "master" in given:
                session.stop()
    except EndcapError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2 if isinstance(error, InvalidInput | NotFound | Conflict) else 1
    print(msgspec.json.encode(record).decode())  # noqa: T201
    return 0


if __name__ == "__main__":
    code = main()
    if code:  # Glue takes any SystemExit for a failure
        sys.exit(code)
