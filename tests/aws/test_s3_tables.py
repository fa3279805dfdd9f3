"""The tables of the ETL in a bucket: the same rows as on disk, whole versions, no erased user."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pytest

from endcap.adapters.s3 import Bucket
from endcap.adapters.s3_lake import S3LakeFiles
from endcap.adapters.s3_tables import S3Tables
from endcap.cli.etl import spark_url
from endcap.data.etl.catalogue import newest
from endcap.data.etl.duckdb_engine import DuckDBEngine, Reading
from endcap.data.etl.erasing import erase_from_tables
from endcap.data.etl.records import Request, RunRecord
from endcap.data.etl.run import Run
from endcap.data.etl.storage import LocalStorage
from endcap.data.lake import Lake
from endcap.domain.errors import Damaged, Forbidden
from endcap.domain.values import Event, Item, User
from endcap.features.parameters import parameters

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
DAY = 86_400_000_000
START = 20_000 * DAY
AS_OF = START + 9 * DAY


def events() -> list[Event]:
    """Of six users on three days."""
    return [
        Event(
            f"u{u}", f"i{(u * 3 + d) % 5}", ("view", "purchase")[u % 2],
            START + d * DAY + u, f"e{u}-{d}", 1.0,
        )
        for d in range(3)
        for u in range(6)
    ]  # fmt: skip


class There:
    """A lake and its tables in a bucket, as one machine sees them."""

    def __init__(self, url: str, root: Path) -> None:
        self.lake = Lake(root / "lake", 256, 1, files=S3LakeFiles(url, root / "lake"))
        self.tables = S3Tables(f"{url}/tables", root / "tables")

    def run(self, **request: Any) -> RunRecord:
        lake, tables = self.lake, self.tables
        reading = Reading(lake.where, tables.where, (lake.files.prepare, tables.prepare))
        engine = DuckDBEngine(lake.root, tables.root, 256, 1, reading)
        asked = Request(at=AS_OF, as_of=AS_OF, **request)
        try:
            return Run(
                lake.manifest(), tables, engine, asked, parameters(AS_OF), lambda *_: None
            ).run()
        finally:
            engine.close()

    def made(self, **request: Any) -> int:
        return sum(table.partitions for table in self.run(**request).tables)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        return rows(self.tables, table)


def rows(tables: Any, table: str) -> list[tuple[Any, ...]]:
    """Sorted, of all files that the newest version names."""
    files = ", ".join(f"'{tables.where(file.path)}'" for file in newest(tables).of(table).files)
    with duckdb.connect() as connection:
        tables.prepare(connection)
        found = connection.execute(
            f"SELECT * FROM read_parquet([{files}], union_by_name = true) ORDER BY ALL"
        )
        return found.fetchall()


@pytest.fixture
def there(s3_url: str, tmp_path: Path) -> There:
    made = There(s3_url, tmp_path / "here")
    items = [Item(f"i{n}", {"price": n, "colour": "red"}) for n in range(5)]
    made.lake.append(events(), items, [User("u1", {"country": "ZA"})], [], 10)
    return made


def test_the_rows_are_those_of_a_folder(there: There, tmp_path: Path) -> None:
    there.run()
    lake = Lake(tmp_path / "lake", 256, 1)
    items = [Item(f"i{n}", {"price": n, "colour": "red"}) for n in range(5)]
    lake.append(events(), items, [User("u1", {"country": "ZA"})], [], 10)
    folder = LocalStorage(tmp_path / "tables")
    engine = DuckDBEngine(lake.root, folder.root, 256, 1)
    asked = Request(at=AS_OF, as_of=AS_OF)
    Run(lake.manifest(), folder, engine, asked, parameters(AS_OF), lambda *_: None).run()
    engine.close()
    names = newest(folder).tables
    assert len(names) >= 12
    assert {name: there.rows(name) for name in names} == {
        name: rows(folder, name) for name in names
    }
    assert list(there.tables.root.rglob("*.parquet")) == []


def test_the_same_again_writes_nothing_and_a_late_event_its_date(there: There) -> None:
    assert there.made() > 12
    before = {found.key for found in there.tables._bucket.objects() if "runs/" not in found.key}
    assert there.made() == 0
    assert before == {f.key for f in there.tables._bucket.objects() if "runs/" not in f.key}
    there.lake.append([Event("u9", "i1", "view", START + DAY + 99, "late")], [], [], [], 20)
    dated = {m.table: m.partitions for m in there.run().tables}
    assert (dated["events"], dated["training"], dated["sessions"]) == (1, 1, 1)
    assert len(there.rows("events")) == 19
    assert there.made(first_date="2024-10-05", last_date="2024-10-05") >= 3
    assert len(there.rows("events")) == 19
    named = newest(there.tables).paths()
    assert there.tables.others(named) == []


def test_a_run_that_is_denied_in_the_middle_goes_on_where_it_stopped(
    there: There, s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, left = Bucket.put_file, [5]

    def breaking(self: Bucket, key: str, path: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Forbidden("s3_denied", field=self.url, reason="AccessDenied")
        put(self, key, path)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "put_file", breaking)
        with pytest.raises(Forbidden):
            there.run()
    done = newest(there.tables)
    assert 0 < len(done.paths()) < 10
    orphans = there.tables.others(done.paths())
    again = There(s3_url, tmp_path / "another machine")
    again.run()
    assert len(again.rows("events")) == 18
    assert set(orphans) <= set(again.tables.others(newest(again.tables).paths()))
    kept = json.loads(again.tables.read(f"runs/{again.tables.names('runs')[0]}"))
    assert (kept["status"], kept["reason"]) == ("failed", "s3_denied")


def test_of_two_machines_at_once_one_publishes_and_nothing_is_overwritten(
    there: There, s3_url: str, tmp_path: Path
) -> None:
    machines = [There(s3_url, tmp_path / f"machine {n}") for n in range(2)]
    outcomes: list[str] = []

    def run(machine: There) -> None:
        try:
            machine.run()
            outcomes.append("")
        except (Damaged, FileNotFoundError, duckdb.Error):  # the other removed what it replaced
            outcomes.append("lost")

    threads = [Thread(target=run, args=(machine,)) for machine in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    there.run()
    assert "" in outcomes
    assert len(there.rows("events")) == 18


def test_an_erased_user_is_in_no_object_afterwards(there: There) -> None:
    there.run()
    at = START + 8 * DAY
    orphan = there.tables.root / "orphan.parquet"
    there.tables._bucket.put_file("events/orphan.parquet", _copied(there, orphan))
    counted = sum(("u1" in row) for name in newest(there.tables).tables for row in there.rows(name))
    version = newest(there.tables).version
    assert erase_from_tables(there.tables, {"u1": at}) == counted
    assert newest(there.tables).version == version + 1
    assert holding(there, "u1") == []
    assert {row[0] for row in there.rows("events")} == {f"u{n}" for n in range(6)} - {"u1"}
    assert erase_from_tables(there.tables, {"u1": at}) == 0
    assert newest(there.tables).version == version + 1


def _copied(there: There, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(there.tables.read(newest(there.tables).of("events").files[0].path))
    return path


def holding(there: There, user: str) -> list[str]:
    """Objects of the tables with a row that says ``user``."""
    found = []
    for name in there.tables.others(set()):
        with duckdb.connect() as connection:
            there.tables.prepare(connection)
            sql = f"SELECT * FROM read_parquet('{there.tables.where(name)}')"
            if any(user in row for row in connection.execute(sql).fetchall()):
                found.append(name)
    return found


def test_a_spark_without_s3_says_so(s3_url: str, endcap: Any, aws: Any) -> None:
    assert spark_url("s3://bucket/x/tables") == "s3a://bucket/x/tables"
    assert spark_url("/home/x") == "/home/x"
    python = ROOT / ".venv-spark4" / "bin" / "python"
    assert python.exists(), "make setup-spark makes the Pythons that these tests need"
    words = ("etl", "--engine", "spark", "--master", "local[1]", "--python", str(python))
    done = endcap(*words, check=False, ENDCAP_LAKE=s3_url, **aws.environment)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: --engine spark: this Spark cannot reach")
    assert "hadoop-aws" in done.stderr
