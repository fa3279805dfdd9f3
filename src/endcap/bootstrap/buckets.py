"""Lake, tables, answers to streams, artifacts: in the home or in a bucket, as settings say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from endcap.adapters.folder import FolderArtifacts
from endcap.adapters.remote_files import need_aws
from endcap.bootstrap.documents import documents_of
from endcap.bootstrap.places import make, pepper_of
from endcap.ports import Artifacts
from endcap.settings import Settings

if TYPE_CHECKING:  # functions that answer have neither DuckDB nor Arrow
    from endcap.app.stream_parts import PartFiles
    from endcap.data.etl.storage import NearStorage
    from endcap.data.lake import Lake


def artifacts_of(settings: Settings, group: str, root: Path) -> Artifacts:
    """In the home, or in a bucket below the group's name, with copies in the home."""
    if not settings.artifacts:
        return FolderArtifacts(make(root / "artifacts"))
    need_aws("ENDCAP_ARTIFACTS")
    from endcap.adapters.s3_artifacts import S3Artifacts

    cache = make(root / "artifacts-cache")
    return S3Artifacts(f"{settings.artifacts.rstrip('/')}/{group}", cache, settings.cache_mb)


def lake_of(settings: Settings, group: str, root: Path) -> Lake:
    """As for artifacts; the lake writes in the home first."""
    from endcap.data.lake import Lake

    local, files = root / "lake", None
    if settings.lake:
        need_aws("ENDCAP_LAKE", "fsspec")
        from endcap.adapters.s3_lake import S3LakeFiles

        files = S3LakeFiles(f"{settings.lake.rstrip('/')}/{group}", local)
    documents = documents_of(settings, group, root) if settings.documents else None
    pepper, hours = pepper_of(root, documents), settings.lake_hours
    return Lake(local, settings.memory_mb, settings.cores, pepper, files, hours)


def tables_of(settings: Settings, group: str, root: Path) -> NearStorage:
    """Where the lake is."""
    from endcap.data.etl.storage import TABLES, LocalStorage

    if not settings.lake:
        return LocalStorage(root / TABLES)
    need_aws("ENDCAP_LAKE", "fsspec")
    from endcap.adapters.s3_tables import S3Tables

    return S3Tables(f"{settings.lake.rstrip('/')}/{group}/{TABLES}", root / TABLES)


def stream_files_of(settings: Settings, group: str, root: Path) -> PartFiles:
    """In the lake, wherever that is."""
    from endcap.app.stream_parts import STREAM, FolderParts

    if not settings.lake:
        return FolderParts(root / "lake" / STREAM)
    need_aws("ENDCAP_LAKE")
    from endcap.adapters.s3_parts import S3Parts

    return S3Parts(f"{settings.lake.rstrip('/')}/{group}/{STREAM}")
