"""Taking submissions in where an answer matters more than its record: a store that fails is noted,
and the shopper is answered all the same."""

from __future__ import annotations

from collections.abc import Callable

from endcap.app.first_requests import as_at_first
from endcap.app.intake import Outcome
from endcap.app.outgoing import submission_record
from endcap.domain.errors import EndcapError, Mismatch
from endcap.domain.records import AnyRecord, Submitted
from endcap.ports import Documents, Stream

Failed = Callable[[str, str, Exception], None]  # stage, code, error


class Submissions:
    """In place of ``intake.Intake``, for submissions alone. One call at a time. ``missed``: what
    the last one was taken in without, as ``stage:code``."""

    def __init__(
        self, documents: Documents, stream: Stream, horizon_us: int, failed: Failed
    ) -> None:
        self._documents, self._stream, self._horizon_us = documents, stream, horizon_us
        self._failed = failed
        self.missed: list[str] = []

    async def submit(self, record: AnyRecord, size: int = 0) -> Outcome:  # noqa: ARG002
        """Raises Mismatch (key_reused)."""
        assert isinstance(record, Submitted)  # noqa: S101 - no other route
        self.missed, at = [], record.at
        try:
            at = as_at_first(self._documents, record, self._horizon_us).at
        except Mismatch:
            raise
        except EndcapError as error:
            self._miss("documents", error)
        try:
            self._stream.put([submission_record(record.user_id, at)])
        except EndcapError as error:
            self._miss("stream", error)
        return Outcome(stored=1)

    def _miss(self, stage: str, error: EndcapError) -> None:
        self.missed.append(f"{stage}:{error.code}")
        self._failed(stage, error.code, error)
