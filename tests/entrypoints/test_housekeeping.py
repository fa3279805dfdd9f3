"""Groups that have no keeper are kept: when, and that it is done."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from endcap.adapters.log import FileLog
from endcap.app.intake import write
from endcap.bootstrap import open_shop
from endcap.bootstrap.places import lease
from endcap.domain.records import ItemsPut
from endcap.domain.values import Item
from endcap.entrypoints.housekeeping import IDLE_S, MOVED_S, Housekeeping, keep, log_end
from endcap.settings import Settings, load_settings

NOW = 1_700_000_000_000_000
MB = 2**20


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        {"ENDCAP_HOME": str(tmp_path), "ENDCAP_SNAPSHOT_TAIL_MB": "1", "ENDCAP_GROUP": "own"}
    )


class Begun(list[str]):
    """Rounds that end at once."""

    def __call__(self, name: str) -> None:
        self.append(name)


def end_at(home: Path, name: str, end: int) -> None:
    path = home / "groups" / name / "log" / "end"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("=q", end))


def test_each_other_group_is_kept_once_then_when_its_log_moved(
    settings: Settings, tmp_path: Path
) -> None:
    for name in ("a", "b", "own"):
        end_at(tmp_path, name, 100)
    begun, clock = Begun(), 0.0
    kept = Housekeeping(settings, begun)

    def look(seconds: float, *busy: str) -> None:
        nonlocal clock
        clock += seconds
        kept.look(clock, busy)

    look(0)
    look(0.01)  # one at a time, and not in each moment
    assert begun == ["a"]
    look(5)
    look(5)
    assert begun == ["a", "b"]
    end_at(tmp_path, "b", 200)
    look(5)
    assert begun == ["a", "b"]
    look(MOVED_S)
    assert begun == ["a", "b", "b"]
    end_at(tmp_path, "a", 100 + MB)
    look(5, "a")  # a job is at work there
    assert begun == ["a", "b", "b"]
    look(5)
    assert begun == ["a", "b", "b", "a"]
    look(IDLE_S)
    look(5)
    assert sorted(begun[4:]) == ["a", "b"]


def test_the_end_of_a_log_is_seen_from_outside(tmp_path: Path) -> None:
    assert log_end(tmp_path) == 0
    log = FileLog(tmp_path / "log", MB)
    log.append(lambda _: [b"some", b"records"], 0)
    assert log_end(tmp_path) == log.end() > 0


def test_a_round_brings_the_tail_into_the_lake(settings: Settings) -> None:
    shop = open_shop(settings, "other")
    text = "x" * 1000
    for number in range(1100):
        write(shop, ItemsPut(at=NOW, items=(Item(f"i{number}", {"name": text}),)))
    assert keep(settings, "other", NOW) == 0
    with open_shop(settings, "other").lake.connect() as connection:
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (1100,)


def test_a_group_with_a_keeper_is_left_to_it(settings: Settings, tmp_path: Path) -> None:
    shop = open_shop(settings, "other")
    for number in range(1100):
        write(shop, ItemsPut(at=NOW, items=(Item(f"i{number}", {"name": "x" * 1000}),)))
    with lease(tmp_path / "groups" / "other" / "keeper.lock"):
        assert keep(settings, "other", NOW) == 0
    assert shop.lake.manifest().version == 0
