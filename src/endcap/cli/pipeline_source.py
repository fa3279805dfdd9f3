"""Where a run of the pipeline begins: files, a folder, a bucket, or the shop's own database.

What the run's record keeps of it is enough to go on later, but for the password.
"""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from endcap.adapters.database_url import (
    cut_password,
    is_database,
    parse_url,
    password_of,
    read_password,
)
from endcap.cli.arguments import hide_argument
from endcap.cli.import_ import import_paths
from endcap.cli.import_database import mapping_of, read_database
from endcap.cli.output import Report
from endcap.domain.errors import InvalidInput, NotFound
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Shop
    from endcap.data.importer import ImportOptions, ImportReport
    from endcap.pipeline.steps import Facts

OF_DATABASE = ("full", "tls", "tls_ca", "password_file")
KEPT = ("source", "interactions", "mapping", *OF_DATABASE)


class Origin(NamedTuple):
    """``facts``: what the record keeps; ``password``: of the database, where it was given here."""

    facts: dict[str, Any]
    password: str | None


def origin_of(given: dict[str, Any]) -> Origin:
    """Of the command's options; what is wrong with them is told before anything runs.

    Raises InvalidInput (database_url_needed, database_mapping_needed, bad_database_url, …).
    """
    facts = {name: given[name] for name in KEPT}
    password = None
    if is_database(str(facts["source"] or "")):
        if written := password_of(str(facts["source"])):
            hide_argument(written)
        facts["source"], password = cut_password(str(facts["source"]))
        mapping_of(facts["mapping"])
        parse_url(facts["source"], tls=facts["tls"], ca=facts["tls_ca"])
        return Origin(facts, password)
    for name in OF_DATABASE:
        if facts[name]:
            option = "--" + name.replace("_", "-")
            raise InvalidInput("database_url_needed", field=option)
    return Origin(facts, None)


def import_origin(
    shop: Shop,
    facts: Facts,
    at: int,
    *,
    settings: Settings,
    password: str | None,
    report: Report,
) -> dict[str, Any]:
    """Import what the facts of a run name; the counts of rows by what became of them."""
    from endcap.data.importer import ImportOptions

    source, options = str(facts.get("source") or ""), ImportOptions(at)
    told: list[ImportReport | None] = []
    if is_database(source):
        file = facts.get("password_file")
        secret = read_password(str(file)) if file else str(settings.database_password)
        url = parse_url(
            source,
            password=secret or password,
            tls=facts.get("tls"),
            ca=facts.get("tls_ca"),
        )
        mapping = mapping_of(facts.get("mapping"))
        full = bool(facts.get("full"))
        told.append(read_database(shop, url, mapping, options, report, full=full))
    else:
        told.append(_files(shop, source, "", facts, options, report))
    pattern = str(facts.get("interactions") or "")
    told.append(_files(shop, "", pattern, facts, options, report))
    return _counts([one for one in told if one is not None])


def _files(
    shop: Shop, source: str, pattern: str, facts: Facts, options: ImportOptions, report: Report
) -> ImportReport | None:
    """None: nothing was asked for, or nothing matches the pattern this time."""
    from endcap.data.mapping import read_mapping

    given: dict[str, Any] = {"url": source, "users": (), "items": (), "interactions": ()}
    if pattern:
        remote = pattern.startswith("s3://")
        found = [pattern] if remote else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        given["interactions"] = found
    if not source and not given["interactions"]:
        return None
    file = None if is_database(str(facts.get("source") or "")) else facts.get("mapping")
    mapping = read_mapping(Path(str(file))) if file else {}
    try:
        return import_paths(shop, given, mapping, options, report)
    except NotFound as error:
        if source or error.code != "no_such_file":
            raise
        return None


def _counts(reports: list[ImportReport]) -> dict[str, Any]:
    counts: dict[str, dict[str, int]] = {}
    for report in reports:
        for table, told in report.tables.items():
            of = counts.setdefault(table, {"accepted": 0, "rejected": 0, "repeats": 0})
            for name in of:
                of[name] += getattr(told, name)
    return counts
