"""Recommendations of an Amazon Personalize campaign. Needs the extra ``endcap[aws]``.

A campaign that does not answer is left alone for a while, so that not every user waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from endcap.adapters.aws_clients import DENIED, client, code_of
from endcap.domain.errors import EndcapError, Forbidden, NotFound, Unavailable

CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ATTEMPTS = 0.5, 1.5, 2
FAILURES, LEFT_ALONE_S = 5, 30.0  # failures in a row, and for how long nothing is asked then


class Recommended(NamedTuple):
    ids: list[str]
    scores: list[float]


class Campaign:
    """``clock`` gives seconds. One thread uses one of these."""

    def __init__(
        self, arn: str, personalize: Any = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.arn, self._personalize, self._clock = arn, personalize, clock
        self._failures, self._until = 0, 0.0

    def recommend(self, user_id: str, k: int) -> Recommended:
        """Best first. Raises Unavailable (campaign_unavailable), Forbidden (campaign_denied),
        NotFound (unknown_campaign)."""
        if self._clock() < self._until:
            raise Unavailable("campaign_unavailable", reason="left alone")
        try:
            answer = self._client().get_recommendations(
                campaignArn=self.arn, userId=user_id, numResults=k
            )
        except (ClientError, BotoCoreError) as error:
            self._failed()
            raise _failure(code_of(error)) from error
        self._failures = 0
        items = answer["itemList"]
        return Recommended(
            [str(item["itemId"]) for item in items], [float(item.get("score", 0)) for item in items]
        )

    def _client(self) -> Any:
        service = "personalize-runtime"
        return self._personalize or client(service, CONNECT_TIMEOUT_S, READ_TIMEOUT_S, ATTEMPTS)

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES:
            self._failures, self._until = 0, self._clock() + LEFT_ALONE_S


def _failure(code: str) -> EndcapError:
    if code == "ResourceNotFoundException":
        return NotFound("unknown_campaign")
    if code in DENIED:
        return Forbidden("campaign_denied", reason=code)
    return Unavailable("campaign_unavailable", reason=code)
