"""Rows of DynamoDB: batches are finished whatever is left over, conditions are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from endcap.adapters import dynamodb_rows
from endcap.adapters.dynamodb_rows import Rows
from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable


@pytest.fixture
def table(aws: Any) -> str:
    name: str = aws.name("rows")
    aws.client("dynamodb").create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "user_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def standing(aws: Any, table: str) -> dict[str, Any]:
    items = aws.client("dynamodb").scan(TableName=table)["Items"]
    return {item["user_id"]["S"]: item for item in items}


@pytest.mark.server
def test_batches_hold_any_json_and_may_be_written_again(aws: Any, table: str) -> None:
    rows = Rows(table, aws.client("dynamodb"))
    record = {"user_id": "u0", "n": 1.5, "whole": 7, "none": None, "list": ["a", {"b": True}]}
    for _ in range(2):
        rows.put_many([record, *({"user_id": f"u{n}"} for n in range(1, 60))])
    found = standing(aws, table)
    assert len(found) == 60
    assert found["u0"]["n"] == {"N": "1.5"}
    assert found["u0"]["list"]["L"][1] == {"M": {"b": {"BOOL": True}}}
    assert found["u0"]["none"] == {"NULL": True}


@pytest.mark.server
def test_a_row_is_replaced_unless_a_newer_one_stands(aws: Any, table: str) -> None:
    rows = Rows(table, aws.client("dynamodb"))

    def put(at: int, what: str) -> bool:
        return rows.put_unless_newer({"user_id": "u", "at": at, "what": what}, "user_id", "at")

    assert [put(5, "a"), put(5, "b"), put(4, "late"), put(6, "c")] == [True, True, False, True]
    assert standing(aws, table)["u"]["what"] == {"S": "c"}


class Throttled:
    """A client that takes a third of what it is given at each call."""

    def __init__(self, least: int = 1) -> None:
        self.taken: list[str] = []
        self.calls, self.least = 0, least

    def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:
        ((table, requests),) = RequestItems.items()
        self.calls += 1
        n = max(self.least, len(requests) // 3)
        self.taken += [r["PutRequest"]["Item"]["user_id"]["S"] for r in requests[:n]]
        return {"UnprocessedItems": {table: requests[n:]} if requests[n:] else {}}


def test_what_a_batch_leaves_unprocessed_is_written_with_pauses() -> None:
    throttled, pauses = Throttled(5), list[float]()
    Rows("t", throttled, pauses.append).put_many({"user_id": f"u{n}"} for n in range(60))
    assert sorted(throttled.taken) == sorted(f"u{n}" for n in range(60))
    assert len(pauses) == throttled.calls - 3


def test_rows_that_are_never_taken_are_told() -> None:
    throttled = Throttled(0)
    with pytest.raises(Unavailable) as raised:
        Rows("t", throttled, lambda _: None).put_many([{"user_id": "a"}, {"user_id": "b"}])
    assert (raised.value.code, raised.value.value) == ("rows_not_written", 2)
    assert throttled.calls == dynamodb_rows.ATTEMPTS


class Refusing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**_: Any) -> Any:
            raise self.error

        return call


def told(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "of user u7"}}, "PutItem")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(told("ResourceNotFoundException"), NotFound), (told("AccessDeniedException"), Forbidden),
     (told("ValidationException"), InvalidInput), (told("ThrottlingException"), Unavailable),
     (ReadTimeoutError(endpoint_url="x"), Unavailable)],
)  # fmt: skip
def test_what_is_refused_is_said_in_our_words(error: Exception, kind: type[EndcapError]) -> None:
    rows = Rows("t", Refusing(error), lambda _: None)
    with pytest.raises(kind) as raised:
        rows.put_many([{"user_id": "u7"}])
    assert "u7" not in str(raised.value)
    with pytest.raises(kind):
        rows.put_unless_newer({"user_id": "u7", "at": 1}, "user_id", "at")
