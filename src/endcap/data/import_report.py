"""What an import reports: rows by what became of them, the rejects file, data quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct

from endcap.data.check import Reading
from endcap.data.forgetting import recogniser
from endcap.data.lake import Lake
from endcap.data.manifest import Manifest
from endcap.data.quality import Quality, measure
from endcap.data.rejects import gather_rejects
from endcap.data.sources import DATABASE, TABLES
from endcap.data.staging import Reason, Staging
from endcap.domain.columns import EVENT_TYPE, USER_ID

USER_ERASED = "user_erased"


class TableReport(Struct, frozen=True):
    """``rows`` = ``accepted`` + ``rejected`` + ``repeats``. For users and items a repeat is a row
    that a later row of the same id replaced."""

    files: int
    rows: int
    accepted: int
    rejected: int
    repeats: int
    reasons: list[Reason]


class LeftOut(NamedTuple):
    """Good rows that did not go in: repeats, and those of users who were erased."""

    repeats: int
    forgotten: int


class ImportReport(Struct, frozen=True):
    """``rejects``: the file with every rejected row, "" if there is none. ``mapping``: by file,
    canonical column → the file's column where that was not plain."""

    import_id: str
    version: int  # of the lake's manifest
    tables: dict[str, TableReport]
    mapping: dict[str, dict[str, str]]
    notes: list[str]
    rejects: str
    quality: Quality


def write_report(
    lake: Lake,
    manifest: Manifest,
    staging: Staging,
    readings: Sequence[Reading],
    left: Mapping[str, LeftOut],
    event_type: str | None,
    notes: Sequence[str] = (),
) -> ImportReport:
    """Measure the lake, gather the rejects and keep the report in ``imports/``."""
    with lake.connect(manifest) as connection:
        quality = measure(connection)
    report = ImportReport(
        import_id=staging.state.import_id,
        version=manifest.version,
        tables=_tables(staging, left),
        mapping={r.file.path: r.resolved.guessed for r in readings if r.resolved.guessed},
        notes=[*_notes(readings, event_type), *notes],
        rejects=_save_rejects(lake, manifest, staging),
        quality=quality,
    )
    folder = lake.root / "imports"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{report.import_id}.json").write_bytes(msgspec.json.encode(report))
    return report


def _tables(staging: Staging, left: Mapping[str, LeftOut]) -> dict[str, TableReport]:
    tables: dict[str, TableReport] = {}
    for table in TABLES:
        files = [file for file in staging.state.files if file.table == table]
        done = staging.of_table(table)
        if not files:
            continue
        reasons: dict[tuple[str, str], int] = {}
        for reason in (reason for chunk in done for reason in chunk.reasons):
            key = (reason.code, reason.column)
            reasons[key] = reasons.get(key, 0) + reason.rows
        repeats, forgotten = left[table]
        if forgotten:  # of these no row is kept among the rejects
            reasons[USER_ERASED, USER_ID] = forgotten
        tables[table] = TableReport(
            files=len(files),
            rows=sum(chunk.rows for chunk in done),
            accepted=sum(chunk.accepted for chunk in done) - repeats - forgotten,
            rejected=sum(reasons.values()),
            repeats=repeats,
            reasons=[Reason(*key, rows) for key, rows in sorted(reasons.items())],
        )
    return tables


def _notes(readings: Sequence[Reading], event_type: str | None) -> list[str]:
    notes = []
    files = [r for r in readings if r.file.table == "events" and r.file.format != DATABASE]
    untyped = [r.file.path for r in files if EVENT_TYPE not in r.resolved.columns]
    if untyped:
        kind = event_type or "view"
        notes.append(f"{len(untyped)} file(s) name no event type: every row counts as {kind}")
    return notes


def _save_rejects(lake: Lake, manifest: Manifest, staging: Staging) -> str:
    """Gather the rejects of all chunks in one file; its path."""
    names = [done.name for done in staging.state.done if done.name]
    parts = [staging.path(name, ".rejects") for name in names]
    with lake.connect(manifest) as connection:
        forgotten = recogniser(connection, manifest, lake.where, lake.pepper)
    return gather_rejects(lake.root, staging.state.import_id, parts, forgotten)
