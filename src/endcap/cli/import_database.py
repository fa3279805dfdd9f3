"""``endcap import URL``: a shop's own database as the source."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from endcap.cli.arguments import hide_argument
from endcap.cli.output import Report, progress, say
from endcap.domain.errors import InvalidInput
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.adapters.database_url import DatabaseUrl
    from endcap.app.shop import Shop
    from endcap.data.database.mapping import Mapping
    from endcap.data.importer import ImportOptions, ImportReport, Progress

PHASES = {"merge": "writing the lake", "measure": "measuring", "snapshot": "writing a snapshot"}


class Asked(NamedTuple):
    """What the command line says of a database; ``mapping`` may be one of files."""

    url: str | None
    mapping: str | None
    propose: bool
    full: bool
    tls: str | None
    tls_ca: str | None
    password_file: str | None

    def of_database(self) -> bool:
        """Raises InvalidInput (database_url_needed) for its options without a URL."""
        if self.url is not None:
            return True
        for name in ("propose", "full", "tls", "tls_ca", "password_file"):
            if getattr(self, name):
                option = "--" + name.replace("_", "-")
                raise InvalidInput("database_url_needed", field=option)
        return False


def import_url(
    settings: Settings, asked: Asked, of_files: Sequence[str], options: ImportOptions
) -> ImportReport | None:
    """Import from the database, or print a proposed mapping and return None."""
    if of_files:
        raise InvalidInput("database_files_given", field=of_files[0])
    url = _url(settings, asked)
    if asked.propose:
        _propose(url)
        return None
    from endcap.bootstrap import open_shop, prepare_kernels

    mapping = mapping_of(asked.mapping)
    prepare_kernels(settings)
    with progress("import") as report:
        shop = open_shop(settings)
        return read_database(shop, url, mapping, options, report, full=asked.full)


def mapping_of(name: str | None) -> Mapping:
    """Raises InvalidInput (database_mapping_needed)."""
    from endcap.data.database.mapping import READY, find_mapping, parse

    if not name:
        raise InvalidInput("database_mapping_needed", permitted=", ".join(READY))
    return parse(find_mapping(name), name)


def read_database(
    shop: Shop,
    url: DatabaseUrl,
    mapping: Mapping,
    options: ImportOptions,
    report: Report,
    *,
    full: bool,
) -> ImportReport:
    """What is new since the last time, or all of it."""
    from endcap.app.importing import import_database_into
    from endcap.bootstrap import open_database

    database = open_database(url)
    try:
        return import_database_into(shop, database, mapping, options, shown(report), full=full)
    finally:
        database.close()


def _url(settings: Settings, asked: Asked) -> DatabaseUrl:
    """The password: of the file, else the environment, else the URL."""
    from endcap.adapters.database_url import parse_url, password_of, read_password

    given = str(asked.url)
    if written := password_of(given):
        hide_argument(written)
    password = read_password(asked.password_file) if asked.password_file else None
    return parse_url(
        given,
        password=password or str(settings.database_password) or None,
        tls=asked.tls,
        ca=asked.tls_ca,
    )


def _propose(url: DatabaseUrl) -> None:
    from endcap.bootstrap import open_database
    from endcap.data.database.propose import propose

    database = open_database(url)
    try:
        say(propose(database.relations(), database.name))
    finally:
        database.close()


def shown(report: Report) -> Callable[[Progress], None]:
    """Progress as text: rows, rows in a second, the share of the bytes where it is known."""
    begun = time.monotonic()

    def show(state: Progress) -> None:
        if state.phase != "read":
            report(PHASES.get(state.phase, state.phase))
            return
        speed = state.rows / max(time.monotonic() - begun, 1e-3)
        share = state.bytes_done / state.bytes_total if state.bytes_total else None
        report(f"{state.rows:,} rows, {speed:,.0f}/s", share)

    return show
