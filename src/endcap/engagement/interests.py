"""What customers say they are interested in, and where: the history of ``CustomerInterest``.

A record is a document under customer, second and sequence, so that two records of one second both
stay and those of one customer lie together, oldest first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from urllib.parse import quote

import msgspec
from msgspec import Struct

from endcap.domain.errors import Conflict
from endcap.ports import Document, Documents

CUSTOMER_INTEREST = "CustomerInterest"
SECOND_US = 1_000_000
PAGE = 500


class Interest(Struct, frozen=True):
    """One stated interest; ``timestamp`` in whole seconds since 1970 UTC."""

    customer_id: str
    timestamp: int
    interest: str
    location: str


def remember(
    documents: Documents, customer_id: str, interest: str, location: str, at: int
) -> Interest:
    """Keep one more record, stated at ``at`` (µs). Raises what the store raises."""
    second, sequence = divmod(at, SECOND_US)
    record = Interest(customer_id, second, interest, location)
    body = msgspec.to_builtins(record)
    while True:
        key = f"{prefix(customer_id)}{second:012d}/{sequence:07d}"
        try:
            documents.put(CUSTOMER_INTEREST, key, body, expected=0)
            return record
        except Conflict:  # another record of the same microsecond
            sequence += 1


def prefix(customer_id: str) -> str:
    """How the keys of one customer begin; those of no other customer begin so."""
    return quote(customer_id, safe="") + "/"


def history(documents: Documents, customer_id: str, newest: int) -> list[Interest]:
    """The ``newest`` records of a customer, newest first."""
    found = deque(documents_of(documents, customer_id), maxlen=newest)
    return [msgspec.convert(document.body, Interest) for document in reversed(found)]


def documents_of(documents: Documents, customer_id: str) -> Iterator[Document]:
    """Oldest first, a page at a time."""
    after = ""
    while page := documents.query(CUSTOMER_INTEREST, prefix(customer_id), after, PAGE):
        yield from page
        after = page[-1].key


def forget(documents: Documents, customer_id: str) -> int:
    """Delete all records of a customer; how many there were."""
    count = 0
    while page := documents.query(CUSTOMER_INTEREST, prefix(customer_id), "", PAGE):
        for document in page:
            count += documents.delete(CUSTOMER_INTEREST, document.key)
    return count
