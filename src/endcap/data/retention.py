"""Old events leave the lake: whole dates, files and all."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import msgspec

from endcap.data.lake import Lake
from endcap.data.manifest import Manifest, Part
from endcap.domain.times import iso


class Expired(NamedTuple):
    manifest: Manifest
    rows: int
    files: int


def expire(lake: Lake, before: int) -> Expired:
    """Remove the events of every UTC date that was over at ``before`` (µs), physically.

    Nothing so old: nothing is written. A reader in the middle fails and has to read again.
    """
    base = lake.manifest()
    if not any(_is_over(part, before) for part in base.events):
        return Expired(base, 0, 0)
    gone: list[Part] = []
    manifest = lake.publish(partial(_without, before=before, gone=gone))
    lake.files.remove_replaced(manifest, {part.path for part in gone})
    return Expired(manifest, sum(part.rows for part in gone), len(gone))


def _without(now: Manifest, before: int, gone: list[Part]) -> Manifest:
    gone[:] = [part for part in now.events if _is_over(part, before)]
    kept = tuple(part for part in now.events if not _is_over(part, before))
    return msgspec.structs.replace(now, events=kept)


def _is_over(part: Part, before: int) -> bool:
    """Whether ``before`` lies on a later date than all rows of the part, as its folder says."""
    return part.path.split("/")[1] < f"date={iso(before)[:10]}"
