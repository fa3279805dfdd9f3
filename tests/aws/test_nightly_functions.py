"""What functions write, on their way into the lake and out of it: the log and the stream's files by
the nightly pipeline of a host that they share no disk with, an erasure asked of a function to its
last byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endcap.app.erasure import erasure, forget_stored
from endcap.app.nightly import NIGHT_US, Nightly
from endcap.app.receipts import ON_DISK, held_in_lake, receipts_of
from endcap.bootstrap.documents import make_tables, names_of
from endcap.bootstrap.functions import FunctionShop, open_function_shop
from endcap.bootstrap.pipelines import import_files
from endcap.domain.records import AnyRecord, EventsPosted, ItemsPut, Submitted, UsersPut
from endcap.domain.values import Event, Item, User
from endcap.settings import Settings, load_settings
from endcap.telemetry import Telemetry

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

AT = 1_755_369_000_000_000
SHOPPERS, ITEMS = [f"shopper-{n}" for n in range(24)], [f"thing-{n}" for n in range(8)]
GONE = "shopper-7"


class Shop:
    """Tables, a stream and a bucket; one function with a disk of its own, and a host that runs the
    pipeline at night."""

    def __init__(self, aws: Any, s3_url: str, root: Path, open_host: Callable[..., Any]) -> None:
        self.aws, self.root, self.url, self.open_host = aws, root, s3_url, open_host
        self.stream, self.nights = aws.name("events"), 0
        aws.client("kinesis").create_stream(StreamName=self.stream, ShardCount=2)
        self.variables = {
            "ENDCAP_DOCUMENTS": f"dynamodb://{aws.name('shop')}-",
            "ENDCAP_LOG": "dynamodb",
            "ENDCAP_ARTIFACTS": f"{s3_url}/artifacts",
            "ENDCAP_LAKE": f"{s3_url}/lake",
            "ENDCAP_STREAM": f"kinesis://{self.stream}",
            "ENDCAP_THREADS": "1",
        }
        make_tables(self.settings("any"), "default")
        self.function = self.open_function()

    def settings(self, home: str, **more: str) -> Settings:
        return load_settings({**self.variables, "ENDCAP_HOME": str(self.root / home), **more})

    def open_function(self) -> FunctionShop:
        """A new instance."""
        return open_function_shop(
            self.settings("function", ENDCAP_AUTH="gateway", ENDCAP_LAKE=""), Telemetry()
        )

    def submit(self, record: AnyRecord) -> None:
        asyncio.run(_submitted(self.function, record))

    def delivered(self, name: str) -> int:
        """All that the stream holds, as a delivery stream puts it into a bucket: once more each
        time. How many records."""
        kinesis, lines = self.aws.client("kinesis"), list[bytes]()
        for shard in kinesis.list_shards(StreamName=self.stream)["Shards"]:
            where = {"StreamName": self.stream, "ShardId": shard["ShardId"]}
            begin = kinesis.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")
            told = kinesis.get_records(ShardIterator=begin["ShardIterator"])
            lines += [record["Data"] for record in told["Records"]]
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        self.aws.client("s3").put_object(
            Bucket=bucket,
            Key=f"{prefix}/delivered/2025/08/16/18/{name}.jsonl",
            Body=b"\n".join([*lines, b""]),
        )
        return len(lines)

    def night(self, at: int) -> dict[str, int]:
        """The steps of a night that bring things into the lake, on a host that was not there
        before; what became of the rows of events."""
        self.nights += 1
        self.host = self.open_host(self.root / f"host-{self.nights}", **self.variables).shop
        work = Nightly(self.host, lambda: at, lambda *_: None, import_files, lambda _: None)
        facts = {"source": "", "interactions": f"{self.url}/delivered/**/*.jsonl"}
        told = work.import_new(facts)["imported"]["events"]
        assert work.settle({})["log_offset"] > 0
        return dict(told)

    def holding(self, text: str) -> set[str]:
        """Tables in which it stands, the bytes of the log among them."""
        names, client, found = names_of(self.settings("any"), "default"), self.aws, set[str]()
        pages = client.client("dynamodb").get_paginator("list_tables").paginate()
        for table in (name for page in pages for name in page["TableNames"]):
            if table.startswith(names.prefix):
                rows = client.client("dynamodb").scan(TableName=table)["Items"]
                found |= {table.removeprefix(names.prefix)} if text in repr(rows) else set()
        return found


async def _submitted(function: FunctionShop, record: AnyRecord) -> None:
    await function.intake.submit(record)


@pytest.fixture
def shop(
    aws: Any,
    s3_url: str,
    tmp_path: Path,
    make_board: Callable[..., Any],
) -> Shop:
    return Shop(aws, s3_url, tmp_path, make_board)


def fill(shop: Shop) -> int:
    """Products, shoppers and what they did, by the function; how many events."""
    shop.submit(ItemsPut(AT, items=tuple(Item(i, {"name": f"a {i}"}) for i in ITEMS)))
    shop.submit(UsersPut(AT, users=tuple(User(u, {"city": "Cape Town"}) for u in SHOPPERS)))
    made = 0
    for number, user in enumerate(SHOPPERS):
        events = tuple(
            Event(user, ITEMS[(number + n) % 8], "view", AT + n, f"{user} {n}") for n in range(4)
        )
        shop.submit(EventsPosted(AT + 10, events=events))
        made += len(events)
    shop.submit(Submitted(AT + 10, user_id=SHOPPERS[0]))
    return made


def test_a_night_takes_what_functions_wrote_and_ends_what_was_erased_there(shop: Shop) -> None:
    made = fill(shop)
    assert shop.delivered("first") == made + 1  # and a submission, which is no event
    told = shop.night(AT + NIGHT_US)
    assert told == {"accepted": made, "rejected": 1, "repeats": 0}
    assert {item.item_id for item in shop.host.lake.items()} == {*ITEMS}
    assert {user.user_id for user in shop.host.lake.users()} == {*SHOPPERS}

    shop.function = shop.open_function()
    asked = AT + NIGHT_US + 5_000_000
    shop.submit(erasure(GONE, asked))
    receipt = forget_stored(shop.function.shop, GONE, asked)
    assert set(ON_DISK) < set(receipt.pending)
    assert receipt.forgotten["table of events"] == 4
    shop.delivered("late")  # a delivery stream delivers at least once
    assert shop.holding(GONE) == {"changes"}

    at = AT + 2 * NIGHT_US
    assert shop.night(at)["accepted"] == 0
    (done,) = receipts_of(shop.function.shop, GONE)
    assert (done.receipt, done.pending, done.until_purge) == (receipt.receipt, (), {})
    assert (done.purged_at, done.purged["rows of the lake"]) == (at, 5)
    assert at <= done.purge_at
    held = held_in_lake(shop.host, {GONE})
    assert (held["events in the lake"], held["users in the lake"]) == ({GONE: 0}, {GONE: 0})
    assert shop.holding(GONE) == set()
    assert SHOPPERS[0] in {user.user_id for user in shop.host.lake.users()}
    state = shop.open_function().shop.now.state
    assert len(state.history(GONE).items) == 0
    assert len(state.history(SHOPPERS[0]).items) == 4
