"""Where ENDCAP_VECTORS keeps vectors: a folder, an embedded PostgreSQL, or one that a URL names."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from endcap.bootstrap.places import make
from endcap.control.dataset_groups import folder
from endcap.domain.errors import InvalidInput, NotFound
from endcap.ports import VectorIndex
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.adapters.embedded_postgres import EmbeddedPostgres
    from endcap.adapters.postgres import Postgres
    from endcap.domain.arrays import Float32s


def erase_vectors(settings: Settings, group: str, user_id: str) -> int:
    """How many vectors of the user went. Opens nothing where none were ever loaded."""
    place = {
        "folder": folder(settings.home, group) / "vectors" / "users",
        "embedded": settings.home / "postgres",
    }.get(settings.vectors)
    if place is not None and not place.is_dir():
        return 0
    try:
        return vectors_of(settings, group, "users").erase([user_id])
    except NotFound:  # a database without Endcap's tables
        return 0


def vectors_of(
    settings: Settings,
    group: str,
    kind: str,
    *,
    asked: Float32s | None = None,
    progress: Callable[[str, float], None] = lambda _stage, _share: None,
) -> VectorIndex:
    """The vectors of one kind ("items", "users"), where ENDCAP_VECTORS says. ``asked``: vectors
    (q, d) like those that will be asked, to measure with when a version is loaded.

    Raises InvalidInput (postgres_extra_missing, embedded_extra_missing, embedded_closed,
    bad_vectors_url) and Unavailable (embedded_not_started).
    """
    if settings.vectors == "folder":
        from endcap.adapters.vector_folder import FolderVectors

        return FolderVectors(
            make(folder(settings.home, group) / "vectors" / kind), seed=settings.seed
        )
    try:
        from endcap.adapters.pgvector import PgVectors
    except ModuleNotFoundError:
        raise InvalidInput("postgres_extra_missing", field="ENDCAP_VECTORS") from None
    return PgVectors(
        database_of(settings), group, kind, seed=settings.seed, asked=asked,
        memory_mb=max(64, settings.memory_mb // 4), progress=progress,
    )  # fmt: skip


def database_of(settings: Settings) -> Postgres:
    """One pool of connections for each database and process. Raises as ``vectors_of``."""
    url = str(settings.vectors)
    if url == "embedded":
        url = _embedded(settings.home / "postgres").url
    return _pool(url, max(1.0, settings.vectors_ms / 1000))


@cache
def _embedded(place: Path) -> EmbeddedPostgres:
    from endcap.adapters.embedded_postgres import EmbeddedPostgres

    server = EmbeddedPostgres(make(place))
    server.start()
    _servers.append(server)
    return server


_servers: list[EmbeddedPostgres] = []  # that this process uses


def close_servers() -> None:
    """For processes that end without the interpreter's own end, as forked ones do."""
    while _servers:
        _servers.pop().stop()


@cache
def _pool(url: str, timeout_s: float) -> Postgres:
    from endcap.adapters.postgres import Postgres

    return Postgres(url, timeout_s=timeout_s)
