"""Processes that are killed at a chosen step, and what is left of a shop afterwards."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost
from msgspec.structs import replace

from endcap.adapters.sqlite import SqliteDocuments
from endcap.app.control_work import Means, run
from endcap.app.rankers import RANKERS
from endcap.app.recommending import recommend, rerank
from endcap.app.reloading import MODELS
from endcap.app.shop import Shop
from endcap.bootstrap import open_shop
from endcap.bootstrap.removal import remove_group
from endcap.bootstrap.shops import shops_of
from endcap.control import solution_versions
from endcap.control.registry.arns import (
    CAMPAIGN,
    DATASET,
    FILTER,
    GROUP,
    IMPORT,
    RECIPE,
    RECOMMENDER,
    SCHEMA,
    VERSION,
    Place,
)
from endcap.control.registry.campaigns import Campaign
from endcap.control.registry.datasets import INTERACTIONS, ITEMS, USERS, Dataset
from endcap.control.registry.filters import Filter
from endcap.control.registry.groups import Group
from endcap.control.registry.imports import FULL, ImportJob
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.resource import CREATE, Work
from endcap.control.registry.schemas import Schema
from endcap.control.registry.statuses import PENDING
from endcap.control.registry.store import Registry
from endcap.control.registry.versions import Version
from endcap.data.training import load_catalogue, load_interactions
from endcap.features.products import product_table
from endcap.models.calibration import isotonic
from endcap.models.ranker import COLUMNS, Ranker
from endcap.models.trees import read_xgboost
from endcap.settings import load_settings

# Every call by which a use case changes something that lasts.
STEPS = (
    ("artifacts", "publish"),
    ("artifacts", "delete"),
    ("documents", "put"),
    ("documents", "delete"),
    ("documents", "scrub"),
    ("lake", "publish"),
    ("log", "append"),
    ("log", "sync"),
    ("log", "trim"),
    ("log", "rewrite"),
)


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it and go on."""


class Fate:
    """Kills the process at the ``at``-th of its ``STEPS``, just before or just after it."""

    def __init__(self, shop: Any, monkeypatch: Any, at: int, after: bool) -> None:
        self.left, self.after, self.steps = at, after, 0
        for port, name in STEPS:
            whole = getattr(getattr(shop, port), name)
            monkeypatch.setattr(getattr(shop, port), name, self._doomed(whole))

    def _doomed(self, whole: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **named: Any) -> Any:
            self.steps += 1
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            result = whole(*given, **named)
            if self.left == 0:
                raise Killed
            return result

        return step


def account(board: Any) -> dict[str, Any]:
    """All that a shop knows, as another process finds it: by ids, so that rows do not matter."""
    shop = board.open()
    state = shop.now.state
    users = [state.users.id(row) for row in range(len(state.users)) if state.users.id(row)]
    histories = {}
    for user in sorted(users):
        items, types, ts = state.history(user)
        kinds = [state.event_types[code] for code in types]
        histories[user] = sorted(zip(ts.tolist(), state.items.ids(items), kinds, strict=True))
    catalogue = {
        state.items.id(row): state.item_attributes(row)
        for row in range(len(state.items))
        if state.item_attributes(row)
    }
    rows = shop.lake.connect().execute("SELECT user_id, item_id, event_type, ts FROM events")
    return {
        "histories": {user: events for user, events in histories.items() if events},
        "catalogue": catalogue,
        "lake": sorted(rows.fetchall()),
        "items": {item.item_id: item.attributes for item in shop.lake.items()},
        "offset": shop.lake.manifest().log_offset - shop.now.state.offset,
    }


@pytest.fixture
def killed() -> type[BaseException]:
    return Killed


@pytest.fixture
def fate() -> type[Fate]:
    return Fate


@pytest.fixture
def accounts() -> Callable[[Any], dict[str, Any]]:
    return account


@pytest.fixture
def damage() -> Callable[[Any, str, str], None]:
    """Turn a bit in the largest file of a published folder."""

    def turn(board: Any, kind: str, name: str) -> None:
        folder = board.shop.artifacts.open(kind, name)
        largest = max(folder.rglob("*.npy"), key=lambda path: path.stat().st_size)
        raw = bytearray(largest.read_bytes())
        raw[-1] ^= 0xFF
        largest.unlink()  # who has it open keeps the sound one
        largest.write_bytes(raw)

    return turn


@pytest.fixture
def second_version() -> Callable[[Any], str]:
    """Register another sound model, the first one's under a new name; it does not serve yet."""

    def make(board: Any) -> str:
        shop = board.shop
        version = solution_versions.reserve(shop.documents, board.at)
        staged = shop.artifacts.staging(MODELS)
        for part in ("recipe", "content"):
            shutil.copytree(shop.artifacts.open(MODELS, "v0001") / part, staged / part)
        shop.artifacts.publish(MODELS, version.name, staged)
        solution_versions.save(shop.documents, replace(version, status="active"))
        return version.name

    return make


def ranker_for(board: Any, feature: str, order: str, sign: int = 1) -> Ranker:
    """Orders by one feature alone: the greater (``sign`` 1) or smaller (-1), the likelier."""
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(4000, len(COLUMNS))).astype(np.float32)
    place = COLUMNS.index(feature)
    rows[:, place] = draw.integers(0, 30, len(rows))
    label = sign * (rows[:, place] - 2.5) > 0
    settings = {"objective": "binary:logistic", "max_depth": 5, "nthread": 1}
    model = xgboost.train(settings, xgboost.DMatrix(rows, label), 20)
    trees = read_xgboost(bytes(model.save_raw("json")))
    data = load_interactions(board.shop.lake)
    table = product_table(data, load_catalogue(board.shop.lake, data.item_ids), board.at)
    return Ranker(trees, isotonic(trees.margins(rows), label), table, order, {})


@pytest.fixture
def ranked(board: Any) -> Any:
    """Publish a ranker for the version that serves, and open the shop with it."""

    def publish(*given: Any, **named: Any) -> Any:
        staged = board.shop.artifacts.staging(RANKERS)
        ranker_for(board, *given, **named).save(staged)
        board.shop.artifacts.publish(RANKERS, "v0001", staged)
        board.reopen()
        return board

    return publish


class Wire:
    """Dataset groups of the Personalize API over the shops of one home, with what answers there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = load_settings({"ENDCAP_HOME": str(home), "ENDCAP_DEADLINE_MS": "60000"})
        drawn = random.Random(3)
        self.registry = Registry(
            SqliteDocuments(home / "control.sqlite"),
            Place(),
            lambda digits: "".join(drawn.choices("0123456789abcdef", k=digits)),
        )
        self.shops = shops_of(self.settings, self.registry)
        self.at = 1_750_100_000_000_000

    def group(self, name: str, shop: str = "default") -> str:
        arn = self.registry.arn(GROUP, name)
        self.registry.create(Group(arn=arn, name=name, shop=shop))
        return arn

    def dataset(self, group: str, kind: str, *columns: dict[str, Any]) -> None:
        """``columns``: the fields of its schema."""
        schema, name = self.registry.arn(SCHEMA, f"{group}-{kind}"), f"{group}/{kind}"
        text = json.dumps({"type": "record", "name": kind.capitalize(), "fields": columns})
        self.registry.create(Schema(arn=schema, name=f"{group}-{kind}", schema=text))
        self.registry.create(
            Dataset(
                arn=self.registry.arn(DATASET, name), name=name, type=kind, schema_arn=schema,
                group_arn=self.registry.arn(GROUP, group),
            )
        )  # fmt: skip

    def campaign(self, group_arn: str, recipe: str, model: str = "v0001", **config: Any) -> str:
        """Of a new solution version of that recipe."""
        name = f"c{self.registry.draw(8)}"
        arn, version = self.registry.arn(CAMPAIGN, name), self.registry.arn(VERSION, f"{name}/0a")
        recipe_arn = self.registry.arn(RECIPE, recipe)
        self.registry.create(
            Version(
                arn=version, name="", solution_arn=version[:-3], group_arn=group_arn,
                recipe_arn=recipe_arn, model=model,
            )
        )  # fmt: skip
        self.registry.create(
            Campaign(arn=arn, name=name, version_arn=version, config=config or None)
        )
        return arn

    def recommender(self, group_arn: str, recipe: str, model: str, **config: Any) -> str:
        name = f"r{self.registry.draw(8)}"
        arn = self.registry.arn(RECOMMENDER, name)
        self.registry.create(
            Recommender(
                arn=arn, name=name, group_arn=group_arn, model=model, config=config or None,
                recipe_arn=self.registry.arn(RECIPE, recipe),
            )
        )  # fmt: skip
        return arn

    def filter(self, group_arn: str, expression: str) -> str:
        name = f"f{self.registry.draw(8)}"
        arn = self.registry.arn(FILTER, name)
        self.registry.create(Filter(arn=arn, name=name, group_arn=group_arn, expression=expression))
        return arn

    def recommend(self, arn: str, **given: Any) -> dict[str, Any]:
        """``arn``: of a campaign or recommender."""
        member = "recommenderArn" if ":recommender/" in arn else "campaignArn"
        told = {member: arn, **given}
        return asyncio.run(recommend(self.shops, self.registry, told, self.at))

    def ids(self, arn: str, **given: Any) -> list[str]:
        return [item["itemId"] for item in self.recommend(arn, **given)["itemList"]]

    def rerank(self, arn: str, **given: Any) -> list[dict[str, Any]]:
        told = {"campaignArn": arn, **given}
        found = asyncio.run(rerank(self.shops, self.registry, told, self.at))
        ranking: list[dict[str, Any]] = found["personalizedRanking"]
        return ranking


@pytest.fixture
def wire(board: Any) -> Wire:
    """Over a copy of the checkerboard shop, ``default``, whose version v0001 is trained."""
    return Wire(board.home)


@pytest.fixture(scope="session")
def make_wire() -> type[Wire]:
    return Wire


NOW = 1_700_000_000_000_000
Fields = list[dict[str, Any]]

EVENTS: Fields = [
    {"name": "USER_ID", "type": "string"},
    {"name": "ITEM_ID", "type": "string"},
    {"name": "TIMESTAMP", "type": "long"},
    {"name": "EVENT_TYPE", "type": ["null", "string"]},
    {"name": "EVENT_VALUE", "type": ["float", "null"]},
    {"name": "DEVICE", "type": ["string", "null"], "categorical": True},
]
GOODS: Fields = [
    {"name": "ITEM_ID", "type": "string"},
    {"name": "PRICE", "type": ["float", "null"]},
    {"name": "GENRES", "type": ["string", "null"], "categorical": True},
    {"name": "CREATION_TIMESTAMP", "type": ["long", "null"]},
    {"name": "PAGES", "type": "int"},
]
PEOPLE: Fields = [
    {"name": "USER_ID", "type": "string"},
    {"name": "AGE", "type": "int"},
    {"name": "MEMBER", "type": ["boolean", "null"]},
]
FIELDS = {INTERACTIONS: EVENTS, ITEMS: GOODS, USERS: PEOPLE}


@dataclass
class Plane:
    """A home with one dataset group and its three datasets."""

    home: Path
    registry: Registry
    means: Means
    jobs: int = 0

    @property
    def roots(self) -> Path:
        return self.home / "files"

    def shop(self) -> Shop:
        return self.means.open_shop("shop")

    def write(self, name: str, *lines: str) -> str:
        path = self.roots / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines))
        return f"file://{path}"

    def ask(self, kind: str, location: str, mode: str = FULL) -> str:
        self.jobs += 1
        arn = self.registry.arn(IMPORT, f"job-{self.jobs}")
        dataset = self.registry.arn(DATASET, f"shop/{kind}")
        job = ImportJob(
            arn=arn, name=f"job-{self.jobs}", status=PENDING, dataset_arn=dataset,
            location=location, mode=mode,
        )  # fmt: skip
        self.registry.create(job)
        self.registry.ask(Work(arn, CREATE, NOW))
        return arn

    def done(self, arn: str) -> ImportJob:
        run(self.means, self.registry, arn, lambda _stage, _share: None)
        return self.registry.find(ImportJob, arn)

    def bring(self, kind: str, location: str, mode: str = FULL) -> ImportJob:
        return self.done(self.ask(kind, location, mode))

    def rows(self, table: str) -> list[dict[str, Any]]:
        with self.shop().lake.connect() as connection:
            found = connection.sql(f"SELECT * FROM {table} ORDER BY ALL").to_arrow_table()
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows


@pytest.fixture
def plane(tmp_path: Path) -> Plane:
    settings = load_settings(
        {"ENDCAP_HOME": str(tmp_path), "ENDCAP_IMPORT_ROOTS": str(tmp_path / "files")}
    )
    (tmp_path / "files").mkdir()
    registry = Registry(SqliteDocuments(tmp_path / "control.sqlite"), Place(), lambda n: "0" * n)

    def fetch(location: str, _lake: Path) -> str:
        raise AssertionError(location)

    means = Means(
        open_shop=lambda name: open_shop(settings, name),
        fetch=fetch,
        drop=lambda _location, _lake: None,
        sent=lambda target: nullcontext(Path(target)),
        remove=partial(remove_group, settings),
        now=lambda: NOW,
    )
    group = registry.arn(GROUP, "shop")
    registry.create(Group(arn=group, name="shop", shop="shop"))
    for kind, fields in FIELDS.items():
        text = json.dumps({"type": "record", "name": kind, "fields": fields, "version": "1.0"})
        schema = registry.arn(SCHEMA, kind)
        registry.create(Schema(arn=schema, name=kind, schema=text))
        dataset = registry.arn(DATASET, f"shop/{kind}")
        registry.create(
            Dataset(arn=dataset, name=kind, group_arn=group, type=kind, schema_arn=schema)
        )
    return Plane(tmp_path, registry, means)
