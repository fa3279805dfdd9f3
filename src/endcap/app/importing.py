"""Import of files or of a database: the lake first, then a snapshot that every worker takes up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Map

from endcap.app.compaction import publish_built, settle
from endcap.app.shop import Shop
from endcap.data.database.importing import import_database
from endcap.data.database.mapping import Mapping
from endcap.data.dataset_import import DatasetFiles, import_dataset
from endcap.data.importer import ImportOptions, ImportReport, Progress, import_files
from endcap.data.sources import Source
from endcap.ports import Database


def import_into(
    shop: Shop,
    sources: Sequence[Source],
    mapping: Map[str, str],
    options: ImportOptions,
    progress: Callable[[Progress], None],
) -> ImportReport:
    """Import into the lake, then publish a snapshot, under the maintenance lock.

    Before: the log's tail goes into the lake, so that the new snapshot stands at one offset.
    Killed in the middle: the import resumes; a missing snapshot is made by the keeper.
    Raises what ``import_files`` raises.
    """

    def run() -> ImportReport:
        return import_files(shop.lake, sources, mapping, options, progress)

    return published(shop, run, options.at, progress)


def import_database_into(
    shop: Shop,
    database: Database,
    mapping: Mapping,
    options: ImportOptions,
    progress: Callable[[Progress], None],
    *,
    full: bool = False,
) -> ImportReport:
    """As ``import_into``, of a database. Raises what ``import_database`` raises."""

    def run() -> ImportReport:
        return import_database(shop.lake, database, mapping, options, progress, full=full)

    return published(shop, run, options.at, progress)


def import_dataset_into(
    shop: Shop,
    files: DatasetFiles,
    options: ImportOptions,
    progress: Callable[[Progress], None],
) -> ImportReport:
    """As ``import_into``, into one dataset. Raises what ``import_dataset`` raises."""

    def run() -> ImportReport:
        return import_dataset(shop.lake, files, options, progress)

    return published(shop, run, options.at, progress, renumber=files.replace)


def published(
    shop: Shop,
    run: Callable[[], ImportReport],
    at: int,
    progress: Callable[[Progress], None],
    renumber: bool = False,
) -> ImportReport:
    """Change the lake by ``run``, and have a snapshot in force that holds what it brought.
    ``renumber``: and nothing of what it took away."""
    settle(shop, at)
    with shop.maintenance():
        before = shop.lake.manifest().version
        report = run()
        if shop.lake.manifest().version != before:
            progress(Progress("snapshot", report.quality.events, 1, 1))
            publish_built(shop, at, renumber)
    return report
