"""A file of users into the table ``EcommerceUsers``: each record checked, the good ones written,
the bad ones told with their position."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from endcap.data.json_stream import CUT_OFF, read_values
from endcap.domain.errors import InvalidInput

USERS = "EcommerceUsers"
AT_ONCE = 500  # records in one write
MOST_TOLD = 20  # bad records that the result names
MOST_DEPTH = 8
MOST_ID = 256
NAMES_OF_USER = ("user_id", "userId", "USER_ID", "id")
MOST_DIGITS = 38  # of a number, as DynamoDB keeps it
MOST_EXPONENT, LEAST_EXPONENT = 125, -130

Record = Mapping[str, Any]
Write = Callable[[Mapping[str, Record]], None]


class Bad(Struct, frozen=True):
    """A record that was not written. ``position``: in the array, or the line; from 1."""

    position: int
    code: str
    field: str = ""


class Imported(Struct, frozen=True):
    """``told``: the first bad records. ``codes``: how many there were of each kind."""

    read: int = 0
    written: int = 0
    bad: int = 0
    codes: dict[str, int] = {}
    told: tuple[Bad, ...] = ()


def import_users(
    pieces: Iterable[bytes],
    write: Write,
    *,
    kept: Callable[[str], None] = lambda _: None,
    refused: Callable[[Bad], None] = lambda _: None,
) -> Imported:
    """Read a JSON array or JSON lines. ``write`` gets the good records by user id, some hundreds at
    once, and may be asked to write the same again; ``kept`` is told of each user written,
    ``refused`` of each bad record. Of a user who comes twice the later record stands.

    Raises InvalidInput (no_user_records) for a file in which nothing can be read.
    """
    done = Imported()
    waiting: dict[str, Record] = {}
    for found in checked(pieces):
        done = replace(done, read=done.read + (getattr(found, "code", "") != CUT_OFF))
        if isinstance(found, Bad):
            refused(found)
            done = _counted(done, found)
            continue
        user_id, record = found
        waiting[user_id] = record
        if len(waiting) == AT_ONCE:
            done = _written(done, waiting, write, kept)
            waiting = {}
    done = _written(done, waiting, write, kept)
    if not done.written and (not done.read or set(done.codes) <= {"bad_json", CUT_OFF}):
        raise InvalidInput("no_user_records", field="users_file")
    return done


def users_in(pieces: Iterable[bytes]) -> Iterator[str]:
    """The ids of the good records."""
    for found in checked(pieces):
        if not isinstance(found, Bad):
            yield found[0]


def checked(pieces: Iterable[bytes]) -> Iterator[tuple[str, Record] | Bad]:
    """(user id, record) or what is wrong with it, in the order of the file."""
    for position, value, wrong in read_values(pieces):
        if wrong:
            yield Bad(position, wrong)
            continue
        try:
            yield read_record(value)
        except InvalidInput as error:
            yield Bad(position, error.code, error.field)


def read_record(value: Any) -> tuple[str, Record]:
    """(user id, the record as it is to be stored, its id as ``user_id``).

    Raises InvalidInput: not_an_object, user_without_id, bad_user_id, nested_too_deep,
    number_out_of_range. What it says names members, not their values.
    """
    if not isinstance(value, dict):
        raise InvalidInput("not_an_object", field="record", value=type(value).__name__)
    name = next((name for name in NAMES_OF_USER if value.get(name) not in (None, "")), "")
    if not name:
        raise InvalidInput("user_without_id", field="record", permitted=", ".join(NAMES_OF_USER))
    given = value[name]
    user_id = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(user_id, str) or not user_id.isprintable() or len(user_id) > MOST_ID:
        raise InvalidInput("bad_user_id", field=name, most=MOST_ID)
    rest = {key: held for key, held in value.items() if key != name and key}
    for key, held in rest.items():
        check_value(held, key, 1)
    return user_id, {**rest, "user_id": user_id}


def check_value(value: Any, field: str, depth: int) -> None:
    """Raises InvalidInput for what not every store keeps as it is."""
    if depth > MOST_DEPTH:
        raise InvalidInput("nested_too_deep", field=field, most=MOST_DEPTH)
    if isinstance(value, dict):
        for held in value.values():
            check_value(held, field, depth + 1)
    elif isinstance(value, list):
        for held in value:
            check_value(held, field, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value:
        if isinstance(value, int) and len(str(abs(value)).rstrip("0")) > MOST_DIGITS:
            raise InvalidInput("number_out_of_range", field=field)
        if not LEAST_EXPONENT <= math.log10(abs(value)) <= MOST_EXPONENT:
            raise InvalidInput("number_out_of_range", field=field)


def _counted(done: Imported, bad: Bad) -> Imported:
    codes = {**done.codes, bad.code: done.codes.get(bad.code, 0) + 1}
    told = (*done.told, bad) if len(done.told) < MOST_TOLD else done.told
    return replace(done, bad=done.bad + 1, codes=codes, told=told)


def _written(
    done: Imported, waiting: Mapping[str, Record], write: Write, kept: Callable[[str], None]
) -> Imported:
    if waiting:
        write(waiting)
        for user_id in waiting:
            kept(user_id)
    return replace(done, written=done.written + len(waiting))
