"""The ETL's statements in DuckDB, embedded: memory bounded, what does not fit goes to disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import duckdb
import pyarrow as pa

from endcap.data.etl.catalogue import TableFile
from endcap.data.etl.dialects import DUCKDB
from endcap.data.etl.duckdb_users import UserSlices
from endcap.data.etl.engine import EVENT_KINDS, EntityPart, Factorisation, Staged, Written
from endcap.data.etl.sources import Dated
from endcap.data.etl.storage import of_os
from endcap.data.etl.tables import ERASURES, RAW_EVENTS, Table
from endcap.data.sql import first_row, listed, quoted, text
from endcap.domain.errors import EndcapError, InvalidInput, Unavailable

ROWS_AT_ONCE = 2_000_000
_WRITTEN = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880"
# Of tables made as a whole, mostly numbers: a dictionary of many different ones is tried in vain.
_NUMBERS = "DICTIONARY_SIZE_LIMIT 5000"


class Reading(NamedTuple):
    """Where SQL reads a file of the lake and one of the tables, by its path in each; ``prepare``:
    what a connection needs before."""

    lake: Callable[[str], str]
    table: Callable[[str], str]
    prepare: tuple[Callable[[duckdb.DuckDBPyConnection], None], ...] = ()


class DuckDBEngine:
    """``lake``, ``tables``: the roots of both on this machine; ``reading``: where they are read
    where that is elsewhere. One thread uses it."""

    dialect = DUCKDB
    rows_at_once = ROWS_AT_ONCE

    def __init__(
        self,
        lake: Path,
        tables: Path,
        memory_mb: int,
        threads: int,
        reading: Reading | None = None,
    ) -> None:
        self.lake, self.tables = lake, tables
        self.reading = reading or Reading(lambda p: str(lake / p), lambda p: str(tables / p))
        self.versions = {"duckdb": duckdb.__version__}
        self._spill = tables / ".staging" / "spill"
        self._spill.parent.mkdir(parents=True, exist_ok=True)
        self._memory_mb = memory_mb
        self.connection = duckdb.connect(
            config={
                "memory_limit": f"{memory_mb}MB",
                "threads": str(threads),
                "temp_directory": str(self._spill),
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        self.connection.execute("SET TimeZone = 'UTC'")
        for prepare in self.reading.prepare:
            prepare(self.connection)

    def columns(self, path: str) -> dict[str, str]:
        found = self._run(f"DESCRIBE SELECT * FROM {self._part(path)}").fetchall()
        return {name: kind for name, kind, *_ in found}

    def show_events(self, parts: Sequence[Dated]) -> None:
        columns = listed(tuple(EVENT_KINDS))
        selects = [
            f"SELECT {columns}, {text(dated.date)} AS date, "
            f"({dated.arrival} + file_row_number)::BIGINT AS arrival, "
            f"{dated.part.sequence}::BIGINT AS sequence "
            f"FROM {self._part(dated.part.path, ', file_row_number = true')}"
            for dated in parts
        ]
        kinds = {**EVENT_KINDS, "date": "VARCHAR", "arrival": "BIGINT", "sequence": "BIGINT"}
        self._view(RAW_EVENTS, " UNION ALL ".join(selects) or _empty(kinds))

    def show_entities(self, name: str, key: str, parts: Sequence[EntityPart], empty: str) -> None:
        selects = [
            f"SELECT {part.columns}, {part.position}::BIGINT AS position, "
            f"{part.sequence}::BIGINT AS sequence FROM {self._part(part.path)}"
            for part in parts
        ]
        nothing = (
            f"SELECT {empty}, 0::BIGINT AS position, 0::BIGINT AS sequence "
            f"FROM (SELECT NULL::VARCHAR AS {key}) WHERE false"
        )
        self._view(name, " UNION ALL ".join(selects) or nothing)

    def show_erasures(self, erased: Mapping[str, int]) -> None:
        columns = {
            "user_id": pa.array(list(erased), pa.string()),
            "sequence": pa.array(list(erased.values()), pa.int64()),
        }
        self.connection.register("erased_arrow", pa.table(columns))
        self._run(f"CREATE OR REPLACE TEMP TABLE {ERASURES} AS SELECT * FROM erased_arrow")
        self.connection.unregister("erased_arrow")

    def show_table(self, table: Table, files: Sequence[TableFile], sql: str) -> None:
        if not files:
            self._view(table.name, f"SELECT * FROM ({sql}) LIMIT 0")
            return
        paths = ", ".join(text(self.reading.table(file.path)) for file in files)
        hive = "hive_partitioning = true, hive_types = {'date': VARCHAR}" if table.dated else ""
        options = hive or "hive_partitioning = false"
        self._view(
            table.name,
            f"SELECT * FROM read_parquet([{paths}], union_by_name = true, {options})",
        )

    def make(self, table: Table, sql: str, folder: str, rows: int) -> list[Staged]:
        del rows  # one statement takes what memory it has
        target = self.tables / folder
        with self._explained():
            target.mkdir(parents=True, exist_ok=True)
            if table.dated:
                return list(self._dates(table, sql, target))
            path = target / "0.parquet"
            return [self._copied(sql, path, "")]

    def hold(self, table: Table, sql: str) -> None:
        if table.dated:  # as large as the events: read where they lie
            self._view(table.name, sql)
            return
        self._run(f"CREATE TEMP TABLE IF NOT EXISTS {quoted('held_' + table.name)} AS {sql}")
        self._view(table.name, f"SELECT * FROM {quoted('held_' + table.name)}")

    def make_of_users(
        self,
        tables: Sequence[Table],
        statements: Mapping[str, str],
        folder: str,
        rows: int,
        written: Collection[str],
    ) -> dict[str, Written]:
        with self._explained():
            for name in written:
                (self.tables / folder / name).mkdir(parents=True, exist_ok=True)
            made = {name: Written([], 0.0) for name in written}
            read = {name for table in tables for name in table.reads}
            of_events = [statements[table.name] for table in tables if "events" in table.reads]
            slices = UserSlices(self.connection, rows, of_events)
            for number in slices:
                for table in tables:
                    begun, sql = perf_counter(), statements[table.name]
                    if table.name in read:
                        slices.hold(table.name, sql)
                        sql = f"SELECT * FROM {quoted(table.name)}"
                    if table.name in written:
                        path = self.tables / folder / table.name / f"{number}.parquet"
                        files, seconds = made[table.name]
                        files.append(self._copied(sql, path, ""))
                        made[table.name] = Written(files, seconds + perf_counter() - begun)
            return made

    def _dates(self, table: Table, sql: str, target: Path) -> Iterator[Staged]:
        """A file for each date, in order."""
        self._run(f"CREATE OR REPLACE TEMP TABLE made AS {sql}")
        dates = self._run("SELECT DISTINCT date FROM made ORDER BY 1").fetchall()
        for number, (date,) in enumerate(dates):
            select = (
                f"SELECT * EXCLUDE (date) FROM made WHERE date = {text(date)} "
                f"ORDER BY {listed(table.order)}"
            )
            yield self._copied(select, target / f"{number}.parquet", date)
        self._run("DROP TABLE made")

    def _copied(self, select: str, path: Path, date: str) -> Staged:
        options = _WRITTEN if date else f"{_WRITTEN}, {_NUMBERS}"
        (rows,) = first_row(self.connection, f"COPY ({select}) TO {text(path)} ({options})")
        return Staged(str(path.relative_to(self.tables)), date, rows, path.stat().st_size)

    def factorise(self, strengths: str, how: Factorisation) -> dict[str, str]:
        del strengths
        raise InvalidInput("factors_need_spark", field="--factors", value=how.dimensions)

    def close(self) -> None:
        self.connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def _part(self, path: str, options: str = "") -> str:
        return (
            f"read_parquet([{text(self.reading.lake(path))}], hive_partitioning = false{options})"
        )

    def _view(self, name: str, sql: str) -> None:
        self._run(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {sql}")

    def _run(self, sql: str) -> duckdb.DuckDBPyConnection:
        with self._explained():
            return self.connection.execute(sql)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise of_os(error, self.tables) from error
        except duckdb.Error as error:
            raise self._told(error) from error

    def _told(self, error: duckdb.Error) -> EndcapError | duckdb.Error:
        """What a person can do about it; the error itself where that is not known."""
        words = str(error)
        full = "No space left" in words or "max_temp_directory_size" in words
        if full or "Disk quota" in words:
            return Unavailable("disk_full", retry_after_s=10, field=str(self.tables))
        if isinstance(error, duckdb.OutOfMemoryException):
            return Unavailable("etl_out_of_memory", field="ENDCAP_MEMORY_MB", value=self._memory_mb)
        return error


def _empty(kinds: Mapping[str, str]) -> str:
    columns = ", ".join(f"NULL::{kind} AS {quoted(name)}" for name, kind in kinds.items())
    return f"SELECT {columns} WHERE false"
