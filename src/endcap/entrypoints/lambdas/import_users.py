"""``ImportUsersFromS3``: a file of users from a bucket into the table ``EcommerceUsers``.

Handler: ``endcap.entrypoints.lambdas.import_users.handler``. The event names the file as
``source`` (s3://BUCKET/KEY), or as ``bucket`` and ``key``. Where a fan-out is distributed, the list
of users goes to ``RunsUrl`` (s3://BUCKET/PREFIX) with the bad records beside it; else it is in the
answer. The same file again changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from endcap.domain.errors import InvalidInput
from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import USERS_TABLE, rows, tell, variable

if TYPE_CHECKING:
    from endcap.app.user_records import Bad, Imported, Record

MOST_INLINE, MOST_INLINE_BYTES = 1000, 100_000  # users in one answer
LIST, BAD = "users.json", "bad.jsonl"
DISTRIBUTED = "distributed"


@observed
def handler(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
    """Counts, the first bad records, and the users for the fan-out."""
    source, run_id = source_of(event), str(event.get("run_id") or "run")
    if event.get("fan_out") == DISTRIBUTED:
        done, users, file = to_bucket(source, run_id)
    else:
        users, file = [], {}
        done = run(source, adding(users))
    counts = {"usersRead": done.read, "usersWritten": done.written, "usersBad": done.bad}
    tell("imported users", counts, codes=done.codes)
    told = [{"position": bad.position, "code": bad.code, "field": bad.field} for bad in done.told]
    return {
        "read": done.read, "written": done.written, "bad": done.bad, "codes": done.codes,
        "told": told, "users": users, "users_file": file,
    }  # fmt: skip


def source_of(event: Mapping[str, Any]) -> str:
    """Raises InvalidInput (bad_s3_url)."""
    source = str(event.get("source") or f"s3://{event.get('bucket', '')}/{event.get('key', '')}")
    if not source.startswith("s3://") or source.count("/") < 3 or source.endswith("/"):
        raise InvalidInput("bad_s3_url", field="source", value=source)
    return source


def run(
    source: str, kept: Callable[[str], None], refused: Callable[[Bad], None] = lambda _: None
) -> Imported:
    """What ``import_users`` does, from a bucket into the table."""
    from endcap.adapters.file_pieces import pieces
    from endcap.app.user_records import import_users

    def write(records: Mapping[str, Record]) -> None:
        rows(USERS_TABLE).put_many(records.values())

    return import_users(pieces(source), write, kept=kept, refused=refused)


def adding(users: list[str]) -> Callable[[str], None]:
    """What keeps each user once. Raises InvalidInput (too_many_users) beyond what an answer, and
    the history of an execution, hold."""
    known: set[str] = set()
    size = 0

    def add(user_id: str) -> None:
        nonlocal size
        if user_id in known:
            return
        size += len(json.dumps(user_id)) + 2
        if len(users) == MOST_INLINE or size > MOST_INLINE_BYTES:
            raise InvalidInput("too_many_users", field="source", most=MOST_INLINE)
        known.add(user_id)
        users.append(user_id)

    return add


def to_bucket(source: str, run_id: str) -> tuple[Imported, list[str], dict[str, str]]:
    """The users as a JSON array in a file of S3, however many there are."""
    from endcap.adapters.s3 import Bucket

    bucket = Bucket(f"{variable('RunsUrl')}/{run_id}")
    with TemporaryDirectory() as name, ExitStack() as files:
        folder = Path(name)
        users = files.enter_context((folder / LIST).open("w", encoding="utf-8"))
        bad = files.enter_context((folder / BAD).open("w", encoding="utf-8"))
        users.write("[")
        done = run(source, listing(users), telling(bad))
        users.write("]")
        files.close()
        bucket.put_files([(file, folder / file) for file in (LIST, BAD)])
    return done, [], {"bucket": bucket.name, "key": bucket.full(LIST)}


def listing(file: IO[str]) -> Callable[[str], None]:
    begun = False

    def add(user_id: str) -> None:
        nonlocal begun
        file.write(("," if begun else "") + json.dumps(user_id))
        begun = True

    return add


def telling(file: IO[str]) -> Callable[[Bad], None]:
    def add(bad: Bad) -> None:
        line = {"position": bad.position, "code": bad.code, "field": bad.field}
        file.write(json.dumps(line) + "\n")

    return add
