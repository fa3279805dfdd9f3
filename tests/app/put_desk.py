"""A group with its three datasets and its tracker, to put things into."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from endcap.adapters.sqlite import SqliteDocuments
from endcap.app.compaction import settle
from endcap.app.intake import Intake
from endcap.app.putting import put_events, put_items, put_users
from endcap.app.shop import Shop
from endcap.bootstrap import open_shop
from endcap.control.registry.arns import DATASET, GROUP, SCHEMA, TRACKER, Place
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.groups import Group
from endcap.control.registry.schemas import Schema
from endcap.control.registry.store import Registry
from endcap.control.registry.trackers import Tracker
from endcap.settings import load_settings

SECOND = 1_000_000
NOW = 1_760_000_000 * SECOND
NULLABLE = ["string", "null"]
FIELDS: dict[str, list[dict[str, Any]]] = {
    "INTERACTIONS": [
        {"name": "USER_ID", "type": "string"},
        {"name": "ITEM_ID", "type": "string"},
        {"name": "TIMESTAMP", "type": "long"},
        {"name": "DEVICE", "type": NULLABLE, "categorical": True},
        {"name": "NUM_RATINGS", "type": ["null", "int"]},
    ],
    "ITEMS": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "PRICE", "type": "float"},
        {"name": "CATEGORY_L1", "type": NULLABLE, "categorical": True},
        {"name": "IN_STOCK", "type": ["null", "boolean"]},
        {"name": "CREATION_TIMESTAMP", "type": ["null", "long"]},
    ],
    "USERS": [
        {"name": "USER_ID", "type": "string"},
        {"name": "AGE", "type": "int"},
    ],
}


class Opened(NamedTuple):
    shop: Shop
    intake: Intake


class Desk(NamedTuple):
    """A group with its three datasets and its tracker."""

    registry: Registry
    shop: Shop

    async def get(self, group: str) -> Opened:
        assert group == self.registry.arn(GROUP, "mine")
        return Opened(self.shop, Intake(self.shop))

    def dataset(self, kind: str) -> str:
        return self.registry.arn(DATASET, f"mine/{kind}")

    def events(self, *events: Mapping[str, Any], at: int = NOW, **call: Any) -> None:
        given = {"trackingId": "t1", "sessionId": "s1", "eventList": events, **call}
        assert asyncio.run(put_events(self, self.registry, given, at)) == {}

    def items(self, *items: Mapping[str, Any], at: int = NOW, kind: str = "ITEMS") -> None:
        given = {"datasetArn": self.dataset(kind), "items": items}
        assert asyncio.run(put_items(self, self.registry, given, at)) == {}

    def users(self, *users: Mapping[str, Any], at: int = NOW, kind: str = "USERS") -> None:
        given = {"datasetArn": self.dataset(kind), "users": users}
        assert asyncio.run(put_users(self, self.registry, given, at)) == {}

    def did(self, user: str) -> list[tuple[str, str]]:
        state = self.shop.now.state
        found = state.history(user)
        return [
            (state.items.id(int(item)), state.event_types[kind])
            for item, kind in zip(found.items, found.types, strict=True)
        ]

    def stored(self, columns: str, table: str = "events", order: str = "1") -> list[Any]:
        settle(self.shop, NOW)
        with self.shop.lake.connect() as sql:
            return sql.execute(f"SELECT {columns} FROM {table} ORDER BY {order}").fetchall()


def declared(registry: Registry, kind: str) -> None:
    schema = registry.arn(SCHEMA, kind)
    text = json.dumps({"type": "record", "name": kind.title(), "fields": FIELDS[kind]})
    registry.create(Schema(arn=schema, name=kind, schema=text))
    arn, group = registry.arn(DATASET, f"mine/{kind}"), registry.arn(GROUP, "mine")
    registry.create(Dataset(arn=arn, name=kind, group_arn=group, type=kind, schema_arn=schema))


def opened(home: Path) -> Desk:
    registry = Registry(SqliteDocuments(home / "control.sqlite"), Place(), "0".__mul__)
    group = registry.arn(GROUP, "mine")
    registry.create(Group(arn=group, name="mine", shop="mine"))
    for kind in FIELDS:
        declared(registry, kind)
    tracker = registry.arn(TRACKER, "mine")
    registry.create(Tracker(arn=tracker, name="mine", group_arn=group, tracking_id="t1"))
    return Desk(registry, again(home))


def again(home: Path) -> Shop:
    """The shop as a process finds it that has just begun."""
    return open_shop(load_settings({"ENDCAP_HOME": str(home), "ENDCAP_WORKERS": "1"}), "mine")


def view(**more: Any) -> dict[str, Any]:
    return {"eventType": "View", "itemId": "i1", "sentAt": NOW // SECOND, **more}
