"""Campaigns: what is served. Each group has the reserved campaign ``default``, which /v1 uses."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from endcap.domain.errors import InvalidInput
from endcap.ports import Documents

KIND = "campaign"
DEFAULT = "default"


class Campaign(Struct, frozen=True):
    """``history`` holds the versions served before, newest first: what a rollback returns to."""

    name: str
    version: str  # "" before the first training
    updated_at: int = 0  # µs
    history: tuple[str, ...] = ()


def campaign(documents: Documents, name: str = DEFAULT) -> Campaign:
    document = documents.get(KIND, name)
    return Campaign(name, "") if document is None else msgspec.convert(document.body, Campaign)


def promote(documents: Documents, version: str, at: int, name: str = DEFAULT) -> Campaign:
    """Serve this version. Conflict when somebody else moved the campaign meanwhile."""
    document = documents.get(KIND, name)
    now = campaign(documents, name)
    if now.version == version:
        return now
    earlier = (now.version, *now.history) if now.version else now.history
    return _write(documents, Campaign(name, version, at, earlier[:50]), document)


def rollback(documents: Documents, at: int, name: str = DEFAULT) -> Campaign:
    """Serve the version before. Raises InvalidInput (nothing_to_roll_back)."""
    document = documents.get(KIND, name)
    now = campaign(documents, name)
    if not now.history:
        raise InvalidInput("nothing_to_roll_back", field="campaign", value=name)
    return _write(documents, Campaign(name, now.history[0], at, now.history[1:]), document)


def _write(documents: Documents, new: Campaign, document: object) -> Campaign:
    expected = getattr(document, "version", 0)
    documents.put(KIND, new.name, msgspec.to_builtins(new), expected=expected)
    return new
