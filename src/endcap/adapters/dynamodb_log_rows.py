"""How the bytes of a log lie in rows of DynamoDB, and what is written at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import uuid4

from endcap.adapters.dynamodb_calls import ConditionFailed, DynamoCalls, Item
from endcap.adapters.dynamodb_tables import CHANGES, TABLES
from endcap.adapters.frames import HEADER_BYTES, ReadAt, frame

TABLE = TABLES[CHANGES]
DIGITS = 20  # of an offset: texts that stand in order of the numbers
LARGEST_OFFSET = 10**DIGITS - 1
ROW_BYTES = 390 * 2**10  # DynamoDB takes 400 KB, with names and key
ROWS_AT_ONCE = 10  # and 4 MB in one transaction
MOST_PAYLOAD_BYTES = ROWS_AT_ONCE * ROW_BYTES - HEADER_BYTES
BEGIN = "#begin"  # stands before all offsets: from where on the log is kept


class Piece(NamedTuple):
    """Bytes of a row to be written. ``within``: it goes on with the record before."""

    data: bytes
    within: bool = False


class Row(NamedTuple):
    """A row as it was read; what was not asked for is empty. ``at``: when it was written, in µs."""

    offset: int
    data: bytes
    size: int
    at: int
    within: bool


def pieces(payloads: Sequence[bytes]) -> Iterator[list[Piece]]:
    """The rows of each group of records that must be written at once: as many records as fit a
    row, or one that is larger in several rows."""
    gathered: list[bytes] = []
    size = 0
    for payload in payloads:
        framed = frame([payload])
        if gathered and size + len(framed) > ROW_BYTES:
            yield [Piece(b"".join(gathered))]
            gathered, size = [], 0
        if len(framed) <= ROW_BYTES:
            gathered.append(framed)
            size += len(framed)
            continue
        starts = range(0, len(framed), ROW_BYTES)
        yield [Piece(framed[start : start + ROW_BYTES], start > 0) for start in starts]
    if gathered:
        yield [Piece(b"".join(gathered))]


def transactions(groups: Iterable[list[Piece]]) -> Iterator[list[Piece]]:
    """As few as can be, none larger than DynamoDB takes."""
    together: list[Piece] = []
    for group in groups:
        if together and len(together) + len(group) > ROWS_AT_ONCE:
            yield together
            together = []
        together = together + group
    if together:
        yield together


def sort_key(offset: int) -> str:
    return f"{offset:0{DIGITS}d}"


def key_of(log: str, sort: str) -> Item:
    return {TABLE.partition: {"S": log}, TABLE.sort: {"S": sort}}


def item_of(log: str, offset: int, piece: Piece, at: int, write: str) -> Item:
    """``write``: names the transaction, so that a writer knows what it wrote itself."""
    item = key_of(log, sort_key(offset)) | {
        "payload": {"B": piece.data},
        "size": {"N": str(len(piece.data))},
        "at": {"N": str(at)},
        "write": {"S": write},
    }
    return item | ({"within": {"BOOL": True}} if piece.within else {})


def row_of(item: Item) -> Row:
    return Row(
        int(item[TABLE.sort]["S"]),
        item.get("payload", {}).get("B", b""),
        int(item.get("size", {}).get("N", 0)),
        int(item.get("at", {}).get("N", 0)),
        item.get("within", {}).get("BOOL", False),
    )


def reader_of(data: bytes, start: int) -> ReadAt:
    """Reads bytes of the log that ``data`` holds from ``start`` on."""
    return lambda offset, most: data[offset - start : offset - start + most]


class LogTable:
    """The rows of one log. Raises as ``DynamoCalls`` does."""

    def __init__(self, calls: DynamoCalls, name: str, log: str) -> None:
        self.calls, self.name, self._log = calls, name, log

    def rows(
        self, least: int, most: int, newest: bool = False, columns: tuple[str, ...] = ()
    ) -> Iterator[Row]:
        """Those that begin at an offset from ``least`` to ``most``, in order; ``newest``: the last
        first, one by one."""
        if least > most:
            return
        names = {"#l": TABLE.partition, "#o": TABLE.sort}
        asked: dict[str, Any] = {
            "KeyConditionExpression": "#l = :l AND #o BETWEEN :a AND :b",
            "ExpressionAttributeValues": {
                ":l": {"S": self._log}, ":a": {"S": sort_key(least)}, ":b": {"S": sort_key(most)},
            },
            "ConsistentRead": True,
            "ScanIndexForward": not newest,
        }  # fmt: skip
        if newest:
            asked["Limit"] = 1
        if columns:
            given = {f"#c{n}": name for n, name in enumerate(columns)}
            names |= given
            asked["ProjectionExpression"] = ", ".join(given)
        asked["ExpressionAttributeNames"] = names
        while True:
            page = self.calls.ask("query", self.name, **asked)
            yield from map(row_of, page["Items"])
            if not page.get("LastEvaluatedKey"):
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def put(self, end: int, together: Sequence[Piece], at: int) -> int:
        """Write rows from ``end`` on, all or none, in one go; returns the new end. Raises
        ConditionFailed: another wrote there."""
        write = uuid4().hex
        starts = [*accumulate((len(piece.data) for piece in together), initial=end)]
        items = [
            item_of(self._log, start, piece, at, write)
            for start, piece in zip(starts, together, strict=False)
        ]
        try:
            self._transact([self._put(item, "attribute_not_exists(#o)") for item in items], write)
        except ConditionFailed as failed:
            if failed.attempt == 1 or not self._stands(items[0]):
                raise  # else it was written; the answer was lost
        return starts[-1]

    def replace(self, rows: Sequence[Row], data: bytes) -> None:
        """The bytes of these rows, all or none; none where they were dropped meanwhile."""
        start, token = rows[0].offset, uuid4().hex
        puts = []
        for row in rows:
            place = row.offset - start
            piece = Piece(data[place : place + len(row.data)], row.within)
            item = item_of(self._log, row.offset, piece, row.at, token)
            puts.append(self._put(item, "attribute_exists(#o)"))
        with suppress(ConditionFailed):
            self._transact(puts, token)

    def drop(self, before: int) -> None:
        """Delete the rows that begin before an offset; readers know already that they are gone."""
        keys = [
            key_of(self._log, sort_key(row.offset))
            for row in self.rows(0, before - 1, columns=(TABLE.sort,))
        ]
        requests = [{"DeleteRequest": {"Key": key}} for key in keys]
        for error in self.calls.write_many(self.name, TABLE.keys, requests).values():
            raise error

    def first(self) -> int:
        """From where on the log is kept; leftovers of a trim that was cut short stand before."""
        return int(self._item(BEGIN).get("first", {}).get("N", 0))

    def note_first(self, kept: int) -> None:
        item = key_of(self._log, BEGIN) | {"first": {"N": str(kept)}}
        with suppress(ConditionFailed):  # another dropped as much
            self.calls.ask(
                "put_item",
                self.name,
                Item=item,
                ConditionExpression="attribute_not_exists(#f) OR #f < :f",
                ExpressionAttributeNames={"#f": "first"},
                ExpressionAttributeValues={":f": item["first"]},
            )

    def _stands(self, item: Item) -> bool:
        """Whether this very write did it."""
        found = self._item(item[TABLE.sort]["S"])
        return bool(found) and found.get("write") == item["write"]

    def _item(self, sort: str) -> Item:
        """Empty: there is none."""
        asked = {"Key": key_of(self._log, sort), "ConsistentRead": True}
        found: Item = self.calls.ask("get_item", self.name, **asked).get("Item", {})
        return found

    def _put(self, item: Item, condition: str) -> dict[str, Any]:
        names = {"#o": TABLE.sort}
        return {"Item": item, "ConditionExpression": condition, "ExpressionAttributeNames": names}

    def _transact(self, puts: list[dict[str, Any]], token: str) -> None:
        """All or none; a single one is no transaction, which would cost twice as much."""
        if len(puts) == 1:
            self.calls.ask("put_item", self.name, **puts[0])
            return
        actions = [{"Put": {"TableName": self.name, **put}} for put in puts]
        asked = {"TransactItems": actions, "ClientRequestToken": token}
        self.calls.ask("transact_write_items", self.name, **asked)
