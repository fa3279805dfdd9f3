"""The ETL's statements in Spark, 3.5 or 4: the same files, said in Spark's dialect.

The session runs in UTC and by ANSI rules (``adapters/spark_session.py`` makes one). Paths are
local, or of any file system that Spark knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from endcap.data.etl.catalogue import TableFile
from endcap.data.etl.dialects import SPARK, TEXT, TEXTS
from endcap.data.etl.engine import EVENT_KINDS, EntityPart, Factorisation, Staged, Written
from endcap.data.etl.sources import Dated
from endcap.data.etl.spark_factors import fit
from endcap.data.etl.statements import said
from endcap.data.etl.storage import Storage
from endcap.data.etl.tables import ERASURES, FACTORS, RAW_EVENTS, STRENGTHS, Table
from endcap.domain.errors import EndcapError, Unavailable

ROWS_AT_ONCE = 200_000_000
ROWS_OF_A_TASK = 1_000_000  # of dated tables, where a date has as many
_KINDS = {"string": TEXT, "bigint": "BIGINT", "double": "DOUBLE", "boolean": "BOOLEAN",
          "array<string>": TEXTS, "int": "BIGINT", "float": "DOUBLE"}  # fmt: skip
_LAST_TWO = re.compile(r"[^/]+/[^/]+$")


class SparkEngine:
    """``lake``, ``tables``: the roots of both as Spark names them."""

    dialect = SPARK
    rows_at_once = ROWS_AT_ONCE

    def __init__(self, session: Any, lake: str, storage: Storage) -> None:
        self.session, self.lake, self.storage = session, lake.rstrip("/"), storage
        self.tables = storage.url.rstrip("/")
        self.versions = {"spark": str(session.version)}

    def columns(self, path: str) -> dict[str, str]:
        with self._explained(path):
            found = self.session.read.parquet(f"{self.lake}/{path}").dtypes
        return {name: _KINDS[kind] for name, kind in found}

    def show_events(self, parts: Sequence[Dated]) -> None:
        kinds = {name: SPARK.types[kind] for name, kind in EVENT_KINDS.items()}
        schema = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        columns = ", ".join(f"p.{name}" for name in kinds)
        with self._explained(RAW_EVENTS):
            places = [(_key(d.part.path), d.date, d.arrival, d.part.sequence) for d in parts]
            shape = "place string, date string, first bigint, sequence bigint"
            self._few(places, shape).createOrReplaceTempView("event_parts")
            if parts:
                paths = [f"{self.lake}/{dated.part.path}" for dated in parts]
                read = self.session.read.schema(schema).parquet(*paths)
                read = read.select(*kinds, "_metadata.file_path", "_metadata.row_index")
            else:
                read = self._few([], f"{schema}, file_path string, row_index bigint")
            read.createOrReplaceTempView("event_rows")
            self.session.sql(
                f"SELECT /*+ BROADCAST(e) */ {columns}, e.date, e.first + p.row_index AS arrival, "
                "e.sequence FROM event_rows AS p JOIN event_parts AS e ON e.place = "
                r"replace(regexp_extract(p.file_path, '([^/]+/[^/]+)$', 1), '%3D', '=')"
            ).createOrReplaceTempView(RAW_EVENTS)

    def show_entities(self, name: str, key: str, parts: Sequence[EntityPart], empty: str) -> None:
        with self._explained(name):
            selects = []
            for part in parts:
                view = f"{name}_{part.position}"
                path = f"{self.lake}/{part.path}"
                self.session.read.parquet(path).createOrReplaceTempView(view)
                selects.append(
                    f"SELECT {part.columns}, CAST({part.position} AS BIGINT) AS position, "
                    f"CAST({part.sequence} AS BIGINT) AS sequence FROM {view}"
                )
            nothing = (
                f"SELECT {empty}, CAST(0 AS BIGINT) AS position, CAST(0 AS BIGINT) AS sequence "
                f"FROM (SELECT CAST(NULL AS STRING) AS {key}) WHERE false"
            )
            sql = " UNION ALL ".join(selects) or nothing
            self.session.sql(sql).createOrReplaceTempView(name)

    def show_erasures(self, erased: Mapping[str, int]) -> None:
        with self._explained(ERASURES):
            frame = self._few(list(erased.items()), "user_id string, sequence bigint")
            frame.createOrReplaceTempView(ERASURES)

    def _few(self, rows: Sequence[Sequence[object]], shape: str) -> Any:
        """A frame of rows of our own, as one literal: workers need no Python for it."""
        names = [column.split()[0] for column in shape.split(", ")]
        listed = json.dumps([dict(zip(names, row, strict=True)) for row in rows])
        kind = SPARK.text(f"array<struct<{shape}>>")
        return self.session.sql(f"SELECT inline(from_json({SPARK.text(listed)}, {kind}))")

    def show_table(self, table: Table, files: Sequence[TableFile], sql: str) -> None:
        with self._explained(table.name):
            if files:
                paths = [f"{self.tables}/{file.path}" for file in files]
                base = f"{self.tables}/{table.name}"
                reader = self.session.read.option("basePath", base).option("mergeSchema", "true")
                frame = reader.parquet(*paths)
            else:
                frame = self.session.sql(said(sql, SPARK)).limit(0)
            frame.createOrReplaceTempView(table.name)

    def make(self, table: Table, sql: str, folder: str, rows: int) -> list[Staged]:
        with self._explained(table.name):
            frame = self.session.sql(said(sql, SPARK))
            if table.dated:
                tasks = max(1, min(rows // ROWS_OF_A_TASK, 1000))
                frame = frame.repartition(tasks, "date")
                frame = frame.sortWithinPartitions("date", *table.order)
                writer = frame.write.partitionBy("date")
            else:  # as many files as the rows are worth, one where they are few
                writer = frame.hint("rebalance").write
            writer.parquet(f"{self.tables}/{folder}")
            return self._staged(table, folder)

    def factorise(self, strengths: str, how: Factorisation) -> dict[str, str]:
        with self._explained(STRENGTHS):
            frames = fit(self.session, self.session.sql(said(strengths, SPARK)), how)
            statements = {}
            for table, frame in zip(FACTORS, frames, strict=True):
                frame.createOrReplaceTempView(f"fitted_{table.name}")
                columns = ", ".join(frame.columns)
                statements[table.name] = f"SELECT {columns} FROM fitted_{table.name}"
            return statements

    def hold(self, table: Table, sql: str) -> None:
        with self._explained(table.name):
            self.session.sql(said(sql, SPARK)).createOrReplaceTempView(table.name)

    def make_of_users(
        self,
        tables: Sequence[Table],
        statements: Mapping[str, str],
        folder: str,
        rows: int,
        written: Collection[str],
    ) -> dict[str, Written]:
        made: dict[str, Written] = {}
        held: list[Any] = []
        for table in tables:
            name, begun = table.name, perf_counter()
            if name in written:
                files = self.make(table, statements[name], f"{folder}/{name}", rows)
                made[name] = Written(files, perf_counter() - begun)
            with self._explained(name):
                if name in written:
                    frame = self.session.read.parquet(f"{self.tables}/{folder}/{name}")
                else:
                    frame = self.session.sql(said(statements[name], SPARK)).persist()
                    held.append(frame)
                frame.createOrReplaceTempView(name)
        for frame in held:
            frame.unpersist()
        return made

    def _staged(self, table: Table, folder: str) -> list[Staged]:
        """The files that a statement wrote, in order."""
        parts = self.storage.names(folder) if table.dated else [""]
        places = [
            (name, file)
            for name in parts
            if not table.dated or name.startswith("date=")
            for file in self.storage.names(f"{folder}/{name}".rstrip("/"))
            if file.endswith(".parquet") and not file.startswith(".")
        ]
        counted = self._counted(folder) if places else {}
        return [
            Staged(
                f"{folder}/{name}/{file}" if name else f"{folder}/{file}",
                name.removeprefix("date="),
                *counted.get((name, file), (0, 0)),
            )
            for name, file in places
        ]

    def _counted(self, folder: str) -> dict[tuple[str, str], tuple[int, int]]:
        """(rows, bytes) of each file that has rows, by (date=…, name)."""
        keys = ["_metadata.file_path", "_metadata.file_size"]
        read = self.session.read.parquet(f"{self.tables}/{folder}").select(*keys)
        found = {}
        for row in read.groupBy("file_path", "file_size").count().collect():
            above, name = row["file_path"].replace("%3D", "=").split("/")[-2:]
            date = above if above.startswith("date=") else ""
            found[date, name] = (row["count"], row["file_size"])
        return found

    def close(self) -> None:
        """The session is the caller's."""

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except EndcapError:
            raise
        except Exception as error:
            raise self._told(error, what) from error

    def _told(self, error: Exception, what: str) -> EndcapError:
        """What a person can do about it. Never a value of a row: Spark's own words may hold one."""
        words = str(error)
        if "No space left on device" in words or "Disk quota" in words:
            return Unavailable("disk_full", retry_after_s=10, field=self.tables)
        return Unavailable("spark_failed", field=what, reason=reason_of(error))


def reason_of(error: Exception) -> str:
    """The kind of a failure: Spark's error condition and the innermost Java exception."""
    condition = getattr(error, "getCondition", None) or getattr(error, "getErrorClass", None)
    name = condition() if condition is not None else None
    causes = re.findall(r"Caused by: ([\w.$]+)", str(error))
    words = [str(name or ""), causes[-1] if causes else type(error).__name__]
    return ", ".join(word for word in words if word)


def _key(path: str) -> str:
    found = _LAST_TWO.search(path)
    return found[0] if found else path
