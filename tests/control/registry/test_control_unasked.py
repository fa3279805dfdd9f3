"""What was written and never asked for is asked for by whoever looks; nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from endcap.control.registry.arns import Place
from endcap.control.registry.groups import Group
from endcap.control.registry.unasked import GRACE_US, ask_again


@pytest.mark.parametrize(
    ("status", "action"),
    [("CREATE PENDING", "create"), ("CREATE IN_PROGRESS", "create"), ("DELETE PENDING", "delete"),
     ("CREATE STOPPING", "stop"), ("STOP PENDING", "stop"), ("START PENDING", "start")],
)  # fmt: skip
def test_work_is_asked_for_after_the_grace(plane: Any, status: str, action: str) -> None:
    plane.control = plane.control.elsewhere(Place("eu-west-1"))
    arn = plane.group()
    home = plane.control.elsewhere(Place()).registry
    plane.control.registry.move(Group, arn, 5, status)
    assert ask_again(home, 4 + GRACE_US) == []
    assert [(work.arn, work.action) for work in ask_again(home, 5 + GRACE_US)] == [(arn, action)]
    assert [(work.arn, work.action) for work in home.works()] == [(arn, action)]
    assert ask_again(home, 9 + GRACE_US) == []


def test_what_is_settled_or_asked_for_is_left_alone(plane: Any) -> None:
    registry = plane.control.registry
    plane.group("settled")
    gone = plane.group("gone")
    plane("DeleteDatasetGroup", datasetGroupArn=gone)
    before = registry.works()
    assert ask_again(registry, 10 * GRACE_US) == []
    assert registry.works() == before


def test_what_settles_meanwhile_is_left_alone(plane: Any, monkeypatch: Any) -> None:
    registry = plane.control.registry
    arn = plane.group()
    registry.move(Group, arn, 5, "CREATE IN_PROGRESS")

    def settling(_: str) -> None:
        registry.change(Group, arn, lambda now: replace(now, status="ACTIVE"))

    monkeypatch.setattr(type(registry), "work", lambda self, asked: settling(asked))
    assert ask_again(registry, 10 * GRACE_US) == []
