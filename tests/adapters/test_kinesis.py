"""What Kinesis does that a folder does not: calls fail in part, iterators expire, shards split."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from endcap.adapters import kinesis
from endcap.adapters.kinesis import ATTEMPTS, KinesisStream, chunks, parents_first, pause_s
from endcap.adapters.sqlite import SqliteDocuments
from endcap.domain.errors import InvalidInput, NotFound, Unavailable
from endcap.domain.streams import Shard


class Throttling:
    """A client of which each PutRecords stores every third record only, ``times`` times."""

    def __init__(self, client: Any, times: int) -> None:
        self._client, self.times, self.calls = client, times, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_records(self, *, StreamName: str, Records: list[Any]) -> Any:
        self.calls += 1
        if self.calls > self.times:
            return self._client.put_records(StreamName=StreamName, Records=Records)
        answer = self._client.put_records(StreamName=StreamName, Records=Records[::3])
        stored = iter(answer["Records"])
        refused = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow"}
        told = [next(stored) if n % 3 == 0 else refused for n in range(len(Records))]
        return {"FailedRecordCount": sum(r is refused for r in told), "Records": told}


def made(aws: Any, shards: int = 1) -> str:
    name = aws.name("stream")
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
    return name


def data_of(stream: KinesisStream, shard: str, after: str = "") -> list[bytes]:
    return [record.data for record in stream.read(shard, after, 1000).records]


@pytest.mark.server
def test_records_that_fail_alone_are_tried_again_and_none_is_stored_twice(
    aws: Any, tmp_path: Path
) -> None:
    pauses: list[float] = []
    client = Throttling(aws.client("kinesis"), times=3)
    documents = SqliteDocuments(tmp_path / "documents")
    stream = KinesisStream(made(aws), client, documents, pauses.append)
    stream.put([("k", b"%d" % n) for n in range(50)])
    (shard,) = stream.shards()
    assert sorted(map(int, data_of(stream, shard.name))) == list(range(50))
    assert client.calls == 4
    assert len(pauses) == 3


@pytest.mark.server
def test_what_is_refused_again_and_again_is_told(aws: Any, tmp_path: Path) -> None:
    client = Throttling(aws.client("kinesis"), times=1000)
    documents = SqliteDocuments(tmp_path / "documents")
    stream = KinesisStream(made(aws), client, documents, lambda _: None)
    with pytest.raises(Unavailable) as caught:
        stream.put([("k", b"%d" % n) for n in range(700)])
    assert caught.value.code == "stream_not_written"
    assert "ProvisionedThroughputExceeded" in str(caught.value)
    assert client.calls == ATTEMPTS


@pytest.mark.server
def test_an_expired_iterator_is_replaced(aws: Any, tmp_path: Path) -> None:
    client = aws.client("kinesis")
    stream = KinesisStream(made(aws), client, SqliteDocuments(tmp_path / "documents"))
    stream.put([("k", b"1"), ("k", b"2")])
    (shard,) = stream.shards()
    first = stream.read(shard.name, "", 1).records[0]

    class Expiring:
        """As five minutes later: the iterator that the stream kept is refused once."""

        exceptions = client.exceptions
        asked = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def get_records(self, **asked: Any) -> Any:
            self.asked += 1
            if self.asked == 1:
                raise client.exceptions.ExpiredIteratorException({"Error": {}}, "GetRecords")
            return client.get_records(**asked)

    expiring = stream._kinesis = Expiring()
    assert data_of(stream, shard.name, first.position) == [b"2"]
    assert expiring.asked == 2


@pytest.mark.server
def test_a_shard_that_was_split_ends_and_its_children_follow(aws: Any, tmp_path: Path) -> None:
    name, client = made(aws), aws.client("kinesis")
    stream = KinesisStream(name, client, SqliteDocuments(tmp_path / "documents"))
    stream.put([("k", b"1")])
    (parent,) = stream.shards()
    middle = str(2**127)
    client.split_shard(StreamName=name, ShardToSplit=parent.name, NewStartingHashKey=middle)
    shards = stream.shards()
    assert shards[0].name == parent.name
    assert {shard.parents for shard in shards[1:]} == {(parent.name,)}
    stream.put([(f"k{n}", b"2") for n in range(20)])
    whole = [record for shard in shards for record in stream.read(shard.name, "", 100).records]
    assert len(whole) == 21


@pytest.mark.server
def test_an_unknown_stream_is_named(aws: Any, tmp_path: Path) -> None:
    documents = SqliteDocuments(tmp_path / "documents")
    stream = KinesisStream("nowhere", aws.client("kinesis"), documents)
    for act in (stream.shards, lambda: stream.put([("k", b"")])):
        with pytest.raises(NotFound) as caught:
            act()
        assert (caught.value.code, caught.value.value) == ("unknown_stream", "nowhere")


@pytest.mark.parametrize("listens", [True, False], ids=["never answers", "nobody there"])
def test_who_does_not_answer_costs_a_bounded_time(tmp_path: Path, listens: bool) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:
            server.listen()
        config = Config(connect_timeout=0.2, read_timeout=0.2, retries={"total_max_attempts": 1})
        client = boto3.session.Session("test", "test", region_name="us-east-1").client(
            "kinesis", endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}", config=config
        )
        stream = KinesisStream("s", client, SqliteDocuments(tmp_path / "documents"))
        with pytest.raises(Unavailable) as caught:
            stream.put([("k", b"")])
    assert caught.value.code == "stream_unavailable"
    client.close()


def test_without_a_region_the_message_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(InvalidInput) as caught:
        kinesis.client()
    assert caught.value.code == "aws_not_configured"


def test_a_call_holds_at_most_500_records_and_5_mb() -> None:
    records = [("k" * 10, b"x" * 20_000)] * 600 + [("k", b"")] * 1300
    parts = list(chunks(records))
    assert [(e["PartitionKey"], e["Data"]) for part in parts for e in part] == records
    assert max(map(len, parts)) == 500
    assert max(sum(len(e["Data"]) + len(e["PartitionKey"]) for e in p) for p in parts) <= 5 * 2**20


def test_a_record_of_more_than_a_megabyte_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        list(chunks([("k", b"x" * 2**20)]))
    assert caught.value.code == "record_too_large"


def test_pauses_grow_and_differ() -> None:
    for attempt in range(1, 20):
        assert 0 <= pause_s(attempt) <= min(5.0, 0.1 * 2**attempt)
    assert len({pause_s(5) for _ in range(10)}) > 1


def test_parents_come_before_their_children_and_gone_parents_do_not_matter() -> None:
    shards = [Shard("a", ("z",)), Shard("b", ("a", "c")), Shard("c"), Shard("z", ("gone",))]
    assert [s.name for s in parents_first(shards)] == ["z", "a", "c", "b"]
