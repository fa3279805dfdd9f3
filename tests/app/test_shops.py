"""The groups that one process holds open: found by ARN, one opening each, the oldest closed."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from endcap.adapters.log import FileLog
from endcap.adapters.sqlite import SqliteDocuments
from endcap.app.intake import Intake
from endcap.app.shop import Shop
from endcap.app.shops import Opened, Shops
from endcap.bootstrap import open_shop
from endcap.bootstrap.shops import shops_of, standing_of
from endcap.control.registry.arns import CAMPAIGN, GROUP, Place
from endcap.control.registry.groups import Group
from endcap.control.registry.statuses import DELETING
from endcap.control.registry.store import Registry
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.records import EventsPosted
from endcap.domain.values import Event
from endcap.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ENDCAP_HOME": str(tmp_path), "ENDCAP_OPEN_SHOPS": "2"})


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(SqliteDocuments(tmp_path / "control.sqlite"), Place(), "0".__mul__)


def made(registry: Registry, name: str, shop: str = "", status: str = "ACTIVE") -> str:
    arn = registry.arn(GROUP, name)
    registry.create(Group(arn=arn, name=name, shop=shop or name, status=status))
    return arn


def asked(shops: Shops, *names: str) -> list[Any]:
    async def ask() -> list[Any]:
        return list(await asyncio.gather(*map(shops.get, names), return_exceptions=True))

    return asyncio.run(ask())


def click(shop: Shop, user: str) -> EventsPosted:
    at = max(shop.now.state.newest_ts, 1_760_000_000_000_000) + 1
    return EventsPosted(at, events=(Event(user, "i", "view", at, f"{user} {at}"),))


def test_a_group_is_opened_once_however_many_ask(settings: Settings, registry: Registry) -> None:
    attended: list[Shop] = []
    shops = shops_of(settings, registry, attend=attended.append)
    arn = made(registry, "shoes")
    first, second = asked(shops, arn, arn)
    (third,) = asked(shops, "shoes")
    assert first is second is third
    assert [shop.group for shop in attended] == ["shoes"]


def test_arns_name_the_shop_behind_a_group(settings: Settings, registry: Registry) -> None:
    shops = shops_of(settings, registry)
    mine = made(registry, "mine", shop="mine-0a1b")
    there = made(registry.elsewhere(Place("eu-west-1")), "mine", shop="mine-2c3d")
    assert [opened.shop.group for opened in asked(shops, mine, there)] == ["mine-0a1b", "mine-2c3d"]


def test_a_shop_that_the_api_did_not_make_is_a_group_as_well(
    settings: Settings, registry: Registry
) -> None:
    shops = shops_of(settings, registry)
    open_shop(settings, "demo")
    (opened,) = asked(shops, registry.arn(GROUP, "demo"))
    assert opened.shop.group == "demo"


def test_a_shop_of_another_regions_group_is_none_of_ours(
    settings: Settings, registry: Registry
) -> None:
    shops = shops_of(settings, registry)
    there = made(registry.elsewhere(Place("eu-west-1")), "mine")
    asked(shops, there)
    assert standing_of(settings.home, "mine") is not None
    (refused,) = asked(shops, registry.arn(GROUP, "mine"))
    assert isinstance(refused, NotFound)
    assert refused.code == "no_resource"


@pytest.mark.parametrize("name", ["nobody", "../x", "", "a/b"])
def test_what_is_not_there_is_not_made(settings: Settings, registry: Registry, name: str) -> None:
    shops = shops_of(settings, registry)
    before = sorted(settings.home.rglob("*"))
    refused = asked(shops, name, registry.arn(GROUP, name or "none"))
    assert [type(error) for error in refused] == [NotFound, NotFound]
    assert sorted(settings.home.rglob("*")) == before


def test_another_kind_of_arn_is_refused(settings: Settings, registry: Registry) -> None:
    (refused,) = asked(shops_of(settings, registry), registry.arn(CAMPAIGN, "mine"))
    assert isinstance(refused, InvalidInput)
    assert refused.code == "arn_of_other_kind"


def test_a_group_that_is_being_deleted_is_not_opened(
    settings: Settings, registry: Registry
) -> None:
    arn = made(registry, "going", status=DELETING)
    (refused,) = asked(shops_of(settings, registry), arn)
    assert isinstance(refused, NotFound)
    assert standing_of(settings.home, "going") is None


def test_the_group_asked_longest_ago_is_closed(settings: Settings, registry: Registry) -> None:
    shops = shops_of(settings, registry)
    a, b, c = (made(registry, name) for name in "abc")
    (first,) = asked(shops, a)
    state = weakref.ref(first.shop.now.state)
    asked(shops, b)
    asked(shops, a)
    asked(shops, c)
    assert [opened.shop.group for opened in shops.held()] == ["a", "c"]
    asked(shops, b)
    assert [opened.shop.group for opened in shops.held()] == ["c", "b"]
    del first
    gc.collect()
    assert state() is None  # with it go its maps and files


def test_a_group_in_which_a_write_waits_stays_open(
    settings: Settings, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops = shops_of(settings, registry)
    arns = [made(registry, name) for name in "abc"]
    disk, sync = threading.Event(), FileLog.sync
    monkeypatch.setattr(FileLog, "sync", lambda log, end: disk.wait(10) and sync(log, end))

    async def ask() -> list[str]:
        opened = await shops.get(arns[0])
        written = opened.intake.submit(click(opened.shop, "u"))
        await asyncio.gather(*map(shops.get, arns[1:]))
        held = [held.shop.group for held in shops.held()]
        disk.set()
        await written
        return held

    held = asyncio.run(ask())
    assert len(held) == 2
    assert "a" in held


def test_one_place_is_enough_for_a_group_while_another_writes(
    settings: Settings, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops = shops_of(replace(settings, open_shops=1), registry)
    a, b = (made(registry, name) for name in "ab")
    disk, sync = threading.Event(), FileLog.sync
    monkeypatch.setattr(FileLog, "sync", lambda log, end: disk.wait(10) and sync(log, end))

    async def ask() -> list[str]:
        opened = await shops.get(a)
        written = opened.intake.submit(click(opened.shop, "u"))
        assert await shops.get(b) is await shops.get(b)
        disk.set()
        await written
        return [held.shop.group for held in shops.held()]

    assert asyncio.run(ask()) == ["a", "b"]


def test_who_holds_a_closed_group_may_finish(settings: Settings, registry: Registry) -> None:
    shops = shops_of(settings, registry)
    a, b, c = (made(registry, name) for name in "abc")

    async def ask() -> tuple[Opened, Opened]:
        held = await shops.get(a)
        await shops.get(b)
        await shops.get(c)
        await held.intake.submit(click(held.shop, "u"))
        return held, await shops.get(a)

    before, after = asyncio.run(ask())
    assert before is not after
    after.shop.refresh()
    assert len(after.shop.now.state.history("u").items) == 1


def test_a_group_that_was_removed_and_made_anew_is_empty(
    settings: Settings, registry: Registry
) -> None:
    shops = shops_of(settings, registry)
    arn = made(registry, "again")

    async def ask() -> Opened:
        opened = await shops.get(arn)
        await opened.intake.submit(click(opened.shop, "u"))
        shutil.rmtree(settings.home / "groups" / "again")
        return await shops.get(arn)

    assert not len(asyncio.run(ask()).shop.now.state.users)


def test_the_own_group_stays_and_takes_no_place(settings: Settings, registry: Registry) -> None:
    shop = open_shop(settings, "own")

    async def ask() -> tuple[Opened, Opened]:
        own = Opened(shop, Intake(shop))
        shops = shops_of(settings, registry, own)
        for name in "abc":
            await shops.get(made(registry, name))
        return own, await shops.get(registry.arn(GROUP, "own"))

    own, found = asyncio.run(ask())
    assert found is own


def test_all_groups_count_where_the_own_one_does(settings: Settings, registry: Registry) -> None:
    own = open_shop(settings, "own")
    shops = shops_of(settings, registry, Opened(own, Intake(own)))
    (opened,) = asked(shops, made(registry, "other"))
    assert opened.shop.telemetry is own.telemetry


def test_refreshing_applies_what_others_wrote(settings: Settings, registry: Registry) -> None:
    shops = shops_of(settings, registry)
    arn = made(registry, "shared")

    async def ask() -> int:
        opened = await shops.get(arn)
        there = open_shop(settings, "shared")
        await Intake(there).submit(click(there, "u"))
        assert shops.refresh() == []
        return len(opened.shop.now.state.history("u").items)

    assert asyncio.run(ask()) == 1
