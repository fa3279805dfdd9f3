"""Where ENDCAP_DOCUMENTS keeps control documents: in the home, or in tables of DynamoDB, beside
which the table of events stands, and where ENDCAP_LOG says so the log."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from endcap.adapters.breaker import Count, uncounted
from endcap.adapters.log import FileLog
from endcap.adapters.sqlite import SqliteDocuments
from endcap.bootstrap.places import make
from endcap.domain.errors import InvalidInput, NotFound
from endcap.ports import Documents, EventHistory, EventLog
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.adapters.dynamodb_calls import DynamoCalls
    from endcap.adapters.dynamodb_tables import Names

OF_USERS = ("EcommerceUsers", "user_features")  # kinds whose keys are ids of users


def documents_of(settings: Settings, group: str, root: Path, count: Count = uncounted) -> Documents:
    """``root``: the group's folder. Raises InvalidInput (aws_extra_missing, bad_setting) and what
    the adapters raise."""
    if not settings.documents:
        return SqliteDocuments(root / "documents.sqlite")
    names = names_of(settings, group)
    from endcap.adapters.dynamodb import DynamoDocuments

    return DynamoDocuments(calls_of(count), names)


def events_of(settings: Settings, group: str, count: Count = uncounted) -> EventHistory | None:
    """The table of events; None where documents lie in the home. Raises as ``documents_of``."""
    if not settings.documents:
        return None
    names = names_of(settings, group)
    from endcap.adapters.dynamodb_events import DynamoEvents

    return DynamoEvents(calls_of(count), names, settings.event_days)


def log_of(settings: Settings, group: str, root: Path, count: Count = uncounted) -> EventLog:
    """``root``: the group's folder. Raises InvalidInput (log_needs_documents) and as
    ``documents_of``."""
    if settings.log == "folder":
        return FileLog(make(root / "log"), int(settings.segment_mb * 2**20))
    if not settings.documents:
        raise InvalidInput("log_needs_documents", field="ENDCAP_LOG", value=settings.log)
    names = names_of(settings, group)
    from endcap.adapters.dynamodb_log import DynamoLog

    return DynamoLog(calls_of(count), names)


def names_of(settings: Settings, group: str) -> Names:
    """How the tables of a group are called. Raises InvalidInput (aws_extra_missing,
    bad_setting)."""
    if find_spec("boto3") is None:
        raise InvalidInput("aws_extra_missing", field="ENDCAP_DOCUMENTS")
    from endcap.adapters.dynamodb_tables import read_names

    return read_names(settings.documents, group, settings.tables)


def make_tables(settings: Settings, group: str) -> list[str]:
    """Make those tables that are missing; their names. Raises as ``DynamoCalls`` does."""
    names = names_of(settings, group)
    from endcap.adapters.dynamodb_calls import made_with
    from endcap.adapters.dynamodb_tables import create

    return made_with(lambda client: create(client, names))


@lru_cache(maxsize=8)
def calls_of(count: Count) -> DynamoCalls:
    """One for each process, so that its breaker hears of every failure."""
    from endcap.adapters.dynamodb_calls import DynamoCalls

    return DynamoCalls(count)


def erase_tables(documents: Documents, user_id: str) -> int:
    """Of what is known of users by their id; a table that was never made holds nothing."""
    gone = 0
    for kind in OF_USERS:
        try:
            gone += documents.delete(kind, user_id)
        except NotFound:
            continue
    return gone


def erase_events(settings: Settings, group: str, user_id: str) -> int:
    """How many events of the user went from the table of events."""
    events = events_of(settings, group)
    try:
        return events.erase(user_id) if events is not None else 0
    except NotFound:
        return 0
