"""``Documents`` on Amazon DynamoDB: one table for all kinds, and tables of their own for the kinds
that others read too.

Reads are consistent. What is deleted DynamoDB drops itself; its backups for point-in-time recovery
keep it for as long as the account says (at most 35 days), which ``scrub`` cannot change.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from heapq import nsmallest
from itertools import islice
from typing import Any

import msgspec

from endcap.adapters.dynamodb_calls import ConditionFailed, DynamoCalls, Item
from endcap.adapters.dynamodb_shelves import Composite, Shared, Shelf, Span, typed
from endcap.adapters.dynamodb_tables import CHANGES, DOCUMENTS, EVENTS, TABLES, Names, Table
from endcap.adapters.dynamodb_values import MOST_PARTITION_BYTES, check_key, check_size, key_bytes
from endcap.domain.errors import Conflict, Damaged, Unavailable
from endcap.ports import Document

VERSION, WRITE = "endcap_version", "endcap_write"
MOST_LOST = 50  # writers that may come between reading a version and writing the next
PAGE = 500
KINDS = {name: table for name, table in TABLES.items() if name not in (DOCUMENTS, EVENTS, CHANGES)}


class DynamoDocuments:
    """See ``ports.Documents``. Safe for threads, and after a fork.

    Every method raises as ``DynamoCalls`` does, and for text that is no valid Unicode InvalidInput
    (bad_key); the writing ones also InvalidInput (empty_key, key_too_long, document_too_large) for
    what DynamoDB does not take. ``own``: tables by kind; their rows are attributes, not JSON.
    """

    def __init__(self, calls: DynamoCalls, names: Names, own: Mapping[str, Table] = KINDS) -> None:
        self._calls, self._names, self._own = calls, names, own

    def get(self, kind: str, key: str) -> Document | None:
        shelf = self._shelf(kind)
        item = self._standing(shelf, key)
        return self._document(shelf, item) if item else None

    def put(self, kind: str, key: str, body: Mapping[str, Any], expected: int | None = None) -> int:
        shelf = self._shelf(kind)
        item = shelf.item(key, body)
        item[WRITE] = {"S": uuid.uuid4().hex}
        version = expected or 0
        for _ in range(MOST_LOST):
            try:
                self._put(shelf, item, version)
            except ConditionFailed as failed:
                standing = failed.standing or self._standing(shelf, key)
                if failed.attempt > 1 and standing.get(WRITE) == item[WRITE]:
                    return version + 1  # it was written; the answer was lost
                if expected is not None:
                    raise _conflict(kind, expected, standing) from None
                version = _version(standing)
                continue
            return version + 1
        raise Unavailable("dynamodb_contended", field=kind)

    def put_many(self, kind: str, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        """See the port. Versions are read first: whoever writes the same keys with ``expected`` at
        the same time may not notice. After a failure some may be written."""
        shelf = self._shelf(kind)
        items = [shelf.item(key, body) for key, body in bodies.items()]
        versions = self._versions(shelf, [shelf.key(key) for key in bodies])
        for item in items:
            key = tuple(item[name]["S"] for name in shelf.table.keys)
            item[VERSION] = {"N": str(versions.get(key, 0) + 1)}
            check_size(item, shelf.table.name)
        requests = [{"PutRequest": {"Item": item}} for item in items]
        failed = self._calls.write_many(shelf.name, shelf.table.keys, requests)
        for error in failed.values():
            raise error

    def delete(self, kind: str, key: str, expected: int | None = None) -> bool:
        shelf = self._shelf(kind)
        standing = self._standing(shelf, key) if expected == 0 or not shelf.takes(key) else {}
        if expected == 0 or not shelf.takes(key):
            if expected or standing:
                raise _conflict(kind, expected, standing)
            return False
        condition = {} if expected is None else _condition(expected)
        asked = {"Key": typed(shelf.key(key)), "ReturnValues": "ALL_OLD", **condition}
        try:
            return "Attributes" in self._calls.ask("delete_item", shelf.name, **asked)
        except ConditionFailed as failed:
            standing = failed.standing or self._standing(shelf, key)
            if failed.attempt > 1 and not standing:
                return True  # it was deleted; the answer was lost
            raise _conflict(kind, expected, standing) from None

    def query(
        self, kind: str, prefix: str = "", after: str = "", limit: int = 100
    ) -> list[Document]:
        """See the port. In a table of its own a kind is walked through wholly, unless the prefix
        names the partition (``CustomerInterest``: the customer)."""
        shelf = self._shelf(kind)
        key_bytes(prefix + after)

        def wanted(item: Item) -> bool:
            key = shelf.key_of(item)
            return key.startswith(prefix) and (key > after or not after)

        span = shelf.span(prefix, after)
        if span is None:
            rows = filter(wanted, self._scanned(shelf))
            found = nsmallest(limit, rows, key=shelf.key_of)
        else:
            rows = filter(wanted, self._ranged(shelf, span, limit))
            found = [*islice(rows, limit)]
        return [self._document(shelf, item) for item in found]

    def scrub(self) -> None:
        """See the port: DynamoDB overwrites what was deleted; see above for its backups."""

    def _shelf(self, kind: str) -> Shelf:
        if kind in self._own:
            table = self._own[kind]
            made = Composite if table.sort else Shelf
            return made(table, self._names.of(table.name))
        partition = f"{self._names.group}/{kind}"
        check_key(partition, MOST_PARTITION_BYTES, "kind")
        return Shared(TABLES[DOCUMENTS], self._names.of(DOCUMENTS), partition)

    def _put(self, shelf: Shelf, item: Item, version: int) -> None:
        """Over ``version`` (0: where there is none)."""
        made = {**item, VERSION: {"N": str(version + 1)}}
        check_size(made, shelf.table.name)
        self._calls.ask("put_item", shelf.name, Item=made, **_condition(version))

    def _standing(self, shelf: Shelf, key: str) -> Item:
        """The row as it is now; empty where there is none."""
        if not shelf.takes(key):
            return {}
        asked = {"Key": typed(shelf.key(key)), "ConsistentRead": True}
        standing: Item = self._calls.ask("get_item", shelf.name, **asked).get("Item", {})
        return standing

    def _versions(self, shelf: Shelf, keys: list[dict[str, str]]) -> dict[tuple[str, ...], int]:
        names = {"#v": VERSION} | {f"#k{n}": name for n, name in enumerate(shelf.table.keys)}
        found = self._calls.read_many(
            shelf.name,
            [typed(key) for key in keys],
            ProjectionExpression=", ".join(names),
            ExpressionAttributeNames=names,
        )
        return {tuple(row[k]["S"] for k in shelf.table.keys): _version(row) for row in found}

    def _ranged(self, shelf: Shelf, span: Span, limit: int) -> Iterator[Item]:
        """In order of key."""
        names, values = {"#p": shelf.table.partition}, {":p": {"S": span.partition}}
        condition = "#p = :p"
        if span.least:
            names["#s"], values[":a"] = shelf.table.sort, {"S": span.least}
            condition += " AND #s >= :a"
            if span.most:
                values[":b"] = {"S": span.most}
                condition = "#p = :p AND #s BETWEEN :a AND :b"
        asked = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "Limit": min(limit + 1, PAGE),
        }
        if limit > 0:
            yield from self._pages("query", shelf.name, asked)

    def _scanned(self, shelf: Shelf) -> Iterator[Item]:
        yield from self._pages("scan", shelf.name, {"ConsistentRead": True})

    def _pages(self, operation: str, table: str, asked: dict[str, Any]) -> Iterator[Item]:
        while True:
            page = self._calls.ask(operation, table, **asked)
            yield from page["Items"]
            if not page.get("LastEvaluatedKey"):
                return
            asked = {**asked, "ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _document(self, shelf: Shelf, item: Item) -> Document:
        try:
            return Document(shelf.key_of(item), _version(item), shelf.body(item))
        except (msgspec.MsgspecError, KeyError, ValueError, TypeError) as error:
            reason = type(error).__name__
            raise Damaged("documents_damaged", field=shelf.name, reason=reason) from error


def _condition(version: int) -> dict[str, Any]:
    """That this version stands; 0: none, or a row that somebody else wrote."""
    asked: dict[str, Any] = {
        "ConditionExpression": "#v = :v" if version else "attribute_not_exists(#v)",
        "ExpressionAttributeNames": {"#v": VERSION},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return asked | ({"ExpressionAttributeValues": {":v": {"N": str(version)}}} if version else {})


def _version(row: Item) -> int:
    return int(row[VERSION]["N"]) if VERSION in row else 0


def _conflict(kind: str, expected: int | None, standing: Item) -> Conflict:
    """Names no key: it may be somebody's id."""
    return Conflict("document_changed", field=kind, value=expected, standing=_version(standing))
