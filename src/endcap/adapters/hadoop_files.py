"""Tables in any file system that Spark reaches (S3 on Glue and EMR, HDFS), through its driver.

The operations of ``data/etl/storage.py``, by Hadoop's own interface to file systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from endcap.domain.errors import InvalidInput

LACKING = ("ClassNotFoundException", "UnsupportedFileSystemException")  # of Java's


class HadoopStorage:
    """``url``: the root, like ``s3://bucket/tables`` or ``file:///tables``.

    Raises InvalidInput (spark_lacks_s3).
    """

    def __init__(self, session: Any, url: str) -> None:
        self.url = url.rstrip("/")
        self._jvm = session.sparkContext._jvm
        configuration = session.sparkContext._jsc.hadoopConfiguration()
        try:
            self._files = self._path("").getFileSystem(configuration)
        except Exception as error:
            if any(name in str(error) for name in LACKING):
                raise InvalidInput(
                    "spark_lacks_s3", field="--engine spark", value=self.url
                ) from error
            raise

    def names(self, folder: str) -> list[str]:
        path = self._path(folder)
        if not self._files.exists(path):
            return []
        return sorted(status.getPath().getName() for status in self._files.listStatus(path))

    def read(self, path: str) -> bytes:
        if not self._files.exists(self._path(path)):
            raise FileNotFoundError(f"{self.url}/{path}")
        stream = self._files.open(self._path(path))
        try:
            return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
        finally:
            stream.close()

    def put_new(self, path: str, content: bytes) -> bool:
        """Not there: written whole when the stream closes, as object stores do; a file system
        gets it under another name first."""
        if self._files.exists(self._path(path)):
            return False
        folder, _, name = path.rpartition("/")
        staged = f"{folder}/.{name}.tmp"
        stream = self._files.create(self._path(staged), True)
        try:
            stream.write(bytearray(content))
        finally:
            stream.close()
        return bool(self._files.rename(self._path(staged), self._path(path)))

    def move(self, files: Sequence[tuple[str, str]]) -> list[str]:
        for path, to in files:
            self._files.mkdirs(self._path(to).getParent())
            if not self._files.rename(self._path(path), self._path(to)):
                raise OSError(f"{self.url}/{path} could not be moved to {to}")
        return [to for _, to in files]

    def remove(self, *paths: str) -> None:
        for path in paths:
            self._files.delete(self._path(path), True)

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(f"{self.url}/{path}" if path else self.url)
