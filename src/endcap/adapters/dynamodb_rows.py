"""Rows of one of the tables that others read too, for functions that hold no right to read it:
batches, and writes on a condition. ``DynamoDocuments`` reads the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from endcap.adapters.dynamodb_calls import ConditionFailed, DynamoCalls
from endcap.adapters.dynamodb_shelves import Shelf
from endcap.adapters.dynamodb_tables import Table
from endcap.adapters.dynamodb_values import check_size

Row = Mapping[str, Any]


class Rows:
    """``name``: of the table in this account. Every method raises as ``DynamoCalls`` does, and
    InvalidInput (empty_key, key_too_long, document_too_large) for what DynamoDB does not take."""

    def __init__(self, table: Table, name: str, calls: DynamoCalls | None = None) -> None:
        self._shelf, self._calls = Shelf(table, name), calls or DynamoCalls()

    def put_many(self, rows: Iterable[Row]) -> None:
        """Write all, whatever stands. No two have the same key. After a failure some are
        written."""
        requests = [{"PutRequest": {"Item": self._item(row)}} for row in rows]
        failed = self._calls.write_many(self._shelf.name, self._shelf.table.keys, requests)
        for error in failed.values():
            raise error

    def put_unless_newer(self, row: Row, by: str) -> bool:
        """Write unless a row of its key stands with a greater ``by``: then False."""
        item = self._item(row)
        try:
            self._calls.ask(
                "put_item",
                self._shelf.name,
                Item=item,
                ConditionExpression="attribute_not_exists(#key) OR #by <= :by",
                ExpressionAttributeNames={"#key": self._shelf.table.partition, "#by": by},
                ExpressionAttributeValues={":by": item[by]},
            )
        except ConditionFailed:
            return False
        return True

    def _item(self, row: Row) -> dict[str, Any]:
        item = self._shelf.item(str(row[self._shelf.table.partition]), row)
        check_size(item, self._shelf.table.name)
        return item
