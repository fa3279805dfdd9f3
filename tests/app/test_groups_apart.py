"""Two dataset groups with the same users and items: neither learns anything of the other."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.app.putting import put_events, put_items
from endcap.control.registry.arns import DATASET, TRACKER
from endcap.control.registry.trackers import Tracker

ITEMS = [f"{colour}-{n}" for colour in ("black", "white") for n in range(6)] + ["new-0", "new-1"]
USERS = ["s0", "s1", "fresh", ""]
HERE, THERE = "here", "there"
FILTERS = (
    "",
    'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")',
    "INCLUDE ItemID WHERE Items.PRICE < 5",
)


class Step(NamedTuple):
    group: str
    user: str
    item: str
    kind: str  # of event; "": the item gets the price
    price: float


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([HERE, THERE]),
        st.sampled_from(USERS),
        st.sampled_from(ITEMS),
        st.sampled_from(["View", "Purchase", "AddToCart", "Watch", ""]),
        st.sampled_from([1.0, 9.0]),
    ),
    max_size=6,
)


class Side:
    """A registry with both groups, or with ``here`` alone in use."""

    def __init__(self, wire: Any) -> None:
        self.wire = wire
        self.campaigns, self.rankings = {}, {}
        self.filters: dict[tuple[str, str], str] = {}
        for name in (HERE, THERE):
            group = wire.group(name, shop=name)
            id_column = {"name": "ITEM_ID", "type": "string"}
            wire.dataset(name, "ITEMS", id_column, {"name": "PRICE", "type": "float"})
            wire.dataset(name, "INTERACTIONS", id_column)
            tracker = wire.registry.arn(TRACKER, name)
            wire.registry.create(
                Tracker(arn=tracker, name=name, group_arn=group, tracking_id=f"of-{name}")
            )
            enabled = {"enableMetadataWithRecommendations": True}
            self.campaigns[name] = wire.campaign(group, "aws-user-personalization", **enabled)
            self.rankings[name] = wire.campaign(group, "aws-personalized-ranking", **enabled)
            for expression in FILTERS[1:]:
                self.filters[name, expression] = wire.filter(group, expression)

    def take(self, step: Step) -> None:
        wire = self.wire
        wire.at += 1_000_000
        if step.kind:
            event = {"eventType": step.kind, "itemId": step.item, "sentAt": wire.at / 1e6}
            told = {
                "trackingId": f"of-{step.group}", "userId": step.user, "sessionId": "session",
                "eventList": [event],
            }  # fmt: skip
            told = told if step.user else {k: v for k, v in told.items() if k != "userId"}
            asyncio.run(put_events(wire.shops, wire.registry, told, wire.at))
        else:
            item = {"itemId": step.item, "properties": f'{{"price": {step.price}}}'}
            arn = wire.registry.arn(DATASET, f"{step.group}/ITEMS")
            told = {"datasetArn": arn, "items": [item]}
            asyncio.run(put_items(wire.shops, wire.registry, told, wire.at))

    def answers(self) -> list[Any]:
        """All that the group ``here`` says."""
        found: list[Any] = []
        for user in (*USERS[:3], "session"):
            for expression in FILTERS:
                named = self.filters.get((HERE, expression))
                given = {"filterArn": named} if named else {}
                columns = {"ITEMS": ["PRICE"]}
                asked = {"userId": user, "metadataColumns": columns, **given}
                found.append(self.wire.recommend(self.campaigns[HERE], **asked)["itemList"])
                found.append(self.wire.rerank(self.rankings[HERE], inputList=ITEMS, **asked))
        return found


@pytest.fixture(scope="module")
def sides(
    checkerboard_home: Path, make_wire: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Side, Side]:
    """Two homes alike: one in which both groups live, one in which nothing happens to the other."""
    made = []
    for _ in range(2):
        home = tmp_path_factory.mktemp("apart")
        for name in (HERE, THERE):
            shutil.copytree(checkerboard_home / "groups/default", home / "groups" / name)
        made.append(Side(make_wire(home)))
    return made[0], made[1]


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_what_happens_in_one_group_changes_nothing_in_another(
    sides: tuple[Side, Side], steps: list[Step]
) -> None:
    both, alone = sides
    for step in steps:
        both.take(step)
        if step.group == HERE:
            alone.take(step)
        alone.wire.at = both.wire.at
    assert both.answers() == alone.answers()
