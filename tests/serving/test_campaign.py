"""A campaign of Amazon Personalize before the engine and in its shadow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from endcap.app.campaign_answers import Campaign, count_shared
from endcap.domain.errors import Unavailable

PATH = "/v1/recommendations/personalized?userId=u1&k=3"


class Theirs(NamedTuple):
    ids: Sequence[str]
    scores: Sequence[float]


class Runtime:
    """A campaign in this process."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.error: Exception | None = None
        self.open = threading.Event()
        self.open.set()

    def __call__(self, user_id: str, k: int) -> Theirs:
        self.asked.append((user_id, k))
        self.open.wait(20)
        if self.error is not None:
            raise self.error
        return Theirs(["i1", "theirs"], [0.9, 0.1])


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    made = Runtime()
    yield made
    made.open.set()


@pytest.fixture
def asking(own: Any, runtime: Runtime) -> Callable[[bool], Any]:
    """``asking(in_shadow)``: a shop of three popular items with that campaign."""

    def made(in_shadow: bool) -> Any:
        for item in ("i1", "i2", "i3"):
            own("POST", "/v1/events", {"userId": "u0", "itemId": item, "event_type": "view"})
        shop = own.shop
        shop.settings = replace(shop.settings, campaign_ms=30.0, deadline_ms=60_000)
        shop.campaign = Campaign("shop", runtime, in_shadow, patient=True)
        return type(own)(shop)

    return made


def counted(asker: Any, name: str) -> dict[str, float]:
    found = asker.shop.telemetry.counters.items()
    return {"/".join(v for _, v in labels): n for (known, labels), n in found if known == name}


def test_a_campaign_answers_first(asking: Any, runtime: Runtime) -> None:
    asker = asking(False)
    told = asker("GET", PATH)
    assert told.status == 200
    assert told.body == {
        "userId": "u1",
        "items": [{"id": "i1", "score": 0.9}, {"id": "theirs", "score": 0.1}],
    }
    assert told.headers["endcap-strategy"] == "campaign"
    assert told.headers["endcap-model-version"] == "shop"
    assert runtime.asked == [("u1", 3)]
    assert counted(asker, "campaign_calls_total") == {"answered": 1}
    assert asker("GET", f"{PATH}&k=101").status == 400
    reasoned = asker("GET", f"{PATH}&explain=true")
    assert reasoned.headers["endcap-strategy"] == "popular"
    assert len(runtime.asked) == 1  # reasons come from the engine


@pytest.mark.parametrize("late", [False, True])
def test_where_it_fails_or_is_late_the_engine_answers_and_says_so(
    asking: Any, runtime: Runtime, late: bool
) -> None:
    asker, outcome = asking(False), "late" if late else "campaign_unavailable"
    if late:
        runtime.open.clear()
    else:
        runtime.error = Unavailable("campaign_unavailable", reason="x")
    told = asker("GET", PATH)
    assert {item["id"] for item in told.body["items"]} == {"i1", "i2", "i3"}
    assert told.headers["endcap-strategy"] == "popular"
    assert told.headers["endcap-fallback"] == f"campaign:{outcome}"
    assert counted(asker, "campaign_calls_total") == {outcome: 1}
    assert counted(asker, "fallbacks_total") == {f"{outcome}/campaign": 1}


def test_one_in_the_shadow_is_compared_and_never_answers(asking: Any, runtime: Runtime) -> None:
    asker = asking(True)
    told = asker("GET", PATH)
    assert {item["id"] for item in told.body["items"]} == {"i1", "i2", "i3"}
    assert "endcap-fallback" not in told.headers
    assert counted(asker, "campaign_items_total") == {"": 3}
    assert counted(asker, "campaign_items_shared_total") == {"": 1}
    runtime.error = ValueError("whatever")
    assert asker("GET", PATH).body == told.body
    assert counted(asker, "campaign_calls_total") == {"answered": 1, "error": 1}
    assert counted(asker, "campaign_items_total") == {"": 3}


def test_what_two_lists_share_is_counted() -> None:
    told: list[tuple[str, float]] = []
    count_shared(lambda name, n: told.append((name, n)), ["a", "b", "c"], ["c", "d"])
    assert told == [("campaign_items_total", 3), ("campaign_items_shared_total", 1)]


@pytest.mark.parametrize("in_shadow", [False, True])
def test_a_campaign_is_not_asked_what_it_would_not_filter(
    asking: Callable[[bool], Any], runtime: Runtime, in_shadow: bool
) -> None:
    ask = asking(in_shadow)
    told = ask("GET", PATH + "&filter=Interactions.EVENT_TYPE+IN+('x')")
    assert (told.status, told.body["items"], runtime.asked) == (200, [], [])
    assert ask("GET", PATH).status == 200
    assert runtime.asked == [("u1", 3)]
