"""Rows of DynamoDB as functions write them. What a batch leaves over, and what DynamoDB refuses, is
tested with ``DynamoCalls``."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.adapters.dynamodb import DynamoDocuments
from endcap.adapters.dynamodb_calls import DynamoCalls
from endcap.adapters.dynamodb_rows import Rows
from endcap.adapters.dynamodb_tables import TABLES, Names, create
from endcap.domain.errors import InvalidInput, NotFound

USERS, STORED = TABLES["EcommerceUsers"], TABLES["storeRecommendations"]


@pytest.fixture
def names(aws: Any) -> Names:
    found = Names(aws.name("rows"))
    create(aws.client("dynamodb"), found, [USERS, STORED])
    return found


@pytest.fixture
def calls(aws: Any) -> DynamoCalls:
    return DynamoCalls(make=lambda: aws.client("dynamodb"))


@pytest.mark.server
def test_documents_read_what_batches_wrote_and_they_may_be_written_again(
    aws: Any, names: Names, calls: DynamoCalls
) -> None:
    rows = Rows(USERS, names.of(USERS.name), calls)
    record = {"user_id": "u0", "n": 1.5, "whole": 7, "none": None, "list": ["a", {"b": True}]}
    for _ in range(2):
        rows.put_many([record, *({"user_id": f"u{n}"} for n in range(1, 60))])
    documents = DynamoDocuments(calls, names)
    found = documents.query(USERS.name, limit=100)
    assert {document.key for document in found} == {f"u{n}" for n in range(60)}
    assert documents.get(USERS.name, "u0").body == record  # type: ignore[union-attr]
    (item,) = [
        item for item in aws.client("dynamodb").scan(TableName=names.of(USERS.name))["Items"]
        if item["user_id"]["S"] == "u0"
    ]  # fmt: skip
    assert item["n"] == {"N": "1.5"}


@pytest.mark.server
def test_a_row_is_replaced_unless_a_newer_one_stands(names: Names, calls: DynamoCalls) -> None:
    rows = Rows(STORED, names.of(STORED.name), calls)

    def put(at: int, what: str) -> bool:
        return rows.put_unless_newer({"user_id": "u", "stored_at": at, "what": what}, "stored_at")

    assert [put(5, "a"), put(5, "b"), put(4, "late"), put(6, "c")] == [True, True, False, True]
    standing = DynamoDocuments(calls, names).get(STORED.name, "u")
    assert standing is not None
    assert standing.body["what"] == "c"


@pytest.mark.server
def test_a_table_that_is_not_there_is_said(calls: DynamoCalls) -> None:
    with pytest.raises(NotFound) as raised:
        Rows(USERS, "never-made", calls).put_many([{"user_id": "u"}])
    assert raised.value.code == "no_table"


def test_what_dynamodb_does_not_take_is_refused_before_it_is_asked() -> None:
    rows = Rows(USERS, "any", DynamoCalls(make=lambda: None))
    with pytest.raises(InvalidInput) as raised:
        rows.put_many([{"user_id": "u", "text": "x" * 500_000}])
    assert raised.value.code == "document_too_large"
