"""Rows of one DynamoDB table by its key: batches, and writes on a condition.

Calls that fail as a whole are repeated by the SDK; rows that a batch leaves unprocessed are
repeated here, with growing, random pauses. Needs the extra ``endcap[aws]``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from endcap.adapters.aws_clients import DENIED, client, code_of
from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable

MOST_ROWS = 25  # in one BatchWriteItem
ATTEMPTS, FIRST_PAUSE_S, LONGEST_PAUSE_S = 8, 0.05, 3.0
_CONDITION = "ConditionalCheckFailedException"
_REFUSED = ("ValidationException", "ItemCollectionSizeLimitExceededException")
Row = Mapping[str, Any]

_serialize = TypeSerializer().serialize


class Rows:
    """Every method raises NotFound (table_missing), Forbidden (table_denied), InvalidInput
    (row_refused) and Unavailable (table_unavailable)."""

    def __init__(
        self, table: str, dynamodb: Any = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.table, self._dynamodb, self._pause = table, dynamodb, pause

    @property
    def dynamodb(self) -> Any:
        return self._dynamodb or client("dynamodb", 2.0, 5.0)

    def put_many(self, rows: Iterable[Row]) -> None:
        """Write all, whatever stands. No two have the same key. Raises Unavailable
        (rows_not_written) when some are left after all attempts."""
        waiting: list[dict[str, Any]] = []
        for row in rows:
            waiting.append({"PutRequest": {"Item": typed(row)}})
            if len(waiting) == MOST_ROWS:
                self._write(waiting)
                waiting = []
        if waiting:
            self._write(waiting)

    def put_unless_newer(self, row: Row, key: str, by: str) -> bool:
        """Write unless a row of this ``key`` stands with a greater ``by``: then False."""
        names = {"#key": key, "#by": by}
        with self._errors():
            try:
                self.dynamodb.put_item(
                    TableName=self.table,
                    Item=typed(row),
                    ConditionExpression="attribute_not_exists(#key) OR #by <= :by",
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues={":by": _serialize(row[by])},
                )
            except ClientError as error:
                if code_of(error) == _CONDITION:
                    return False
                raise
        return True

    def _write(self, waiting: list[dict[str, Any]]) -> None:
        """One BatchWriteItem, and more for what it leaves unprocessed."""
        for attempt in range(ATTEMPTS):
            if attempt:
                limit = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
                self._pause(random.uniform(0, limit))  # noqa: S311
            with self._errors():
                answer = self.dynamodb.batch_write_item(RequestItems={self.table: waiting})
            waiting = answer.get("UnprocessedItems", {}).get(self.table, [])
            if not waiting:
                return
        raise Unavailable("rows_not_written", field=self.table, value=len(waiting))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What the SDK raises, in our words."""
        try:
            yield
        except (ClientError, BotoCoreError) as error:
            raise self._failure(code_of(error)) from error

    def _failure(self, code: str) -> EndcapError:
        if code == "ResourceNotFoundException":
            return NotFound("table_missing", field=self.table)
        if code in DENIED:
            return Forbidden("table_denied", field=self.table, reason=code)
        if code in _REFUSED:
            return InvalidInput("row_refused", field=self.table, reason=code)
        return Unavailable("table_unavailable", field=self.table, reason=code)


def typed(row: Row) -> dict[str, Any]:
    """As DynamoDB types it. Numbers keep their digits."""
    return {name: _serialize(_exact(value)) for name, value in row.items()}


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: _exact(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(held) for held in value]
    return value
