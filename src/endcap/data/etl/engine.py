"""What the ETL asks of an engine. Two are there: DuckDB and Spark."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta, Struct

from endcap.data.etl.catalogue import TableFile
from endcap.data.etl.dialects import Dialect
from endcap.data.etl.sources import Dated
from endcap.data.etl.tables import Table

# The lake's events as a part holds them: column → kind.
EVENT_KINDS = {
    "user_id": "VARCHAR", "item_id": "VARCHAR", "event_type": "VARCHAR", "ts": "BIGINT",
    "value": "DOUBLE", "event_id": "VARCHAR", "session_id": "VARCHAR", "attributes": "VARCHAR",
}  # fmt: skip


class EntityPart(NamedTuple):
    """A part of items or users: its file, place among the parts, sequence and select list."""

    path: str
    position: int
    sequence: int
    columns: str


class Staged(NamedTuple):
    """A file that was written, relative to the tables' root."""

    path: str
    date: str
    rows: int
    bytes: int


class Factorisation(Struct, frozen=True):
    """How vectors of items and users are fitted (``spark_factors.py``). ``dimensions``: of each,
    fewer for a small catalogue; ``sweeps`` over users and items; ``confidence`` α: how much more
    an event counts than none; ``penalty`` λ of long vectors, times the events of each."""

    dimensions: Annotated[int, Meta(ge=1, le=1000)] = 64
    sweeps: Annotated[int, Meta(ge=1, le=100)] = 10
    confidence: Annotated[float, Meta(gt=0)] = 10.0
    penalty: Annotated[float, Meta(ge=0)] = 0.1
    seed: int = 0


class Written(NamedTuple):
    """What became of a table that was made together with others."""

    files: list[Staged]
    seconds: float


class Engine(Protocol):
    """``rows_at_once``: how many events of dated tables it takes in one statement."""

    dialect: Dialect
    rows_at_once: int
    versions: dict[str, str]

    def columns(self, path: str) -> dict[str, str]:
        """Column → kind (``dialects``) of a file of the lake."""
        ...

    def show_events(self, parts: Sequence[Dated]) -> None:
        """``raw_events``: EVENT_KINDS, date, arrival, sequence."""
        ...

    def show_entities(self, name: str, key: str, parts: Sequence[EntityPart], empty: str) -> None:
        """``raw_items`` or ``raw_users``; ``empty``: the select list of a table without rows."""
        ...

    def show_erasures(self, erased: Mapping[str, int]) -> None:
        """``erasures``: user_id, sequence."""
        ...

    def show_table(self, table: Table, files: Sequence[TableFile], sql: str) -> None:
        """A table under its name; ``sql``: its statement, from which the columns of a table
        without files are known."""
        ...

    def make(self, table: Table, sql: str, folder: str, rows: int) -> list[Staged]:
        """Run a filled statement (DuckDB's dialect) and write its rows under ``folder``, one file
        a date or, without dates, files of a sensible size. ``rows``: of events that it reads."""
        ...

    def factorise(self, strengths: str, how: Factorisation) -> dict[str, str]:
        """Fit vectors to a filled statement: the statement of each table of ``FACTORS``.

        Raises InvalidInput (factors_need_spark)."""
        ...

    def hold(self, table: Table, sql: str) -> None:
        """A table that others read in this run and that is not written."""
        ...

    def make_of_users(
        self,
        tables: Sequence[Table],
        statements: Mapping[str, str],
        folder: str,
        rows: int,
        written: Collection[str],
    ) -> dict[str, Written]:
        """As ``make`` for tables ``by_user``, which may read each other, together. ``written``:
        the names of those to write, each under a folder of its own in ``folder``."""
        ...

    def close(self) -> None: ...
