"""The Personalize API below ``/personalize``: parse, check, call, answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from endcap.app.shop import Rates
from endcap.control.registry.arns import Place
from endcap.domain.errors import EndcapError, Forbidden, OverRate
from endcap.domain.records import digest
from endcap.serving.bodies import Disconnected, Message, Receive, read_body
from endcap.serving.failures import note
from endcap.serving.origins import Origins
from endcap.serving.personalize.desk import Desk
from endcap.serving.personalize.protocol import decoded, failure, operation_of, success
from endcap.serving.personalize.shapes import Operation
from endcap.serving.personalize.signatures import (
    Sent,
    Signed,
    Verifier,
    header,
    partition_of,
    region_of,
    secrets_of,
)
from endcap.serving.personalize.validation import validated
from endcap.serving.refusals import Internal
from endcap.serving.requests import Reply
from endcap.settings import Settings

log = logging.getLogger("endcap.serving")

# What clients in pages send.
BROWSER_HEADERS = (
    b"amz-sdk-invocation-id, amz-sdk-request, authorization, content-type, x-amz-content-sha256, "
    b"x-amz-date, x-amz-security-token, x-amz-target, x-amz-user-agent"
)


class Personalize:
    """Answers every request below its base path; never raises but Disconnected. ``desk`` opens
    what answers, at the first request. ``now`` gives µs since 1970."""

    def __init__(
        self,
        desk: Callable[[], Desk],
        settings: Settings,
        now: Callable[[], int],
        rates: Rates | None = None,
    ) -> None:
        self._open, self._auth = desk, settings.auth
        self._opened: Desk | None = None
        self._most_body = settings.max_body_kb * 1024
        self._region, self._account = settings.arn_region, settings.arn_account
        self._origins = Origins(settings.cors_origins)
        secrets = secrets_of(settings.personalize_keys)
        self._verifier = Verifier(secrets, now) if secrets else None
        self._rates, self._now = rates, now
        self._rate_per_s, self._burst = settings.rate_per_s, settings.burst

    async def __call__(self, scope: Message, receive: Receive, path: bytes) -> tuple[str, Reply]:
        """(the operation's name, "none" where there is none; the answer). ``path``: without what
        a gateway puts before ours."""
        operation = None
        try:
            asked = self._preflight(scope)
            if asked is not None:
                return "none", asked
            operation = operation_of(scope["method"], path, scope["headers"])
            reply = success(operation, await self._answer(operation, scope, receive))
        except EndcapError as error:
            if error.status >= 500:
                facts = {"code": error.code, "status": error.status}
                log.error("request failed", extra={"facts": facts})
            reply = failure(operation, error)
        except (Disconnected, asyncio.CancelledError):
            raise
        except Exception as error:
            note(error)
            reply = failure(operation, Internal("internal_error"))
        return (operation.name if operation else "none"), reply

    def refresh(self) -> None:
        """Apply to the groups that are open what other processes have written. Raises the first
        of what went wrong, after all."""
        failures = self._opened.shops.refresh() if self._opened is not None else []
        if failures:
            raise failures[0]

    def close(self) -> None:
        """The server is about to end: nobody is kept waiting."""
        if self._opened is not None:
            self._opened.closing = True

    async def _answer(
        self, operation: Operation, scope: Message, receive: Receive
    ) -> dict[str, Any] | None:
        sent = _sent(scope)
        claim = self._admit(scope, sent)
        length = header(sent.headers, "content-length")
        announced = int(length) if length.isdecimal() else None
        raw = await read_body(receive, announced, self._most_body)
        if self._verifier is not None and claim is not None:
            self._verifier.verify(sent, claim, raw)
        given = validated(operation, decoded(raw))
        region = region_of(sent.headers, self._region)
        place = Place(region, self._account, partition_of(region))
        if self._opened is None:
            self._opened = self._open()
        return await self._opened.ask(operation, given, place)

    def _admit(self, scope: Message, sent: Sent) -> Signed | None:
        """Raises Refused, Forbidden (personalize_closed, origin_refused), OverRate."""
        if self._verifier is not None:
            claim = self._verifier.claim(sent)
            self._take(claim)
            return claim
        if self._auth == "open":  # a page of any site could else make a browser write
            self._origins.refuse_foreign(scope)
        elif self._auth != "gateway":
            raise Forbidden("personalize_closed", field="ENDCAP_PERSONALIZE_KEYS")
        return None

    def _take(self, claim: Signed) -> None:
        """Raises OverRate (over_rate)."""
        if self._rates is None or self._rate_per_s <= 0:
            return
        every_ns = int(1e9 / self._rate_per_s)
        owner = int.from_bytes(digest("access key", claim.key_id)[:7]) | 1
        wait = self._rates(owner, every_ns, self._burst, self._now() * 1000)
        if wait > 0:
            retry = -(-wait // 1_000_000_000)
            raise OverRate("over_rate", retry_after_s=retry, rate=self._rate_per_s)

    def _preflight(self, scope: Message) -> Reply | None:
        """The answer to a browser's question before a request from a page of another origin."""
        if scope["method"] != "OPTIONS":
            return None
        return self._origins.preflight(scope, ("POST",), BROWSER_HEADERS)


def _sent(scope: Message) -> Sent:
    """As the client signed it: ``root_path`` is the stage that a gateway took off."""
    raw = bytes(scope.get("raw_path") or scope["path"].encode())
    raw = str(scope.get("root_path", "")).encode() + raw
    query = bytes(scope.get("query_string", b""))
    return Sent(scope["method"], raw.decode("latin-1"), query.decode("latin-1"), scope["headers"])
