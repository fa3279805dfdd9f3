"""What a stream's consumer writes, in a bucket below the lake: an object for each file.

What another program put there, such as Amazon Data Firehose, is read (and rid of erased users) as
well, whatever its names end with, where it lies in folders of the same shape and is not packed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from endcap.adapters.s3 import TRANSFERS, Absent, Bucket

_PART = re.compile(r"[^/]+/[^/]+/date=[^/]+/[^/]+")


class S3Parts:
    """See ``app.stream_parts.PartFiles``. Every method raises what ``Bucket`` raises."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._bucket = Bucket(url)

    def replace(self, path: str, content: bytes) -> None:
        if content:
            self._bucket.put(path, content)
        else:
            self._bucket.delete([path])

    def read(self, folder: str) -> Iterator[tuple[str, bytes]]:
        found = self._bucket.objects(f"{folder}/" if folder else "")
        keys = (one.key for one in found if _PART.fullmatch(one.key))
        with ThreadPoolExecutor(TRANSFERS) as pool:
            while some := list(islice(keys, TRANSFERS)):
                for key, content in zip(some, pool.map(self._content, some), strict=True):
                    if content:
                        yield key, content

    def _content(self, key: str) -> bytes:
        try:
            return self._bucket.get(key)
        except Absent:  # removed since it was listed
            return b""
