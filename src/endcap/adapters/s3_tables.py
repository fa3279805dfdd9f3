"""The tables of the ETL in a bucket, beside the lake's files: what DuckDB writes goes up whole, and
is read where it lies.

A file gets a name that no other upload gives, so that a run which loses against another one
overwrites nothing; what no manifest names is removed after a day.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import duckdb

from endcap.adapters.s3 import Absent, Bucket
from endcap.adapters.s3_reading import S3Reading, own_name
from endcap.data.etl.storage import STAGING


class TableReading(S3Reading):
    """One connection reads the lake and the tables: each has its own name there."""

    protocol = "endcap-s3-tables"


class S3Tables:
    """See ``data.etl.storage.NearStorage``. Every method raises what ``Bucket`` raises.

    ``root``: the local folder in which an engine writes.
    """

    def __init__(self, url: str, root: Path) -> None:
        self.url, self.root = url.rstrip("/"), root
        self._bucket = Bucket(url)
        self._reading = TableReading(self._bucket)

    def names(self, folder: str) -> list[str]:
        start = f"{folder}/"
        keys = (found.key.removeprefix(start) for found in self._bucket.objects(start))
        return sorted({key.split("/")[0] for key in keys})

    def read(self, path: str) -> bytes:
        try:
            return self._bucket.get(path)
        except Absent:
            raise FileNotFoundError(f"{self.url}/{path}") from None

    def put_new(self, path: str, content: bytes) -> bool:
        return self._bucket.put_new(path, content)

    def move(self, files: Sequence[tuple[str, str]]) -> list[str]:
        keys = [own_name(to) for _, to in files]
        local = [self.root / path for path, _ in files]
        self._bucket.put_files(zip(keys, local, strict=True))
        for path in local:
            path.unlink()
        return keys

    def remove(self, *paths: str) -> None:
        gone = []
        for path in paths:
            if path.split("/")[0] == STAGING:
                shutil.rmtree(self.root / path, ignore_errors=True)
            elif PurePosixPath(path).suffix:
                gone.append(path)
            else:
                gone += [found.key for found in self._bucket.objects(f"{path}/")]
        self._bucket.delete(gone)

    def where(self, path: str) -> str:
        return self._reading.url(path)

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        connection.register_filesystem(self._reading)

    def open(self, path: str) -> BinaryIO:
        return cast("BinaryIO", self._reading.open(path))

    def others(self, named: set[str], before: int | None = None) -> list[str]:
        return [
            found.key
            for found in self._bucket.objects()
            if found.key.endswith(".parquet")
            and found.key not in named
            and (before is None or found.modified * 1e6 < before)
        ]
