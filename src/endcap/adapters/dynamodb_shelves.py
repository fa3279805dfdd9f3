"""Where the documents of a kind stand in DynamoDB: how a key becomes the key of a row, and a body
its attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import msgspec

from endcap.adapters.dynamodb_calls import Item
from endcap.adapters.dynamodb_tables import Table
from endcap.adapters.dynamodb_values import (
    MOST_PARTITION_BYTES,
    MOST_SORT_BYTES,
    attributes,
    check_key,
    document,
    encoded,
    key_bytes,
)
from endcap.adapters.sqlite import behind_prefix
from endcap.domain.errors import InvalidInput

BODY, EXPIRES = "body", "expires"
FIRST = "/"  # begins every key in the shared table: DynamoDB takes no empty one


class Span(NamedTuple):
    """Rows of one partition from ``least`` on ("": its first) to ``most`` ("": its last)."""

    partition: str
    least: str
    most: str


@dataclass(frozen=True)
class Shelf:
    """A kind with a table of its own, a row for each key. ``name``: of the table in the account."""

    table: Table
    name: str

    def key(self, key: str) -> dict[str, str]:
        """Raises InvalidInput (bad_key, empty_key, key_too_long)."""
        check_key(key, MOST_PARTITION_BYTES, self.table.partition)
        return {self.table.partition: key}

    def takes(self, key: str) -> bool:
        """Whether DynamoDB could hold such a key. Raises InvalidInput (bad_key)."""
        try:
            self.key(key)
        except InvalidInput as error:
            if error.code == "bad_key":
                raise
            return False
        return True

    def item(self, key: str, body: Mapping[str, Any]) -> Item:
        """A row. Raises as ``key``."""
        place = self.key(key)
        return typed(place) | attributes(body, place, self.table)

    def key_of(self, row: Item) -> str:
        return str(row[self.table.partition]["S"])

    def body(self, row: Item) -> dict[str, Any]:
        return document(row, self.table)

    def span(self, prefix: str, after: str) -> Span | None:  # noqa: ARG002
        """Where those keys stand that begin with ``prefix`` and are greater than ``after``; more
        may stand there. None: anywhere in the table."""
        return None


class Composite(Shelf):
    """The key is ``PARTITION/SORT``, the partition quoted as in URLs."""

    def key(self, key: str) -> dict[str, str]:
        quoted, _, sort = key.partition("/")
        key_bytes(key)
        partition = unquote(quoted)
        if quote(partition, safe="") != quoted:
            raise InvalidInput("empty_key", field=self.table.partition)
        check_key(partition, MOST_PARTITION_BYTES, self.table.partition)
        check_key(sort, MOST_SORT_BYTES, self.table.sort)
        return {self.table.partition: partition, self.table.sort: sort}

    def key_of(self, row: Item) -> str:
        partition, sort = (row[name]["S"] for name in self.table.keys)
        return f"{quote(partition, safe='')}/{sort}"

    def span(self, prefix: str, after: str) -> Span | None:
        quoted, stroke, begin = prefix.partition("/")
        partition = unquote(quoted)
        if not stroke or not 0 < key_bytes(partition) <= MOST_PARTITION_BYTES:
            return None
        behind = after.removeprefix(quoted + stroke) if after.startswith(prefix) else ""
        return bounded(partition, begin, behind)


@dataclass(frozen=True)
class Shared(Shelf):
    """A kind among others in the table of all kinds, bodies as JSON. One that says when it
    ``expires`` (s since 1970) may be dropped by DynamoDB after that."""

    partition: str

    def key(self, key: str) -> dict[str, str]:
        sort = FIRST + key
        check_key(sort, MOST_SORT_BYTES, self.table.sort)
        return {self.table.partition: self.partition, self.table.sort: sort}

    def item(self, key: str, body: Mapping[str, Any]) -> Item:
        row = typed(self.key(key)) | {BODY: {"S": encoded(body)}}
        expires = body.get(EXPIRES)
        return row | {EXPIRES: {"N": str(expires)}} if isinstance(expires, int) else row

    def key_of(self, row: Item) -> str:
        return str(row[self.table.sort]["S"]).removeprefix(FIRST)

    def body(self, row: Item) -> dict[str, Any]:
        return msgspec.json.decode(row[BODY]["S"], type=dict[str, Any])

    def span(self, prefix: str, after: str) -> Span:
        behind = FIRST + after if after.startswith(prefix) else ""
        return bounded(self.partition, FIRST + prefix, behind)


def bounded(partition: str, begin: str, behind: str) -> Span:
    """Sort keys that begin with ``begin``, from ``behind`` on; bounds that DynamoDB takes."""
    most = behind_prefix(begin) or ""
    return Span(
        partition,
        max(begin, behind).encode()[:MOST_SORT_BYTES].decode(errors="ignore"),
        "" if key_bytes(most) > MOST_SORT_BYTES else most,
    )


def typed(key: Mapping[str, str]) -> Item:
    return {name: {"S": text} for name, text in key.items()}
