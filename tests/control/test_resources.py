"""Dataset groups, solution versions and campaigns as documents."""

from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.sqlite import SqliteDocuments
from endcap.control.campaigns import Campaign, campaign, promote, rollback
from endcap.control.dataset_groups import check_name, folder, groups
from endcap.control.solution_versions import SolutionVersion, reserve, save, version, versions
from endcap.domain.errors import Conflict, InvalidInput, NotFound


@pytest.fixture
def documents(tmp_path: Path) -> SqliteDocuments:
    return SqliteDocuments(tmp_path / "documents.sqlite")


@pytest.mark.parametrize("name", ["default", "A", "shop-1_x", "0", "a" * 63])
def test_good_names(name: str, tmp_path: Path) -> None:
    assert check_name(name) == name
    assert folder(tmp_path, name) == tmp_path / "groups" / name


@pytest.mark.parametrize("name", ["", "-a", "_a", "a" * 64, "a b", "a/b", "..", "a\n", "é", "a.b"])
def test_bad_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        folder(tmp_path, name)
    error = caught.value
    assert (error.code, error.field, error.value) == ("bad_group", "group", name)


def test_groups_are_the_folders_there_are(tmp_path: Path) -> None:
    assert groups(tmp_path) == []
    for name in ("b", "a"):
        folder(tmp_path, name).mkdir(parents=True)
    (tmp_path / "groups" / "file").touch()
    assert groups(tmp_path) == ["a", "b"]


def test_version_names_are_never_used_twice(documents: Any) -> None:
    first = reserve(documents, 1)
    save(documents, SolutionVersion(first.name, 1, "failed", reason="no luck"))
    assert reserve(documents, 2).name == "v0002"
    save(documents, SolutionVersion("v9999", 3, "active"))
    assert reserve(documents, 4).name == "v10000"
    assert reserve(documents, 5).name == "v10001"
    assert version(documents, "v0001").reason == "no luck"


def test_two_who_reserve_at_once_get_two_names(documents: Any, monkeypatch: Any) -> None:
    put, got = documents.put, []

    def raced(kind: str, key: str, body: Any, expected: int | None = None) -> int:
        monkeypatch.setattr(documents, "put", put)
        got.append(reserve(documents, 1).name)
        return int(put(kind, key, body, expected))

    monkeypatch.setattr(documents, "put", raced)
    got.append(reserve(documents, 1).name)
    assert got == ["v0001", "v0002"]


def test_many_versions_are_all_listed(documents: Any) -> None:
    documents.put_many(
        "solution_version",
        {
            f"v{n:04}": {"name": f"v{n:04}", "created_at": n, "status": "active"}
            for n in range(1203)
        },
    )
    assert [v.created_at for v in versions(documents)] == list(range(1203))


def test_an_unknown_version_names_the_known(documents: Any) -> None:
    with pytest.raises(NotFound) as caught:
        version(documents, "v7")
    assert caught.value.facts == {"known": "none yet"}
    reserve(documents, 1)
    with pytest.raises(NotFound) as caught:
        version(documents, "v7")
    assert (caught.value.code, caught.value.facts) == ("unknown_version", {"known": "v0001"})


def test_a_campaign_remembers_what_it_served(documents: Any) -> None:
    assert campaign(documents) == Campaign("default", "")
    for at, name in enumerate(("v1", "v2", "v2", "v3"), 1):
        promote(documents, name, at)
    assert campaign(documents) == Campaign("default", "v3", 4, ("v2", "v1"))
    assert rollback(documents, 5) == Campaign("default", "v2", 5, ("v1",))
    assert rollback(documents, 6).version == "v1"
    with pytest.raises(InvalidInput) as caught:
        rollback(documents, 7)
    assert (caught.value.code, caught.value.value) == ("nothing_to_roll_back", "default")
    assert promote(documents, "v9", 8, "other") == Campaign("other", "v9", 8)
    assert campaign(documents).version == "v1"


@pytest.mark.parametrize("move", [promote, lambda d, v, at: rollback(d, at)])
def test_who_moves_a_campaign_that_moved_meanwhile_is_told(
    documents: Any, monkeypatch: Any, move: Any
) -> None:
    promote(documents, "v1", 1)
    promote(documents, "v2", 2)
    put = documents.put

    def raced(*given: Any, **named: Any) -> int:
        monkeypatch.setattr(documents, "put", put)
        promote(documents, "v3", 3)
        return int(put(*given, **named))

    monkeypatch.setattr(documents, "put", raced)
    with pytest.raises(Conflict) as caught:
        move(documents, "v4", 4)
    assert caught.value.code == "document_changed"
    assert campaign(documents).version == "v3"
