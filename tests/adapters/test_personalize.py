"""A campaign of Amazon Personalize: its answers, its failures, and being left alone."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from endcap.adapters.personalize import FAILURES, LEFT_ALONE_S, Campaign
from endcap.domain.errors import EndcapError, Forbidden, NotFound, Unavailable

ARN = "arn:aws:personalize:us-east-1:1:campaign/c"


class Runtime:
    """Answers as the service does, or fails with ``error``."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[dict[str, Any]] = []

    def get_recommendations(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        if self.error:
            raise self.error
        return {"itemList": [{"itemId": "b", "score": 0.5}, {"itemId": "a"}]}


def test_an_answer_keeps_its_order() -> None:
    runtime = Runtime()
    found = Campaign(ARN, runtime).recommend("u1", 2)
    assert (found.ids, found.scores) == (["b", "a"], [0.5, 0.0])
    assert runtime.asked == [{"campaignArn": ARN, "userId": "u1", "numResults": 2}]


def told(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "u1"}}, "GetRecommendations")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(told("ResourceNotFoundException"), NotFound), (told("AccessDeniedException"), Forbidden),
     (told("ThrottlingException"), Unavailable), (ReadTimeoutError(endpoint_url="x"), Unavailable)],
)  # fmt: skip
def test_failures_are_said_in_our_words(error: Exception, kind: type[EndcapError]) -> None:
    with pytest.raises(kind) as raised:
        Campaign(ARN, Runtime(error)).recommend("u1", 2)
    assert "u1" not in str(raised.value)


def test_a_campaign_that_fails_again_and_again_is_left_alone_for_a_while() -> None:
    runtime, at = Runtime(ReadTimeoutError(endpoint_url="x")), 100.0
    campaign = Campaign(ARN, runtime, lambda: at)
    for _ in range(FAILURES + 3):
        with pytest.raises(Unavailable):
            campaign.recommend("u1", 2)
    assert len(runtime.asked) == FAILURES
    at += LEFT_ALONE_S + 1
    runtime.error = None
    assert campaign.recommend("u1", 2).ids == ["b", "a"]
