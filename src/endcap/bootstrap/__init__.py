"""From settings to an opened shop. The one place that knows which technology stands where."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from endcap.adapters.breaker import Count, uncounted
from endcap.adapters.dead_letters import DeadLetterFiles
from endcap.adapters.document_lease import document_lease
from endcap.adapters.rates import RateTable
from endcap.adapters.remote_files import edited
from endcap.adapters.telemetry_files import TELEMETRY, TelemetryFolder
from endcap.app.published import Published
from endcap.app.reloading import Loaded, load
from endcap.app.shop import Shop, Tokens
from endcap.bootstrap.buckets import artifacts_of, lake_of, stream_files_of, tables_of
from endcap.bootstrap.campaigns import campaign_of
from endcap.bootstrap.documents import documents_of, erase_events, erase_tables, log_of
from endcap.bootstrap.jobs import jobs_of
from endcap.bootstrap.places import lease, make
from endcap.bootstrap.rankers import ranker_of
from endcap.bootstrap.streams import erase_stream, neighbours_of
from endcap.bootstrap.vectors import erase_vectors, vectors_of
from endcap.control.dataset_groups import folder
from endcap.domain.errors import InvalidInput
from endcap.engine.limits import limits_of
from endcap.ports import Artifacts, Database, DeadLetters, Documents, EventLog
from endcap.settings import Settings
from endcap.telemetry import Reading, Telemetry

if TYPE_CHECKING:
    from endcap.adapters.database_url import DatabaseUrl
    from endcap.adapters.otel import OtelTracer
    from endcap.app.stream_parts import PartFiles
    from endcap.data.lake import Lake


def open_shop(
    settings: Settings,
    group: str | None = None,
    process: str = "",
    loaded: Loaded | None = None,
    telemetry: Telemetry | None = None,
) -> Shop:
    """Open (and, on first use, create) one dataset group. ``process`` names one whose counts all
    others see; without it they go to ``telemetry``. ``loaded``: what another opening of the same
    group has loaded; it catches up with the log at the first look.

    Raises InvalidInput (home_not_writable, bad_group) and Damaged, when nothing sound is left.
    """
    name = group or settings.group
    root = make(folder(settings.home, name))
    telemetry, readings = counts_of(root, process, telemetry)
    stores = stores_of(settings, name, telemetry.count)
    log, documents, artifacts = stores.log(), stores.documents(), stores.artifacts()
    limits = limits_of(settings)
    loaded = count_failures(telemetry, loaded or load(log, documents, artifacts, limits))
    return Shop(
        settings=settings,
        group=name,
        log=log,
        documents=documents,
        artifacts=artifacts,
        lake=stores.lake(),
        tables=tables_of(settings, name, root),
        stream_files=stores.stream_files(),
        dead=stores.dead(),
        jobs=jobs_of(settings, name),
        telemetry=telemetry,
        limits=limits,
        now=loaded.live,
        lacking=loaded.lacking,
        maintenance=lambda: maintenance_of(settings, root, documents),
        rates=RateTable(root / "rates"),
        readings=readings,
        edited=edited,
        renew=lambda: load(log, documents, artifacts, limits).live,
        vectors=partial(vectors_of, settings, name),
        ranker=ranker_of(settings, telemetry.count),
        campaign=campaign_of(settings),
        erasers=erasers_of(settings, name, documents),
    )


def count_failures(telemetry: Telemetry, loaded: Loaded) -> Loaded:
    for failure in loaded.failures:
        telemetry.count("load_failures_total", code=failure.code)
    return loaded


@contextmanager
def maintenance_of(settings: Settings, root: Path, documents: Documents) -> Iterator[None]:
    """Wait for, then hold what one process of a group may hold: of one machine, or of all that
    share its log. Raises as ``document_lease``."""
    with lease(root / "maintenance.lock"):
        if settings.log == "folder":
            yield
            return
        with document_lease(documents, "maintenance"):
            yield


def counts_of(
    root: Path, process: str, telemetry: Telemetry | None = None
) -> tuple[Telemetry, Callable[[], list[Reading]]]:
    """(where this process counts, what all processes of the group counted)."""
    if not process:
        return telemetry or Telemetry(), list
    shared = TelemetryFolder(root / TELEMETRY)
    return shared.open(process), shared.readings


def erasers_of(
    settings: Settings, group: str, documents: Documents
) -> dict[str, Callable[[str], int]]:
    """By place, what forgets one user there and says how many entries that were."""
    return {
        "vectors": partial(erase_vectors, settings, group),
        "records of the stream": partial(erase_stream, settings, group),
        "tables of users": partial(erase_tables, documents),
        "table of events": partial(erase_events, settings, group),
    }


def open_published(
    settings: Settings, group: str | None = None, count: Count = uncounted
) -> Published:
    """What answers are made of and no more; the log is not opened. ``count`` as ``stores_of``."""
    name = group or settings.group
    make(folder(settings.home, name))
    stores = stores_of(settings, name, count)
    neighbours = neighbours_of(settings, name)
    limits = limits_of(settings)
    return Published(stores.documents(), stores.artifacts(), limits, neighbours, count=count)


def tokens_of(settings: Settings) -> Tokens | None:
    """What reads JSON Web Tokens; None when no signing keys are set.

    Raises InvalidInput: token_unbound, token_extra_missing, token_keys_unreadable.
    """
    if not settings.jwks:
        return None
    for name in ("jwt_issuer", "jwt_audience"):
        if not getattr(settings, name):
            raise InvalidInput("token_unbound", field=f"ENDCAP_{name.upper()}")
    if find_spec("jwt") is None or find_spec("cryptography") is None:
        raise InvalidInput("token_extra_missing", field="ENDCAP_JWKS")
    from endcap.adapters.jwks import key_source
    from endcap.adapters.jwt_tokens import JwtTokens

    return JwtTokens(key_source(settings.jwks), settings.jwt_issuer, settings.jwt_audience)


def tracer_of(settings: Settings, process: str) -> OtelTracer | None:
    """None when traces are off. Raises InvalidInput (otel_extra_missing)."""
    if settings.otel == "off":
        return None
    try:
        from endcap.adapters.otel import OtelTracer
    except ModuleNotFoundError:
        raise InvalidInput("otel_extra_missing", field="ENDCAP_OTEL") from None
    return OtelTracer(process)


def open_database(url: DatabaseUrl) -> Database:
    """Connect to a shop's own database. Raises InvalidInput (database_extra_missing) and what
    the adapters raise (database_…)."""
    from endcap.data.database.dialects import MYSQL

    driver, extra = ("pymysql", "mysql") if url.dialect == MYSQL else ("psycopg", "postgres")
    if find_spec(driver) is None:
        raise InvalidInput("database_extra_missing", value=url.dialect, permitted=extra)
    if url.dialect == MYSQL:
        from endcap.adapters.mysql import MysqlDatabase

        return MysqlDatabase(url)
    from endcap.adapters.postgres_source import PostgresDatabase

    return PostgresDatabase(url)


class Stores(NamedTuple):
    """How to open each store of a group; each may be damaged while the others are sound."""

    log: Callable[[], EventLog]
    documents: Callable[[], Documents]
    artifacts: Callable[[], Artifacts]
    lake: Callable[[], Lake]
    dead: Callable[[], DeadLetters]
    stream_files: Callable[[], PartFiles]
    telemetry: Callable[[], TelemetryFolder]


def stores_of(settings: Settings, group: str, count: Count = uncounted) -> Stores:
    """``count``: where what stores meet is counted. Nothing is opened or made yet. Raises
    InvalidInput (bad_group)."""
    root = folder(settings.home, group)
    return Stores(
        log=lambda: log_of(settings, group, root, count),
        documents=lambda: documents_of(settings, group, root, count),
        artifacts=lambda: artifacts_of(settings, group, root),
        dead=lambda: DeadLetterFiles(root / "dead"),
        stream_files=lambda: stream_files_of(settings, group, root),
        telemetry=lambda: TelemetryFolder(root / TELEMETRY),
        lake=lambda: lake_of(settings, group, root),
    )


BESIDE = Path(__file__).parents[1] / "models" / "__pycache__"


def kernel_cache(settings: Settings) -> Path | None:
    """Where compiled kernels are kept: where NUMBA_CACHE_DIR says; beside the code, once for all
    homes, where that can be written to; else in the home. None: nowhere."""
    from endcap import __version__

    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    for place in (BESIDE, settings.home / "cache" / f"kernels-{__version__}"):
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(place, os.W_OK | os.X_OK):
            return place
    return None  # the kernels then run as numpy, with a warning


def prepare_kernels(settings: Settings) -> None:
    """Tell numba where to keep what it compiles, before anything imports it."""
    cache = kernel_cache(settings)
    if cache is not None and cache != BESIDE:  # beside the code is where it looks by itself
        os.environ["NUMBA_CACHE_DIR"] = str(cache)
