"""The lake: what is appended is read, repeats and erased users are not."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import msgspec
import numpy as np
import pytest

from endcap.adapters.s3_lake import S3LakeFiles
from endcap.data.lake import Erasure, Lake
from endcap.data.sql import first_row
from endcap.data.training import load_catalogue, load_interactions
from endcap.domain.errors import Damaged, NotFound
from endcap.domain.records import content_id
from endcap.domain.values import Event, Item, User

DAY = 86_400_000_000


Open = Callable[[], Lake]


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.server)])
def open_lake(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Each call opens the same lake again, as another process would."""
    root = tmp_path / "it's [a] lake"
    if request.param == "folder":
        return lambda: Lake(root, 256, 2)
    url, machines = request.getfixturevalue("s3_url"), count()

    def machine() -> Lake:
        local = root / f"machine {next(machines)}"
        return Lake(local, 256, 2, files=S3LakeFiles(url, local))

    return machine


@pytest.fixture
def lake(open_lake: Open) -> Lake:
    return open_lake()


@pytest.fixture
def folder_lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", 256, 2)


def contents(lake: Lake) -> bytes:
    """All bytes that the lake keeps, here and elsewhere."""
    kept = b"".join(path.read_bytes() for path in lake.root.rglob("*") if path.is_file())
    if isinstance(lake.files, S3LakeFiles):
        bucket = lake.files._bucket
        kept += b"".join(bucket.get(found.key) for found in bucket.objects())
    return kept


def event(user: str, item: str, ts: int, event_id: str = "", value: float | None = None) -> Event:
    derived = content_id(user, item, "view", ts, value)
    return Event(user, item, "view", ts, event_id or derived, value)


def rows(lake: Lake, columns: str = "user_id, item_id, ts") -> list[tuple]:
    with lake.connect() as connection:
        return connection.execute(f"SELECT {columns} FROM events ORDER BY ALL").fetchall()


def test_an_empty_folder_is_an_empty_lake(lake: Lake) -> None:
    assert lake.manifest().version == 0
    assert rows(lake) == []
    assert len(load_interactions(lake)) == 0
    assert [*lake.items(), *lake.users()] == []
    assert load_catalogue(lake, ["I1"]) == [{}]


def test_events_are_filed_by_date_and_described(lake: Lake) -> None:
    events = [event("U1", "I1", DAY + 7), event("U2", "I1", DAY + 5), event("U1", "I2", 3 * DAY)]
    manifest = lake.append(events, [], [], [], 10)
    assert [(p.path.split("/")[1], p.rows, p.least_ts, p.most_ts) for p in manifest.events] == [
        ("date=1970-01-02", 2, DAY + 5, DAY + 7),
        ("date=1970-01-04", 1, 3 * DAY, 3 * DAY),
    ]
    assert rows(lake) == [("U1", "I1", DAY + 7), ("U1", "I2", 3 * DAY), ("U2", "I1", DAY + 5)]


def test_repeats_are_dropped_within_an_append_and_against_the_lake(lake: Lake) -> None:
    lake.append([event("U1", "I1", 5), event("U1", "I1", 5)], [], [], [], 10)
    again = [event("U1", "I1", 5), event("U1", "I1", 5, value=2.0), event("U1", "I1", 6)]
    lake.append(again, [], [], [], 20)
    expected = [("U1", 5, 2.0), ("U1", 5, None), ("U1", 6, None)]
    assert rows(lake, "user_id, ts, value") == expected


def test_an_event_id_decides_even_at_another_time(lake: Lake) -> None:
    lake.append([event("U1", "I1", 5, "a"), event("U1", "I1", 5, "b")], [], [], [], 10)
    lake.append([event("U1", "I1", 9 * DAY, "b"), event("U1", "I1", 7, "c")], [], [], [], 20)
    assert rows(lake, "event_id, ts") == [("a", 5), ("b", 5), ("c", 7)]


def test_a_tail_that_is_in_the_lake_changes_nothing(lake: Lake) -> None:
    first = lake.append([event("U1", "I1", 5)], [], [], [], 10)
    assert lake.append([event("U1", "I1", 99)], [], [], [], 10) == first
    assert len(rows(lake)) == 1


def test_upserts_merge_attributes_and_none_takes_away(lake: Lake) -> None:
    first = [Item("I1", {"name": "Pear", "price": 3, "tags": ["a", "b"], "ok": True})]
    lake.append([], first, [], [], 10)
    lake.append(
        [], [Item("I1", {"NAME": None, "price": 3.5}), Item("I2", {"new": "x"})], [], [], 20
    )
    assert {item.item_id: item.attributes for item in lake.items()} == {
        "I1": {"price": 3.5, "tags": ["a", "b"], "ok": True},
        "I2": {"new": "x"},
    }


def test_a_column_widens_with_its_values(lake: Lake) -> None:
    values = [1, 2.5, "three", True, ["x", "y"]]
    expected = ["1.0", "2.5", "three", "true", ["x", "y"]]
    for offset, value in enumerate(values):
        lake.append([], [Item(f"I{offset}", {"v": value})], [], [], offset + 1)
    found = [item.attributes["v"] for item in sorted(lake.items(), key=lambda item: item.item_id)]
    assert found == [[e] if isinstance(e, str) else e for e in expected]


def test_many_small_appends_keep_few_parts(lake: Lake) -> None:
    for offset in range(1, 25):
        lake.append(
            [event("U1", "I1", offset)], [Item(f"I{offset}", {"n": offset})], [], [], offset
        )
    manifest = lake.manifest()
    assert len(manifest.events) <= 8
    assert len(manifest.items) <= 8
    assert [ts for _, _, ts in rows(lake)] == [*range(1, 25)]
    assert len([*lake.items()]) == 24


def test_erased_users_are_hidden_and_may_come_back(lake: Lake) -> None:
    events = [event("U1", "I1", 5), event("U2", "I1", 6)]
    lake.append(events, [], [User("U1", {"age": 30}), User("U2", {})], ["U1"], 10)
    assert rows(lake) == [("U2", "I1", 6)]
    assert [user.user_id for user in lake.users()] == ["U2"]
    lake.append([event("U1", "I9", 7)], [], [User("U1", {"city": "Rome"})], [], 20)
    assert rows(lake) == [("U1", "I9", 7), ("U2", "I1", 6)]
    assert {u.user_id: u.attributes for u in lake.users()} == {"U1": {"city": "Rome"}, "U2": {}}


def test_purge_leaves_no_byte_of_the_erased_user(lake: Lake) -> None:
    name = "somebody-to-forget"
    lake.append([event(name, "I1", 5), event("U2", "I1", 6)], [], [User(name, {})], [], 10)
    lake.append([event("U3", "I1", DAY)], [], [], [name], 20)
    kept = lake.manifest().events[1]
    assert name.encode() in contents(lake)
    purged = lake.purge()
    assert (purged.rows, purged.files) == (2, 2)
    assert purged.manifest.erasures == ()
    assert kept in purged.manifest.events
    assert rows(lake) == [("U2", "I1", 6), ("U3", "I1", DAY)]
    assert name.encode() not in contents(lake)


def test_concurrent_publishers_lose_nothing(lake: Lake) -> None:
    def erase(number: int) -> None:
        def add(now):
            erasure = Erasure(f"U{number}", now.sequence + 1)
            erasures = (*now.erasures, erasure)
            return msgspec.structs.replace(now, sequence=now.sequence + 1, erasures=erasures)

        lake.publish(add)

    with ThreadPoolExecutor(8) as pool:
        [*pool.map(erase, range(40))]
    manifest = lake.manifest()
    assert manifest.version == 40
    assert {e.user_id for e in manifest.erasures} == {f"U{n}" for n in range(40)}
    assert len({e.sequence for e in manifest.erasures}) == 40


def test_concurrent_appends_repeat_nothing(lake: Lake, open_lake: Open) -> None:
    shared = event("U0", "I0", 1)
    others = [open_lake() for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        [
            *pool.map(
                lambda pair: pair[1].append([shared], [], [], [], pair[0] + 1), enumerate(others)
            )
        ]
    assert rows(lake) == [("U0", "I0", 1)]


def test_files_that_no_manifest_names_are_not_read(folder_lake: Lake) -> None:
    manifest = folder_lake.append([event("U1", "I1", 5)], [], [], [], 10)
    part = folder_lake.root / manifest.events[0].path
    part.with_name("left-over.parquet").write_bytes(part.read_bytes())
    assert len(rows(folder_lake)) == 1


def test_a_damaged_manifest_is_named(folder_lake: Lake) -> None:
    folder_lake.append([event("U1", "I1", 5)], [], [], [], 10)
    path = folder_lake.root / "manifest" / f"{1:020d}.json"
    path.write_text(json.dumps({"version": "x"}))
    with pytest.raises(Damaged) as caught:
        folder_lake.manifest()
    assert (caught.value.code, caught.value.field) == ("damaged_manifest", str(path))


def test_training_data_is_sorted_by_user_time_and_arrival(lake: Lake) -> None:
    events = [
        event("U2", "I3", DAY + 5), event("U1", "I2", 2 * DAY), event("U1", "I9", 4),
        event("U2", "I1", DAY + 5), event("U2", "I2", DAY + 5, value=2.5),
    ]  # fmt: skip
    lake.append(events, [], [], [], 10)
    lake.append([event("U1", "I1", 2), event("U2", "I0", DAY + 5)], [], [], [], 20)
    data = load_interactions(lake)
    assert data.user_ids == ["U1", "U2"]
    assert data.item_ids == ["I0", "I1", "I2", "I3", "I9"]
    assert data.user.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert [data.item_ids[i] for i in data.item] == ["I1", "I9", "I2", "I3", "I1", "I2", "I0"]
    assert data.ts.tolist()[:3] == [2, 4, 2 * DAY]
    assert data.value is not None
    assert np.isnan(data.value).tolist() == [True, True, True, True, True, False, True]
    assert len(load_interactions(lake, since_ts=DAY)) == 5


def test_event_types_keep_their_codes(lake: Lake) -> None:
    kinds = ["wish", "purchase", "view"]
    lake.append([Event("U1", "I1", kind, 5, kind) for kind in kinds], [], [], [], 10)
    data = load_interactions(lake)
    assert data.event_types == ("view", "add_to_cart", "purchase", "wish")
    assert sorted(data.type.tolist()) == [0, 2, 3]


def test_a_value_beyond_32_bits_is_the_largest_that_fits(lake: Lake) -> None:
    values = (1e300, -1e300, 2.5, None)
    events = [Event("U1", f"I{n}", "view", n, f"e{n}", value) for n, value in enumerate(values)]
    lake.append(events, [], [], [], 10)
    data = load_interactions(lake)
    assert data.value is not None
    np.testing.assert_array_equal(data.value, np.array([3e38, -3e38, 2.5, np.nan], np.float32))


def test_the_catalogue_comes_in_the_order_asked_for(lake: Lake) -> None:
    lake.append([], [Item("I1", {"name": "Pear"}), Item("I2", {"name": "Fig"})], [], [], 10)
    assert load_catalogue(lake, ["I2", "I0", "I1"]) == [{"name": "Fig"}, {}, {"name": "Pear"}]


def test_what_does_not_fit_into_memory_goes_to_disk(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", 128, 1)
    with lake.connect() as connection:
        (rows,) = first_row(
            connection,
            "SELECT count(*) FROM (SELECT range, md5(range::VARCHAR) AS text FROM range(3000000) "
            "ORDER BY text LIMIT 2900000 OFFSET 1)",
        )
    assert rows == 2_900_000


def test_an_earlier_version_is_read_as_it_was(lake: Lake, open_lake: Open) -> None:
    lake.append([event("U1", "I1", 5), event("U2", "I1", 6)], [Item("I1", {"p": 1})], [], [], 10)
    lake.append([event("U2", "I2", 7)], [Item("I1", {"p": 2})], [], [], 20)
    for seen in (lake, open_lake()):
        assert rows(seen.at(1)) == [("U1", "I1", 5), ("U2", "I1", 6)]
        assert [item.attributes for item in seen.at(1).items()] == [{"p": 1}]
        assert len(load_interactions(seen.at(1))) == 2
        assert rows(seen.at(2)) == rows(lake)
    with pytest.raises(ValueError, match="earlier"):
        lake.at(1).append([event("U3", "I1", 5)], [], [], [], 30)


def test_no_way_back_in_time_leads_to_an_erased_user(lake: Lake) -> None:
    lake.append([event("U1", "I1", 5), event("U2", "I1", 6)], [], [User("U1", {})], [], 10)
    lake.append([event("U2", "I2", 7)], [], [], {"U1": 99}, 20)
    assert rows(lake.at(1)) == [("U2", "I1", 6)]
    assert [*lake.at(1).users()] == []
    lake.append([event("U1", "I9", 9)], [], [], [], 30)
    assert rows(lake.at(1)) == [("U2", "I1", 6)]
    version = lake.purge().manifest.version
    for gone in (1, 2, 3, version + 1):
        with pytest.raises(NotFound) as caught:
            lake.at(gone)
        assert (caught.value.code, caught.value.value) == ("lake_version_gone", gone)
    assert rows(lake.at(version)) == rows(lake)


def test_versions_are_kept_for_a_time(lake: Lake) -> None:
    lake._kept_s = -60.0
    for number in range(3):
        lake.append([event("U1", "I1", number)], [], [], [], number + 1)
    assert lake.files.versions() == [3]
    lake._kept_s = 60.0
    lake.append([event("U1", "I1", 9)], [], [], [], 9)
    assert lake.files.versions() == [3, 4]
