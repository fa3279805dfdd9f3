"""Objects of a bucket, on Amazon S3 or any endpoint that speaks its protocol.

Where the endpoint, the region and the credentials are is said by the AWS_… variables, as for every
tool of AWS. Calls that fail are repeated by the SDK with growing, random pauses. Needs the extra
``endcap[aws]``.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable

CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ATTEMPTS = 3.0, 30.0, 5
TRANSFERS = 8  # at once: they wait for the network, not for a core
ONE_PUT_BYTES = 64 * 2**20  # a larger file goes up in parts
MOST_DELETED = 1000  # in one request
_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
_DENIED = ("AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken",
           "InvalidToken", "AllAccessDisabled", "KMS.DisabledException")  # fmt: skip
_TAKEN = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")
_ABSENT = ("NoSuchKey", "404", "NotFound")


class Absent(Exception):
    """There is no object of this key."""


class Object(NamedTuple):
    """``key`` relative to the bucket's prefix; ``modified`` in seconds since 1970."""

    key: str
    size: int
    modified: float


def is_s3(url: str) -> bool:
    return url.startswith("s3://")


def split_url(url: str) -> tuple[str, str]:
    """(bucket, key or prefix without slashes around it). Raises InvalidInput (bad_s3_url)."""
    found = _URL.fullmatch(url)
    if found is None:
        raise InvalidInput("bad_s3_url", field="URL", value=url)
    return found[1], (found[2] or "").strip("/")


def s3_client() -> Any:
    """Raises InvalidInput (aws_not_configured)."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=2 * TRANSFERS,
        # Other checksums than Content-MD5 are not known to every endpoint.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        return boto3.session.Session().client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise InvalidInput("aws_not_configured", field="s3", reason=str(error)) from error


class Bucket:
    """The objects below ``s3://bucket/prefix``. Safe for threads, and after a fork.

    Every method raises NotFound (unknown_bucket), Forbidden (s3_denied), Unavailable
    (s3_unavailable) and InvalidInput (aws_not_configured).
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.name, self.prefix = split_url(url)
        self._made: tuple[int, Any] | None = None

    @property
    def client(self) -> Any:
        if self._made is None or self._made[0] != os.getpid():
            self._made = os.getpid(), s3_client()
        return self._made[1]

    def full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix and key else self.prefix or key

    def put_new(self, key: str, body: bytes) -> bool:
        """Write unless there is one already: False. ``body`` must be like no other: an answer that
        was lost on its way is recognised by it."""
        try:
            with self.errors():
                self.client.put_object(
                    Bucket=self.name, Key=self.full(key), Body=body, IfNoneMatch="*",
                    ContentMD5=_md5(body),
                )  # fmt: skip
        except ClientError as error:
            if _code(error) not in _TAKEN:
                raise
            try:
                return self.get(key) == body
            except Absent:  # another writer was at it, and has taken it back
                raise self._unavailable(_code(error)) from error
        return True

    def put_file(self, key: str, path: Path) -> None:
        with self.errors():
            if path.stat().st_size > ONE_PUT_BYTES:
                self.client.upload_file(str(path), self.name, self.full(key))
                return
        self.put(key, path.read_bytes())

    def put(self, key: str, body: bytes) -> None:
        """Whole or not at all, in place of what was there."""
        with self.errors():
            self.client.put_object(
                Bucket=self.name, Key=self.full(key), Body=body, ContentMD5=_md5(body)
            )

    def put_files(self, files: Iterable[tuple[str, Path]]) -> None:
        """Several at once; all are there when it returns."""
        with ThreadPoolExecutor(TRANSFERS) as pool:
            for _ in pool.map(lambda file: self.put_file(*file), files):
                pass

    def get(self, key: str) -> bytes:
        """Raises Absent."""
        body: bytes = self._get(key)["Body"].read()
        return body

    def get_range(self, key: str, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to before ``stop``. Raises Absent."""
        with self.errors():
            body: bytes = self._get(key, Range=f"bytes={start}-{stop - 1}")["Body"].read()
            return body

    def get_tail(self, key: str, most: int) -> tuple[int, bytes]:
        """(size of the object, its last bytes, at most ``most``). Raises Absent."""
        with self.errors():
            found = self._get(key, Range=f"bytes=-{most}")
            size = int(str(found.get("ContentRange", "/0")).rpartition("/")[2])
            tail = found["Body"].read()
            return size or len(tail), tail

    def pieces(self, key: str, size: int) -> Iterator[bytes]:
        """All its bytes in order, some at a time. Raises Absent."""
        body = self._get(key)["Body"]
        with self.errors():
            yield from body.iter_chunks(size)

    def fetch(self, key: str, path: Path) -> None:
        """To a local file. Raises Absent."""
        with self.errors(), path.open("wb") as file:
            try:
                self.client.download_fileobj(self.name, self.full(key), file)
            except ClientError as error:
                if _code(error) in _ABSENT:
                    raise Absent(key) from error
                raise

    def fetch_all(self, files: Iterable[tuple[str, Path]]) -> None:
        with ThreadPoolExecutor(TRANSFERS) as pool:
            for _ in pool.map(lambda file: self.fetch(*file), files):
                pass

    def objects(self, prefix: str = "") -> Iterator[Object]:
        """In order of key."""
        cut = len(self.prefix) + 1 if self.prefix else 0
        whole = f"{self.prefix}/{prefix}" if self.prefix else prefix
        with self.errors():
            pages = self.client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.name, Prefix=whole):
                for found in page.get("Contents", ()):
                    modified = found["LastModified"].timestamp()
                    yield Object(found["Key"][cut:], int(found["Size"]), modified)

    def delete(self, keys: Iterable[str]) -> None:
        """Nothing happens where there is none."""
        wanted = [{"Key": self.full(key)} for key in keys]
        for start in range(0, len(wanted), MOST_DELETED):
            with self.errors():
                answer = self.client.delete_objects(
                    Bucket=self.name,
                    Delete={"Objects": wanted[start : start + MOST_DELETED], "Quiet": True},
                )
            for failed in answer.get("Errors", ()):
                raise self._translated(str(failed.get("Code")), str(failed.get("Message")))

    def _get(self, key: str, **more: str) -> dict[str, Any]:
        with self.errors():
            try:
                answer: dict[str, Any] = self.client.get_object(
                    Bucket=self.name, Key=self.full(key), **more
                )
            except ClientError as error:
                if _code(error) in _ABSENT:
                    raise Absent(key) from error
                raise
            return answer

    @contextmanager
    def errors(self) -> Iterator[None]:
        """What the SDK raises, in our words; a condition that failed is left as it is."""
        try:
            yield
        except (NoCredentialsError, NoRegionError) as error:
            raise InvalidInput("aws_not_configured", field="s3", reason=str(error)) from error
        except ClientError as error:
            if _code(error) in _TAKEN:
                raise
            raise self._translated(_code(error), _message(error)) from error
        except BotoCoreError as error:
            raise self._unavailable(type(error).__name__) from error

    def _translated(self, code: str, message: str) -> EndcapError:
        if code == "NoSuchBucket":
            return NotFound("unknown_bucket", field=self.url, value=self.name)
        if code in _DENIED:
            return Forbidden("s3_denied", field=self.url, reason=code)
        return self._unavailable(f"{code}: {message}")

    def _unavailable(self, reason: str) -> Unavailable:
        return Unavailable("s3_unavailable", retry_after_s=5, field=self.url, reason=reason)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
