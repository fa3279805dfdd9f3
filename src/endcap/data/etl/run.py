"""A run of the ETL: what changed in the lake since the last one is made anew, on either engine.

Each partition is replaced as a whole when it is done, so a run that was cut short goes on where it
stopped, and the same run again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import perf_counter

import msgspec

from endcap.data.etl import catalogue, sources
from endcap.data.etl.catalogue import TableFile
from endcap.data.etl.engine import Engine, EntityPart, Written
from endcap.data.etl.records import Made, Request, RunRecord
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
        self.of_users: dict[str, Written] = {}
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
            kept = [table for table in wanted if self._is_kept(table.name)]
            for place, table in enumerate(kept):
                self.progress(table.name, place / len(kept))
                if table.by_user and not self.of_users:
                    self._users([t for t in wanted if t.by_user], kept, statements)
                self._table(table, statements, place / len(kept), 1 / len(kept))
        except BaseException as error:
            self._keep(self._record("failed", getattr(error, "code", type(error).__name__)))
            raise
        finally:
            self.storage.remove(STAGING)
        record = self._record("done", "")
        self._keep(record)
        return record

    def _is_kept(self, name: str) -> bool:
        """Whether a table is written, or worked out for those that read it alone."""
        request = self.request
        asked = (*request.tables, *(table.name for table in FACTORS))
        return not request.only or not request.tables or name in asked

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
        at, attributes = self.request.as_of, self._attributes_made(table)
        now = self._fingerprints(table)
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
                after.bytes, round(perf_counter() - begun + self._seconds(table), 3),
            )
        )  # fmt: skip

    def _users(
        self, tables: Sequence[Table], kept: Sequence[Table], statements: Mapping[str, str]
    ) -> None:
        """Make the stale ones among tables ``by_user`` together; ``_make`` takes them up."""
        stale = [t for t in tables if t in kept and self._stale(t, self._fingerprints(t), {})]
        if not stale:
            return
        parts = [part for parts in self.dates.values() for part in parts]
        inputs = {name for table in tables for name in table.reads} - {t.name for t in tables}
        self._show(inputs, statements, parts, None)
        rows, names = sum(p.part.rows for p in parts), {table.name for table in stale}
        self.of_users = self.engine.make_of_users(
            tables, statements, f"{STAGING}/of_users", rows, names
        )

    def _seconds(self, table: Table) -> float:
        """What a table took that was made together with others."""
        made = self.of_users.get(table.name)
        return made.seconds if made else 0.0

    def _fingerprints(self, table: Table) -> dict[str, str]:
        plain = {table.name: self._plain(table.name)}
        return sources.fingerprints(self.manifest, table, plain, self.request.as_of)

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
        version = self.tables.version + 1
        folder = f"{STAGING}/{version:012d}"
        rows = sum(p.part.rows for p in parts)
        if table.name in self.of_users:
            staged = self.of_users[table.name].files
        else:
            if table.name == "events":
                self.engine.show_events(parts)
            self._show(table.reads, statements, parts, dates if table.dated else None)
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

    def _show(
        self,
        names: Iterable[str],
        statements: Mapping[str, str],
        parts: Sequence[sources.Dated],
        dates: Sequence[str] | None,
    ) -> None:
        """Let the engine see tables that are read; those by date with these dates, None for all."""
        for name in names:
            if name not in statements:
                continue
            (read,) = with_only(name)
            if not self._is_kept(name):
                if name == "events":
                    self.engine.show_events(parts)
                self._show(read.reads, statements, parts, dates)
                self.engine.hold(read, statements[name])
                continue
            files = self.tables.of(name).files
            wanted = [f for f in files if not f.date or dates is None or f.date in dates]
            self.engine.show_table(read, wanted, statements[name])

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
