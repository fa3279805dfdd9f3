"""What the lake holds, as the ETL reads it: parts by date, attributes, erasures, fingerprints.

A fingerprint says from what a partition was made: where it is the same, the partition stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from endcap.data.etl.dialects import BOOLEAN, NUMBER, TEXT, TEXTS, WHOLE, Dialect
from endcap.data.etl.storage import Storage
from endcap.data.etl.tables import RAW_ITEMS, RAW_USERS, Table
from endcap.data.manifest import Manifest, Part
from endcap.domain.columns import ITEM_ID, USER_ID
from endcap.domain.errors import Damaged, InvalidInput

KEYS = {RAW_ITEMS: ITEM_ID, RAW_USERS: USER_ID}
# What statements say of items; a shop without one of them has nulls.
KNOWN_ITEM = {
    "name": TEXT, "department": TEXT, "aisle": TEXT, "brand": TEXT,
    "price": NUMBER, "created": NUMBER, "available": BOOLEAN,
}  # fmt: skip
KNOWN = {RAW_ITEMS: KNOWN_ITEM, RAW_USERS: dict[str, str]()}
ROWS_OF_A_PART = 40  # bits: arrival is the part's place among those of its date, then the row's


class Dated(NamedTuple):
    """A part of one date; ``arrival``: that of its first row."""

    part: Part
    date: str
    arrival: int


def by_date(manifest: Manifest) -> dict[str, list[Dated]]:
    """The events' parts of each UTC date, in the order in which they arrived."""
    found: dict[str, list[Dated]] = {}
    for part in manifest.events:
        day = part.path.split("/")[-2].removeprefix("date=")
        parts = found.setdefault(day, [])
        parts.append(Dated(part, day, len(parts) << ROWS_OF_A_PART))
    return dict(sorted(found.items()))


def erasures(manifest: Manifest) -> dict[str, int]:
    """The newest sequence of each erased user."""
    found: dict[str, int] = {}
    for erasure in manifest.erasures:
        found[erasure.user_id] = max(erasure.sequence, found.get(erasure.user_id, 0))
    return found


def digest(values: Iterable[object]) -> str:
    return hashlib.sha256("\n".join(map(repr, values)).encode()).hexdigest()[:24]


def fingerprints(
    manifest: Manifest, table: Table, statements: Mapping[str, str], as_of: int
) -> dict[str, str]:
    """By date; the empty text for a table without dates. ``statements``: filled, by table."""
    latest = max((e.sequence for e in manifest.erasures), default=0)

    def of(parts: Sequence[Part]) -> list[object]:
        erased = latest if any(part.sequence < latest for part in parts) else 0
        return [erased, *((part.path, part.sequence, part.rows) for part in parts)]

    text = statements[table.name]
    if table.dated:
        dates = by_date(manifest).items()
        return {day: digest([text, *of([d.part for d in parts])]) for day, parts in dates}
    parts = {
        "items": manifest.items,
        "users": manifest.users,
    }.get(table.name, (*manifest.events, *manifest.items, *manifest.users))
    return {"": digest([text, as_of if table.timed else 0, *of(parts)])}


def attributes_of(parts: Iterable[Mapping[str, str]], raw: str) -> dict[str, str]:
    """Column → kind of what parts of items or users have beyond the key and what is known. Names
    are compared without regard to case; the lake keeps one type for each."""
    found: dict[str, str] = {}
    taken = {KEYS[raw], *KNOWN[raw], "position", "sequence"}
    spelled: dict[str, str] = {}
    for columns in parts:
        for name, kind in columns.items():
            if name.lower() not in taken:
                found[spelled.setdefault(name.lower(), name)] = TEXT if kind == TEXTS else kind
    return found


def entity_columns(
    columns: Mapping[str, str], raw: str, attributes: Mapping[str, str], say: Dialect
) -> str:
    """The select list that makes a part a part of ``raw_items`` or ``raw_users``."""
    have = {name.lower(): (name, kind) for name, kind in columns.items()}
    listed = [say.quoted(KEYS[raw])]
    for name, kind in {**KNOWN[raw], **attributes}.items():
        own, is_kind = have.get(name.lower(), ("", ""))
        value = _known if name in KNOWN[raw] else _attribute
        listed.append(f"{value(own, is_kind, kind, say)} AS {say.quoted(name)}")
    return ", ".join(listed)


def _known(column: str, kind: str, wanted: str, say: Dialect) -> str:
    """What features take it for: a list counts with its first entry, an empty text as missing, and
    what has another type not at all (``features/traits.py``)."""
    name = say.quoted(column)
    if wanted == TEXT and kind in (TEXT, TEXTS):
        return f"nullif({say.first(name) if kind == TEXTS else name}, '')"
    if wanted == NUMBER and kind in (WHOLE, NUMBER):
        return say.cast(name, NUMBER)
    return name if kind == wanted else say.null(wanted)


def _attribute(column: str, kind: str, wanted: str, say: Dialect) -> str:
    name = say.quoted(column)
    if not column:
        return say.null(wanted)
    if kind == TEXTS:
        return say.joined(name)
    return name if kind == wanted else say.cast(name, wanted)


def days(dates: Iterable[str], first: str | None, last: str | None) -> list[str]:
    """Those from ``first`` to ``last``, both inclusive."""
    return [d for d in dates if (first or "") <= d <= (last or "9999-99-99")]


def read_lake(storage: Storage) -> Manifest:
    """The newest manifest of a lake that lies anywhere; an empty one where there is none.

    Raises Damaged (damaged_manifest).
    """
    names = [n for n in storage.names("manifest") if n.endswith(".json") and n[:-5].isdigit()]
    if not names:
        return Manifest()
    path = f"manifest/{names[-1]}"
    try:
        return msgspec.json.decode(storage.read(path), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged("damaged_manifest", field=f"{storage.url}/{path}") from error


def parse_dates(text: str | None) -> tuple[str | None, str | None]:
    """``2026-01-31`` or ``2026-01-01..2026-01-31`` as first and last day; two None for None.

    Raises InvalidInput (bad_date).
    """
    if text is None:
        return None, None
    first, _, last = text.partition("..")
    try:
        found = [date.fromisoformat(day.strip()).isoformat() for day in (first, last or first)]
    except ValueError as error:
        raise InvalidInput("bad_date", field="--dates", value=text) from error
    if found[0] > found[1]:
        raise InvalidInput("bad_date", field="--dates", value=text)
    return found[0], found[1]
