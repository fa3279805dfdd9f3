"""``EventHistory`` on Amazon DynamoDB: the table ``events``, a row for each event of a shopper.

The sort key is the event's time and its id, ``2025-08-16T18:30:00.000000Z#id``: two events of one
instant both stay, the same event written twice is one row. DynamoDB drops rows by itself when
their time to live is over, within a few days.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from endcap.adapters.dynamodb_calls import ConditionFailed, DynamoCalls, Item
from endcap.adapters.dynamodb_shelves import typed
from endcap.adapters.dynamodb_tables import EVENTS, TABLES, Names
from endcap.adapters.dynamodb_values import (
    MOST_PARTITION_BYTES,
    MOST_SORT_BYTES,
    attributes,
    check_key,
    check_size,
    document,
    key_bytes,
)
from endcap.domain.errors import Damaged, EndcapError
from endcap.domain.records import digest
from endcap.domain.times import EPOCH, MICROSECOND, parse_iso
from endcap.domain.values import MOST_TS, Event

TABLE = TABLES[EVENTS]
EXPIRES = TABLE.expires
DAY_S = 86_400
PAGE = 1000
# How members of an event are called here. What an event does not have is left out.
MEMBERS = {
    "item_id": "itemId",
    "event_type": "event_type",
    "event_id": "event_id",
    "value": "value",
    "session_id": "session_id",
    "attributes": "attributes",
}


class DynamoEvents:
    """See ``ports.EventHistory``. Safe for threads, and after a fork.

    Every method raises as ``DynamoCalls`` does. ``keep_days``: after its time an event may go;
    0: never.
    """

    def __init__(self, calls: DynamoCalls, names: Names, keep_days: float = 0) -> None:
        self._calls, self._name, self._keep_days = calls, names.of(EVENTS), keep_days

    def put(self, event: Event) -> bool:
        """See the port. Raises InvalidInput (document_too_large, empty_key, key_too_long)."""
        try:
            self._calls.ask(
                "put_item",
                self._name,
                Item=self._row(event),
                ConditionExpression="attribute_not_exists(#u)",
                ExpressionAttributeNames={"#u": TABLE.partition},
            )
        except ConditionFailed:
            return False
        return True

    def put_many(self, events: Sequence[Event]) -> dict[int, EndcapError]:
        failed: dict[int, EndcapError] = {}
        rows: dict[tuple[str, str], Item] = {}  # repeats are one row
        keys: dict[int, tuple[str, str]] = {}
        for position, event in enumerate(events):
            try:
                row = self._row(event)
            except EndcapError as error:
                failed[position] = error
                continue
            keys[position] = key = row[TABLE.partition]["S"], row[TABLE.sort]["S"]
            rows.setdefault(key, row)
        requests = [{"PutRequest": {"Item": row}} for row in rows.values()]
        unwritten = self._calls.write_many(self._name, TABLE.keys, requests)
        why = {key: unwritten[n] for n, key in enumerate(rows) if n in unwritten}
        failed |= {position: why[key] for position, key in keys.items() if key in why}
        return failed

    def newest(self, user_id: str, most: int, after_ts: int | None = None) -> list[Event]:
        if most < 1 or not 0 < key_bytes(user_id) <= MOST_PARTITION_BYTES:
            return []
        names = {"#u": TABLE.partition}
        values = {":u": {"S": user_id}}
        condition = "#u = :u"
        if after_ts is not None:
            names["#t"], values[":t"] = TABLE.sort, {"S": moment(min(after_ts, MOST_TS - 1) + 1)}
            condition += " AND #t >= :t"
        asked: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "ScanIndexForward": False,
        }
        rows = self._rows(asked, most)
        return [self._event(row) for row in reversed(rows)]

    def erase(self, user_id: str) -> int:
        if not 0 < key_bytes(user_id) <= MOST_PARTITION_BYTES:
            return 0
        asked: dict[str, Any] = {
            "KeyConditionExpression": "#u = :u",
            "ExpressionAttributeNames": {"#u": TABLE.partition, "#t": TABLE.sort},
            "ExpressionAttributeValues": {":u": {"S": user_id}},
            "ProjectionExpression": "#u, #t",
            "ConsistentRead": True,
        }
        count = 0
        while keys := self._rows(asked, PAGE):
            requests = [{"DeleteRequest": {"Key": key}} for key in keys]
            for error in self._calls.write_many(self._name, TABLE.keys, requests).values():
                raise error
            count += len(keys)
        return count

    def _rows(self, asked: dict[str, Any], most: int) -> list[Item]:
        """The first ``most`` that a query finds."""
        found: list[Item] = []
        while len(found) < most:
            asked = {**asked, "Limit": min(most - len(found), PAGE)}
            page = self._calls.ask("query", self._name, **asked)
            found += page["Items"]
            if not page.get("LastEvaluatedKey"):
                break
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        return found

    def _row(self, event: Event) -> Item:
        key = {TABLE.partition: event.user_id, TABLE.sort: sort_key(event)}
        check_key(event.user_id, MOST_PARTITION_BYTES, TABLE.partition)
        given = {there: getattr(event, here) for here, there in MEMBERS.items()}
        body = {name: value for name, value in given.items() if value is not None}
        if self._keep_days:
            body[EXPIRES] = max(0, event.ts // 1_000_000 + int(self._keep_days * DAY_S))
        row = typed(key) | attributes(body, key, TABLE)
        check_size(row, TABLE.name)
        return row

    def _event(self, row: Item) -> Event:
        try:
            found = document(row, TABLE)
            given = {here: found[there] for here, there in MEMBERS.items() if there in found}
            if "value" in given:
                given["value"] = float(given["value"])
            return Event(user_id=row[TABLE.partition]["S"], ts=time_of(row), **given)
        except (msgspec.MsgspecError, EndcapError, KeyError, ValueError, TypeError) as error:
            reason = type(error).__name__
            raise Damaged("documents_damaged", field=self._name, reason=reason) from error


def sort_key(event: Event) -> str:
    """The event's time, ``#`` and its id; where that is longer than a key may be, a hash of it."""
    key = f"{moment(event.ts)}#{event.event_id}"
    if key_bytes(key) <= MOST_SORT_BYTES:
        return key
    return f"{moment(event.ts)}#{digest(event.event_id).hex()}"


def time_of(row: Item) -> int:
    return parse_iso(row[TABLE.sort]["S"].partition("#")[0])


def moment(ts: int) -> str:
    """A time as texts that stand in order of time: always with six digits of a second."""
    told = EPOCH + ts * MICROSECOND
    return told.isoformat(timespec="microseconds").replace("+00:00", "Z")
