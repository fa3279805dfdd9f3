"""Import jobs: what a file holds goes into a dataset, and the next answer knows of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from endcap.app.importing import import_dataset_into
from endcap.app.locations import FILE, check_inside, local_path, scheme_of
from endcap.app.shop import Shop
from endcap.control.registry.datasets import INTERACTIONS, ITEMS, USERS, Dataset
from endcap.control.registry.imports import FULL, ImportJob
from endcap.control.registry.schemas import Schema
from endcap.control.registry.statuses import ACTIVE
from endcap.control.registry.store import Registry
from endcap.data.dataset_import import DatasetFiles
from endcap.data.import_report import ImportReport
from endcap.data.importer import ImportOptions, Progress
from endcap.data.sources import File, Source, find_files
from endcap.domain.avro import columns_of

TABLES = {INTERACTIONS: "events", ITEMS: "items", USERS: "users"}

# (location, the lake's folder) → the path of a local copy
Fetch = Callable[[str, Path], str]


def run_import_job(
    shop: Shop,
    registry: Registry,
    arn: str,
    now: Callable[[], int],
    progress: Callable[[str, float], None],
    fetch: Fetch,
) -> None:
    """Import what the job names and set it ACTIVE. Killed in the middle and run again, it goes on
    where it was. ``now``: µs.

    Raises Forbidden, InvalidInput, NotFound about the location, the files or what they hold;
    Unavailable.
    """
    job = registry.find(ImportJob, arn)
    dataset = registry.find(Dataset, job.dataset_arn)
    schema = registry.find(Schema, dataset.schema_arn)
    table = TABLES[dataset.type]
    given = DatasetFiles(
        table,
        columns_of(schema.schema),
        files_of(shop, table, job.location, fetch),
        asked=arn,
        replace=job.mode == FULL,
    )

    def report(done: Progress) -> None:
        progress(done.phase, done.bytes_done / max(done.bytes_total, 1))

    found = import_dataset_into(shop, given, ImportOptions(at=now()), report)
    registry.change(ImportJob, arn, lambda standing: _active(standing, found, table, now()))


def files_of(shop: Shop, table: str, location: str, fetch: Fetch) -> list[File]:
    """All files at a location; those of this machine below ENDCAP_IMPORT_ROOTS alone."""
    if scheme_of(location) != FILE:
        return find_files([Source(table, fetch(location, shop.lake.root))])
    roots = shop.settings.import_roots
    files = find_files([Source(table, str(local_path(location, roots)))])
    check_inside([Path(file.path) for file in files], roots)  # a link there may lead away
    return files


def _active(now: ImportJob, report: ImportReport, table: str, at: int) -> ImportJob:
    counts = report.tables[table]
    return msgspec.structs.replace(
        now,
        status=ACTIVE,
        failure_reason="",
        updated_at=at,
        rows=counts.rows - counts.rejected,
        refused=counts.rejected,
    )
