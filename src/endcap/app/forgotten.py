"""Who was erased, and when, as the receipts tell it: for whoever has neither log nor lake."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from endcap.domain.erased import hash_of
from endcap.ports import Document, Documents

# Receipts by the hash of the id and the time: those that wait for the purge, and the others.
OPEN_RECEIPTS, RECEIPTS = "erasureOpen", "erasure"
PEPPER = ("secret", "erasure")  # kind and key of the secret in documents that several hosts share


class Receipts(NamedTuple):
    """``pepper``: how to find the secret that goes into the hashes. Every method raises what the
    documents raise."""

    documents: Documents
    pepper: Callable[[], str]

    def any(self) -> bool:
        """Whether anybody ever was erased."""
        return any(self.documents.query(kind, limit=1) for kind in (OPEN_RECEIPTS, RECEIPTS))

    def at(self, user_id: str) -> int:
        """When the user was erased last, in µs; 0: never."""
        return max((int(document.body["at"]) for document in self.of(user_id)), default=0)

    def of(self, user_id: str) -> list[Document]:
        """By kind, oldest first."""
        prefix = self.key(user_id)
        return [d for kind in (RECEIPTS, OPEN_RECEIPTS) for d in self.documents.query(kind, prefix)]

    def key(self, user_id: str) -> str:
        """What the names of a user's receipts begin with."""
        return hash_of(self.pepper(), user_id)[:32]


def shared_pepper(documents: Documents) -> str:
    """Empty where nobody was ever erased."""
    found = documents.get(*PEPPER)
    return str(found.body["pepper"]) if found else ""
