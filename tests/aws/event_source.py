"""A Kinesis stream read as Lambda's event source mapping reads it, where the emulator's own mapping
delivers each record once and looks at no answer.

Records of a shard come in order, in batches. A call that fails comes again, in halves; where the
function reports single records, all from the first of them on come again. What has failed
``attempts`` times goes to ``on_failure`` and the shard goes on.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]
# An event in, (the answer, whether the call failed) out.
Invoke = Callable[[dict[str, Any]], tuple[Any, bool]]


@dataclass
class EventSource:
    kinesis: Any
    stream: str
    invoke: Invoke
    most: int = 100
    attempts: int = 3
    on_failure: list[Record] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)
    calls: int = 0

    def drain(self) -> int:
        """Deliver all that is there; how many records."""
        shards = self.kinesis.list_shards(StreamName=self.stream)["Shards"]
        return sum(self._shard(str(shard["ShardId"])) for shard in shards)

    def _shard(self, shard: str) -> int:
        count = 0
        while records := self._read(shard):
            self.deliver(records)
            self.positions[shard] = records[-1]["kinesis"]["sequenceNumber"]
            count += len(records)
        return count

    def _read(self, shard: str) -> list[Record]:
        after = self.positions.get(shard)
        where = {"ShardIteratorType": "TRIM_HORIZON"}
        if after:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        iterator = self.kinesis.get_shard_iterator(StreamName=self.stream, ShardId=shard, **where)[
            "ShardIterator"
        ]
        found = self.kinesis.get_records(ShardIterator=iterator, Limit=self.most)["Records"]
        return [record_of(shard, told) for told in found]

    def deliver(self, records: Sequence[Record], tried: int = 0) -> None:
        """These, until they are done or given up."""
        left = list(records)
        while left:
            answer, failed = self.invoke({"Records": left})
            self.calls += 1
            if failed and len(left) > 1:
                middle = len(left) // 2
                self.deliver(left[:middle], tried)
                self.deliver(left[middle:], tried)
                return
            before, left = left, left if failed else behind(left, answer)
            tried = tried + 1 if len(left) == len(before) else 1
            if left and tried >= self.attempts:
                self.on_failure += left
                return


def behind(records: Sequence[Record], answer: Mapping[str, Any]) -> list[Record]:
    """What comes again: the first that is reported, and all behind it."""
    reported = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    numbers = [record["kinesis"]["sequenceNumber"] for record in records]
    assert reported <= set(numbers), "a number that Lambda does not know fails the whole batch"
    first = next((n for n, number in enumerate(numbers) if number in reported), len(records))
    return list(records[first:])


def record_of(shard: str, told: Mapping[str, Any]) -> Record:
    """As it stands in the function's event."""
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": told["PartitionKey"],
            "sequenceNumber": told["SequenceNumber"],
            "data": b64encode(told["Data"]).decode(),
            "approximateArrivalTimestamp": round(
                told["ApproximateArrivalTimestamp"].timestamp(), 3
            ),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{told['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/stream",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/events",
    }
