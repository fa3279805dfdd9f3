"""``Sender`` that posts messages as JSON to a URL: https, or http on this machine.

What fails for the moment (no connection, no answer in time, 408, 429, 5xx) is tried again with
growing, random pauses; redirects are not followed. Errors name the host alone: the rest of the URL
of a webhook is a secret.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable
from endcap.domain.records import digest
from endcap.ports import Message

TIMEOUT_S, ATTEMPTS = 5.0, 4
FIRST_PAUSE_S = 0.5
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_ANSWER_BYTES = 65_536


class Webhook:
    """See ``ports.Sender``. Each message carries an Idempotency-Key, the same when it is sent
    again."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        attempts: int = ATTEMPTS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises InvalidInput (message_refused) for another scheme than https, but to this
        machine."""
        self._url = _checked(url)
        self._timeout_s, self._attempts, self._pause = timeout_s, attempts, pause

    def send(self, message: Message) -> str:
        body = json.dumps(
            {"subject": message.subject, "text": message.text, "attributes": message.attributes}
        )
        key = digest(body).hex()
        for attempt in range(1, self._attempts + 1):
            try:
                status = self._post(body.encode(), key)
            except (OSError, HTTPException) as error:
                failure: EndcapError = self._later(type(error).__name__)
            else:
                if 200 <= status < 300:
                    return key
                failure = self._refused(status)
            if attempt == self._attempts or not isinstance(failure, Unavailable):
                raise failure
            self._pause(random.uniform(0, FIRST_PAUSE_S * 2**attempt))  # noqa: S311
        raise AssertionError("unreachable: attempts is at least 1")

    def _post(self, body: bytes, key: str) -> int:
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = kind(self._url.hostname or "", self._url.port, timeout=self._timeout_s)
        target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            connection.request("POST", target, body=body, headers=headers)
            answer = connection.getresponse()
            answer.read(MOST_ANSWER_BYTES)
            return answer.status
        finally:
            connection.close()

    def _later(self, reason: str) -> Unavailable:
        return Unavailable("message_not_sent", field=self._url.hostname or "", reason=reason)

    def _refused(self, status: int) -> EndcapError:
        host, reason = self._url.hostname or "", f"status {status}"
        if status in (401, 403):
            return Forbidden("sender_denied", field=host, reason=reason)
        if status in (404, 410):
            return NotFound("unknown_receiver", field=host)
        if status in (408, 425, 429) or status >= 500:
            return self._later(reason)
        return InvalidInput("message_refused", field=host, reason=reason)


def _checked(url: str) -> SplitResult:
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (parts.hostname and (parts.scheme == "https" or local)):
        reason = "its address must begin with https://"
        raise InvalidInput("message_refused", field=parts.hostname or "webhook", reason=reason)
    return parts
