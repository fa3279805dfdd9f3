"""Solution versions: every trained model with its metrics and where it came from."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from endcap.domain.errors import Conflict, NotFound
from endcap.evaluation.results import Verdict
from endcap.ports import Documents

KIND = "solution_version"
RESOURCE = "resource"  # in a lineage: the ARN of what it was trained for, where that has one


class SolutionVersion(Struct, frozen=True):
    """``lineage`` says from what data and code; ``metrics`` are of the held-out tail."""

    name: str  # v0001, v0002 …: never used twice
    created_at: int  # µs
    status: str  # "training", "trained" (not judged yet), "active", "failed"
    lineage: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    info: dict[str, Any] = {}
    reason: str = ""  # why it failed
    gate: Verdict | None = None  # None: trained before there was one, or not finished
    forced: str = ""  # why it was to serve whatever the gate said


def reserve(documents: Documents, at: int) -> SolutionVersion:
    """The next free name, taken by compare-and-set: two trainings never share one."""
    number = max((int(v.name[1:]) for v in versions(documents)), default=0) + 1
    while True:
        version = SolutionVersion(f"v{number:04d}", at, "training")
        try:
            documents.put(KIND, version.name, msgspec.to_builtins(version), expected=0)
        except Conflict:
            number += 1
        else:
            return version


def save(documents: Documents, version: SolutionVersion) -> None:
    documents.put(KIND, version.name, msgspec.to_builtins(version))


def versions(documents: Documents) -> list[SolutionVersion]:
    """All of them, oldest first."""
    found: list[SolutionVersion] = []
    after = ""
    while page := documents.query(KIND, after=after, limit=500):
        found += [msgspec.convert(d.body, SolutionVersion) for d in page]
        after = page[-1].key
    return found


def version(documents: Documents, name: str) -> SolutionVersion:
    """Raises NotFound (unknown_version)."""
    document = documents.get(KIND, name)
    if document is None:
        known = ", ".join(v.name for v in versions(documents)) or "none yet"
        raise NotFound("unknown_version", field="version", value=name, known=known)
    return msgspec.convert(document.body, SolutionVersion)
