"""``Stream`` on Amazon Kinesis Data Streams. Positions are sequence numbers; those of consumers
are kept in ``Documents``.

Calls that fail as a whole are repeated by the SDK; records of a call that fail alone are repeated
here, with growing, random pauses. Needs the extra ``endcap[aws]``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from endcap.domain.errors import (
    Conflict,
    EndcapError,
    Forbidden,
    InvalidInput,
    NotFound,
    Unavailable,
)
from endcap.domain.streams import Shard, StreamBatch, StreamRecord
from endcap.ports import Documents

KIND = "stream_positions"
MOST_RECORDS, MOST_BYTES, MOST_RECORD_BYTES = 500, 5 * 2**20, 2**20  # in one PutRecords
MOST_READ = 10_000  # in one GetRecords
ATTEMPTS, FIRST_PAUSE_S, LONGEST_PAUSE_S = 8, 0.1, 5.0
MOST_EMPTY = 100  # answers without a record, on the way to the next one
_DENIED = ("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException",
           "ExpiredTokenException", "KMSAccessDeniedException")  # fmt: skip

Entry = dict[str, Any]


def client(connect_timeout_s: float = 3.0, read_timeout_s: float = 15.0, attempts: int = 5) -> Any:
    """A client as the AWS_… variables say. Raises InvalidInput (aws_not_configured)."""
    config = Config(
        connect_timeout=connect_timeout_s,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    try:
        return boto3.session.Session().client("kinesis", config=config)
    except (BotoCoreError, ValueError) as error:
        raise InvalidInput("aws_not_configured", field="kinesis", reason=str(error)) from error


class KinesisStream:
    """See ``ports.Stream``. One thread uses one of these.

    Every method raises NotFound (unknown_stream), Forbidden (stream_denied) and Unavailable
    (stream_unavailable).
    """

    def __init__(
        self,
        name: str,
        kinesis: Any,
        documents: Documents,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name, self._kinesis, self._documents = name, kinesis, documents
        self._pause = pause
        self._next: dict[str, tuple[str, str]] = {}  # shard → position, the iterator behind it

    def put(self, records: Sequence[tuple[str, bytes]]) -> None:
        """See the port. Where some records had to be tried again, records of one key may change
        their order. Raises InvalidInput (record_too_large), Unavailable (stream_not_written)."""
        for entries in chunks(records):
            self._put(entries)

    def shards(self) -> list[Shard]:
        found: list[Shard] = []
        asked: dict[str, Any] = {"StreamName": self._name}
        while True:
            with self._errors():
                page = self._kinesis.list_shards(**asked)
            found += map(_shard, page["Shards"])
            if not page.get("NextToken"):
                break
            asked = {"NextToken": page["NextToken"]}
        return parents_first(found)

    def read(self, shard: str, after: str, most: int) -> StreamBatch:
        """See the port. Raises NotFound (unknown_shard), InvalidInput (bad_position)."""
        position, iterator = self._next.pop(shard, ("", ""))
        if not iterator or position != after:
            iterator = self._iterator(shard, after)
        for _ in range(MOST_EMPTY):
            answer = self._records(shard, after, iterator, min(most, MOST_READ))
            records = tuple(map(_record, answer["Records"]))
            iterator = answer.get("NextShardIterator") or ""
            if records or not iterator or not answer.get("MillisBehindLatest"):
                break
        if iterator:
            self._next[shard] = (records[-1].position if records else after, iterator)
        return StreamBatch(records, ended=not iterator)

    def positions(self, consumer: str) -> dict[str, str]:
        document = self._documents.get(KIND, self._key(consumer))
        return {} if document is None else dict(document.body["positions"])

    def checkpoint(self, consumer: str, positions: Mapping[str, str]) -> None:
        key = self._key(consumer)
        while True:
            document = self._documents.get(KIND, key)
            standing = {} if document is None else document.body["positions"]
            body = {"positions": {**standing, **positions}}
            try:
                self._documents.put(KIND, key, body, document.version if document else 0)
            except Conflict:  # another consumer of this name, which reads other shards
                continue
            return

    def _key(self, consumer: str) -> str:
        return f"{self._name}/{consumer}"

    def _put(self, entries: list[Entry]) -> None:
        """One PutRecords, and more for those of its records that fail."""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(pause_s(attempt))
            with self._errors():
                answer = self._kinesis.put_records(StreamName=self._name, Records=entries)
            told = zip(entries, answer["Records"], strict=True)
            entries = [entry for entry, result in told if result.get("ErrorCode")]
            if not entries:
                return
        reason = sorted({r["ErrorCode"] for r in answer["Records"] if r.get("ErrorCode")})
        raise Unavailable(
            "stream_not_written", field=self._name, value=len(entries), reason=", ".join(reason)
        )

    def _iterator(self, shard: str, after: str) -> str:
        where: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if after and not (after.isascii() and after.isdigit()):
            raise InvalidInput("bad_position", field="position", value=after)
        if after:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        with self._errors(shard, after):
            answer = self._kinesis.get_shard_iterator(StreamName=self._name, ShardId=shard, **where)
        return str(answer["ShardIterator"])

    def _records(self, shard: str, after: str, iterator: str, most: int) -> Any:
        """GetRecords; an iterator lives for five minutes only."""
        with self._errors(shard, after):
            try:
                return self._kinesis.get_records(ShardIterator=iterator, Limit=most)
            except self._kinesis.exceptions.ExpiredIteratorException:
                pass
        iterator = self._iterator(shard, after)
        with self._errors(shard, after):
            return self._kinesis.get_records(ShardIterator=iterator, Limit=most)

    @contextmanager
    def _errors(self, shard: str = "", position: str = "") -> Iterator[None]:
        """What the SDK raises, in our words."""
        try:
            yield
        except ClientError as error:
            raise self._refused(error, shard, position) from error
        except BotoCoreError as error:  # no connection, no credentials, no answer in time
            reason = type(error).__name__
            raise Unavailable("stream_unavailable", field=self._name, reason=reason) from error

    def _refused(self, error: ClientError, shard: str, position: str) -> EndcapError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code == "ResourceNotFoundException":
            unknown = "unknown_shard" if shard else "unknown_stream"
            return NotFound(unknown, field=self._name, value=shard or self._name)
        if code in ("InvalidArgumentException", "ValidationException") and position:
            return InvalidInput("bad_position", field="position", value=position)
        if code in _DENIED:
            return Forbidden("stream_denied", field=self._name, reason=code)
        return Unavailable("stream_unavailable", field=self._name, reason=code)


def pause_s(attempt: int) -> float:
    """Before the repeat ``attempt`` (from 1): anything up to a limit that doubles each time."""
    return random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt))  # noqa: S311


def chunks(records: Sequence[tuple[str, bytes]]) -> Iterator[list[Entry]]:
    """What goes into one PutRecords each. Raises InvalidInput (record_too_large)."""
    waiting: list[Entry] = []
    size = 0
    for key, data in records:
        needed = len(key.encode()) + len(data)
        if needed > MOST_RECORD_BYTES:
            raise InvalidInput("record_too_large", field="record", most=MOST_RECORD_BYTES)
        if len(waiting) == MOST_RECORDS or size + needed > MOST_BYTES:
            yield waiting
            waiting, size = [], 0
        waiting.append({"PartitionKey": key, "Data": data})
        size += needed
    if waiting:
        yield waiting


def parents_first(shards: Sequence[Shard]) -> list[Shard]:
    """Each behind those of its parents that are still listed; else by name."""
    listed = {shard.name: shard for shard in shards}
    order: dict[str, Shard] = {}

    def add(shard: Shard) -> None:
        for parent in shard.parents:
            if parent in listed and parent not in order:
                add(listed[parent])
        order[shard.name] = shard

    for name in sorted(listed):
        if name not in order:
            add(listed[name])
    return list(order.values())


def _shard(told: Mapping[str, Any]) -> Shard:
    parents = (told.get("ParentShardId"), told.get("AdjacentParentShardId"))
    return Shard(str(told["ShardId"]), tuple(str(parent) for parent in parents if parent))


def _record(told: Mapping[str, Any]) -> StreamRecord:
    arrived = told["ApproximateArrivalTimestamp"]
    return StreamRecord(
        str(told["SequenceNumber"]),
        str(told["PartitionKey"]),
        bytes(told["Data"]),
        round(arrived.timestamp() * 1e6),
    )
