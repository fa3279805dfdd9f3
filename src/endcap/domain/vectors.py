"""What a vector index answers (``ports.VectorIndex``)."""

from __future__ import annotations

from msgspec import Struct

ITEMS, USERS = "items", "users"  # what vectors are of


class Neighbours(Struct, frozen=True):
    """What lies nearest to one vector: ids and their scores, best first."""

    ids: tuple[str, ...]
    scores: tuple[float, ...]


class Nearby(Struct, frozen=True):
    """One answer: all of it from one version."""

    version: str
    lists: tuple[Neighbours, ...]  # one for each vector asked with


class LoadedVersion(Struct, frozen=True):
    """``recall``: what searches of it found of the true nearest when it was loaded."""

    version: str
    vectors: int
    dimensions: int
    answers: bool
    recall: float
