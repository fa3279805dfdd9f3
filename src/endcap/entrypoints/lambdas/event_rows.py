"""What the function that reads the stream opens: the table of events, the receipts of erasures,
and the place of what cannot be kept. No log, no lake, no model: importing this loads no numpy."""

from __future__ import annotations

from typing import NamedTuple

from endcap.adapters.breaker import Count, uncounted
from endcap.adapters.dynamodb import DynamoDocuments
from endcap.adapters.dynamodb_calls import DynamoCalls
from endcap.adapters.dynamodb_events import DynamoEvents
from endcap.adapters.dynamodb_tables import read_names
from endcap.adapters.s3_parts import S3Parts
from endcap.app.forgotten import Receipts, shared_pepper
from endcap.app.stream_parts import STREAM, StreamParts
from endcap.domain.errors import InvalidInput
from endcap.ports import Documents, EventHistory
from endcap.settings import Settings

CONSUMER = "events"  # the folder in the lake's bucket: stream/events/failed/date=…


class EventRows(NamedTuple):
    """``parts``: where what can never be kept is set aside."""

    history: EventHistory
    receipts: Receipts
    parts: StreamParts


def open_event_rows(settings: Settings, count: Count = uncounted) -> EventRows:
    """Raises InvalidInput: function_variable_missing where documents or lake lie in the home, which
    a function loses; bad_setting, bad_s3_url."""
    for name, value in (("ENDCAP_DOCUMENTS", settings.documents), ("ENDCAP_LAKE", settings.lake)):
        if not value:
            raise InvalidInput("function_variable_missing", field=name)
    calls = DynamoCalls(count)
    names = read_names(settings.documents, settings.group, settings.tables)
    documents = DynamoDocuments(calls, names)
    files = S3Parts(f"{settings.lake.rstrip('/')}/{settings.group}/{STREAM}")
    return EventRows(
        DynamoEvents(calls, names, settings.event_days),
        Receipts(documents, SharedPepper(documents)),
        StreamParts(files, CONSUMER),
    )


class SharedPepper:
    """The secret in the documents, asked for until there is one."""

    def __init__(self, documents: Documents) -> None:
        self._documents, self._found = documents, ""

    def __call__(self) -> str:
        self._found = self._found or shared_pepper(self._documents)
        return self._found
