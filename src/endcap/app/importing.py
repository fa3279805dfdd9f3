"""Import of files: the lake first, then a snapshot that every worker takes up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from endcap.app.compaction import publish_built, settle
from endcap.app.shop import Shop
from endcap.data.importer import ImportOptions, ImportReport, Progress, import_files
from endcap.data.sources import Source


def import_into(
    shop: Shop,
    sources: Sequence[Source],
    mapping: Mapping[str, str],
    options: ImportOptions,
    progress: Callable[[Progress], None],
) -> ImportReport:
    """Import into the lake, then publish a snapshot, under the maintenance lock.

    Before: the log's tail goes into the lake, so that the new snapshot stands at one offset.
    Killed in the middle: the import resumes; a missing snapshot is made by the keeper.
    Raises what ``import_files`` raises.
    """
    settle(shop, options.at)
    with shop.maintenance():
        before = shop.lake.manifest().version
        report = import_files(shop.lake, sources, mapping, options, progress)
        if shop.lake.manifest().version != before:
            progress(Progress("snapshot", report.quality.events, 1, 1))
            publish_built(shop, options.at)
    return report
