"""A run of the ETL: what changed in the lake since the last one is made anew, on either engine.

Each partition is replaced as a whole when it is done, so a run that was cut short goes on where it
stopped, and the same run again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter

import msgspec
from msgspec import Struct

from endcap.data.etl import catalogue, sources
from endcap.data.etl.catalogue import TableFile
from endcap.data.etl.engine import Engine, EntityPart, Factorisation
from endcap.data.etl.sources import KEYS, attributes_of, entity_columns
from endcap.data.etl.statements import Parameters, attribute_names, filled, statement
from endcap.data.etl.storage import STAGING, Storage
from endcap.data.etl.tables import (
    FACTORS,
    RAW_ITEMS,
    RAW_USERS,
    STRENGTHS,
    Table,
    with_inputs,
)
from endcap.data.manifest import Manifest, Part

Progress = Callable[[str, float], None]
RUNS = "runs"


class Request(Struct, frozen=True):
    """``tables``: these and what they read; all where none is named. ``first_date``,
    ``last_date``: make these dates anew, changed or not, and no others of dated tables.
    ``full``: make everything anew. ``factors``: also make ``FACTORS``. ``at``: now, µs; ``as_of``:
    the time of features."""

    at: int
    as_of: int
    tables: tuple[str, ...] = ()
    first_date: str | None = None
    last_date: str | None = None
    full: bool = False
    factors: Factorisation | None = None


class Made(Struct, frozen=True):
    """What became of a table: ``rows`` and ``bytes`` are of the whole table afterwards."""

    table: str
    partitions: int  # made anew
    partitions_kept: int
    rows: int
    files: int
    bytes: int
    seconds: float


class RunRecord(Struct, frozen=True):
    """What a run did, as it is kept in ``runs/``."""

    at: int
    as_of: int
    engine: str
    versions: dict[str, str]
    lake_version: int
    version: int  # of the tables
    tables: list[Made]
    seconds: float
    status: str = "done"
    reason: str = ""


class Run:
    """One run over a lake's manifest. Nobody else writes to ``storage`` meanwhile."""

    def __init__(
        self,
        manifest: Manifest,
        storage: Storage,
        engine: Engine,
        request: Request,
        parameters: Parameters,
        progress: Progress,
    ) -> None:
        self.manifest, self.storage, self.engine = manifest, storage, engine
        self.request, self.progress = request, progress
        self.parameters = dict(parameters)
        self.dates = sources.by_date(manifest)
        self.tables = catalogue.newest(storage)
        self.attributes: dict[str, dict[str, str]] = {}
        self.made: list[Made] = []
        self._fitted: dict[str, str] = {}
        self._begun = perf_counter()

    def run(self) -> RunRecord:
        """Make what is stale; the record is kept also of a run that failed."""
        wanted = with_inputs(self.request.tables, self.request.factors is not None)
        try:
            self.storage.remove(STAGING)
            self.engine.show_events(())
            self.engine.show_erasures(sources.erasures(self.manifest))
            for raw, parts in ((RAW_ITEMS, self.manifest.items), (RAW_USERS, self.manifest.users)):
                self._show_entities(raw, parts)
            statements = {table.name: self._statement(table) for table in wanted}
            for place, table in enumerate(wanted):
                self.progress(table.name, place / len(wanted))
                self._table(table, statements, place / len(wanted), 1 / len(wanted))
        except BaseException as error:
            self._keep(self._record("failed", getattr(error, "code", type(error).__name__)))
            raise
        finally:
            self.storage.remove(STAGING)
        record = self._record("done", "")
        self._keep(record)
        return record

    def _show_entities(self, raw: str, parts: Sequence[Part]) -> None:
        say = self.engine.dialect
        columns = [self.engine.columns(part.path) for part in parts]
        attributes = self.attributes[raw] = attributes_of(columns, raw)
        shown = [
            EntityPart(part.path, place, part.sequence, entity_columns(have, raw, attributes, say))
            for place, (part, have) in enumerate(zip(parts, columns, strict=True))
        ]
        nothing = entity_columns({KEYS[raw]: "VARCHAR"}, raw, attributes, say)
        self.engine.show_entities(raw, KEYS[raw], shown, nothing)

    def _statement(self, table: Table) -> str:
        if table in FACTORS:
            return self._plain(table.name)
        items, users = ([*self.attributes[raw]] for raw in (RAW_ITEMS, RAW_USERS))
        own = {"items": items, "users": users}.get(table.name, ())
        lists = {"raw_attributes": own, "item_attributes": items, "user_attributes": users}
        return filled(statement(table.name), self.parameters, lists)

    def _plain(self, name: str) -> str:
        """Without attributes: what the catalogue calls its columns today does not make yesterday's
        partitions stale. Of factors, what they are fitted to and how."""
        if any(name == table.name for table in FACTORS):
            return f"{self.request.factors!r} {self._plain(STRENGTHS)}"
        return filled(statement(name), self.parameters)

    def _attributes_made(self, table: Table) -> dict[str, str]:
        """The columns that attributes give a table, and their kinds."""
        if table.name != "training":
            raw = {"items": RAW_ITEMS, "users": RAW_USERS}.get(table.name)
            return dict(self.attributes[raw]) if raw else {}
        sql, found = statement(table.name), dict[str, str]()
        for raw, prefix in ((RAW_ITEMS, "item_"), (RAW_USERS, "user_")):
            kinds = self.attributes[raw]
            found |= zip(attribute_names(prefix, kinds, sql), kinds.values(), strict=True)
        return found

    def _table(
        self, table: Table, statements: Mapping[str, str], begin: float, share: float
    ) -> None:
        begun, state = perf_counter(), self.tables.of(table.name)
        plain = {name: self._plain(name) for name in statements}
        at = self.request.as_of
        now = sources.fingerprints(self.manifest, table, plain, at)
        attributes = self._attributes_made(table)
        stale = self._stale(table, now, attributes)
        if len(stale) > 1 and self._widened(table, attributes):  # all are stale until all are made
            self._publish(table, msgspec.structs.replace(state, sources={}))
        done = 0
        for group in self._groups(table, stale):
            done += len(group)
            self.progress(f"{table.name}: {done} of {len(stale)}", begin + share * done / len(now))
            made = self._make(table, statements, group)
            new = catalogue.replaced(self.tables.of(table.name), made, now, attributes, at)
            self._publish(table, new)
        if set(state.sources) - set(now) and not stale:
            self._publish(table, catalogue.replaced(state, {}, now, attributes, state.as_of))
        after = self.tables.of(table.name)
        self.made.append(
            Made(
                table.name, len(stale), len(now) - len(stale), after.rows, len(after.files),
                after.bytes, round(perf_counter() - begun, 3),
            )
        )  # fmt: skip

    def _stale(
        self, table: Table, now: Mapping[str, str], attributes: Mapping[str, str]
    ) -> list[str]:
        """The partitions to make anew. A column whose type changed concerns all of them."""
        request, state = self.request, self.tables.of(table.name)
        named = request.first_date is not None or request.last_date is not None
        if table.dated and named:
            return sources.days(now, request.first_date, request.last_date)
        other = self._widened(table, attributes)
        whole = request.full or other or (not table.dated and state.attributes != attributes)
        return [
            date for date, made_of in now.items() if whole or state.sources.get(date) != made_of
        ]

    def _widened(self, table: Table, attributes: Mapping[str, str]) -> bool:
        """Whether a column that the table has is of another type now."""
        before = self.tables.of(table.name).attributes
        return any(attributes.get(column, kind) != kind for column, kind in before.items())

    def _groups(self, table: Table, stale: Sequence[str]) -> Iterator[list[str]]:
        """Stale partitions of about ``rows_at_once`` events."""
        if not table.dated:
            yield from ([date] for date in stale)
            return
        group: list[str] = []
        rows = 0
        for date in stale:
            more = sum(dated.part.rows for dated in self.dates[date])
            if group and rows + more > self.engine.rows_at_once:
                yield group
                group, rows = [], 0
            group.append(date)
            rows += more
        if group:
            yield group

    def _make(
        self, table: Table, statements: Mapping[str, str], dates: Sequence[str]
    ) -> dict[str, list[TableFile]]:
        """Write partitions and move them to where the table lies; they are not published yet."""
        parts = [p for date in (dates if table.dated else self.dates) for p in self.dates[date]]
        if table.name == "events":
            self.engine.show_events(parts)
        for name in table.reads:
            if name in statements:
                files = self.tables.of(name).files
                wanted = [f for f in files if not f.date or not table.dated or f.date in dates]
                (read,) = with_only(name)
                self.engine.show_table(read, wanted, statements[name])
        version = self.tables.version + 1
        folder = f"{STAGING}/{version:012d}"
        rows = sum(p.part.rows for p in parts)
        sql = self._factors(table) if table in FACTORS else statements[table.name]
        staged = self.engine.make(table, sql, folder, rows)
        made: dict[str, list[TableFile]] = {date: [] for date in dates}
        moves = []
        for number, file in enumerate(staged):
            under = f"date={file.date}/" if table.dated else ""
            moves.append((file.path, f"{table.name}/{under}{version:012d}-{number:05d}.parquet"))
        for file, path in zip(staged, self.storage.move(moves), strict=True):
            made[file.date].append(TableFile(path, file.rows, file.bytes, file.date))
        self.storage.remove(folder)
        return made

    def _factors(self, table: Table) -> str:
        """The statement of a table of ``FACTORS``; they are fitted once in a run."""
        if not self._fitted and self.request.factors is not None:
            self._fitted = self.engine.factorise(self._plain(STRENGTHS), self.request.factors)
        return self._fitted[table.name]

    def _publish(self, table: Table, state: catalogue.TableState) -> None:
        tables = {**self.tables.tables, table.name: state}
        if table.name == "events":  # factors go with the events that they were fitted to
            for fitted in FACTORS:
                tables.pop(fitted.name, None)
        after = msgspec.structs.replace(
            self.tables, lake_version=self.manifest.version, tables=tables
        )
        self.tables = catalogue.publish(self.storage, self.tables, after)

    def _record(self, status: str, reason: str) -> RunRecord:
        engine = self.engine
        return RunRecord(
            self.request.at, self.request.as_of, engine.dialect.name, engine.versions,
            self.manifest.version, self.tables.version, self.made,
            round(perf_counter() - self._begun, 3), status, reason,
        )  # fmt: skip

    def _keep(self, record: RunRecord) -> None:
        path = f"{RUNS}/{record.at:020d}-{record.engine}-{record.version:012d}.json"
        self.storage.put_new(path, msgspec.json.format(msgspec.json.encode(record)))


def with_only(name: str) -> list[Table]:
    return [table for table in with_inputs([name]) if table.name == name]
