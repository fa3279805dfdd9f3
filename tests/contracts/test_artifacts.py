"""The contract of the port Artifacts. A new adapter is one more line in ``STORES``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from endcap.adapters.folder import FolderArtifacts
from endcap.adapters.s3_artifacts import S3Artifacts
from endcap.domain.errors import Conflict, InvalidInput, NotFound
from endcap.ports import Artifacts

# name → (where, local folder) → store
STORES: dict[str, Callable[[str, Path], Artifacts]] = {
    "folder": lambda _, folder: FolderArtifacts(folder / "artifacts"),
    "s3": lambda url, folder: S3Artifacts(url, folder / "cache"),
}

BAD_NAMES = ["", ".", "..", "../x", "a/b", "/etc", "a\0b", ".staging", "-a", "a b", "ä", "x" * 129]


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.server)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    url = request.getfixturevalue("s3_url") if request.param == "s3" else ""
    return STORES[request.param](url, tmp_path)


def publish(store: Artifacts, name: str, content: bytes = b"content") -> None:
    staged = store.staging("models")
    (staged / "arrays").mkdir()
    (staged / "arrays" / "one.npy").write_bytes(content)
    (staged / "manifest.json").write_bytes(b"{}")
    store.publish("models", name, staged)


def test_nothing_is_published_at_first(store: Artifacts) -> None:
    assert store.names("models") == []
    with pytest.raises(NotFound) as caught:
        store.open("models", "v1")
    assert (caught.value.code, caught.value.value) == ("unknown_artifact", "v1")


def test_staging_folders_are_new_and_empty(store: Artifacts) -> None:
    one, other = store.staging("models"), store.staging("models")
    assert one != other
    assert list(one.iterdir()) == list(other.iterdir()) == []
    assert store.names("models") == []


@pytest.mark.parametrize("verify", [True, False])
def test_a_published_folder_is_read_back(store: Artifacts, verify: bool) -> None:
    publish(store, "v1", b"x" * 3_000_000)
    folder = store.open("models", "v1", verify=verify)
    assert (folder / "arrays" / "one.npy").read_bytes() == b"x" * 3_000_000
    assert (folder / "manifest.json").read_bytes() == b"{}"


def test_an_empty_file_and_an_empty_folder_can_be_published(store: Artifacts) -> None:
    staged = store.staging("models")
    (staged / "empty").write_bytes(b"")
    store.publish("models", "one", staged)
    store.publish("models", "none", store.staging("models"))
    assert (store.open("models", "one") / "empty").read_bytes() == b""
    assert store.open("models", "none").is_dir()


def test_names_are_in_order_and_by_kind(store: Artifacts) -> None:
    for name in ["b", "a", "c10", "c9"]:
        publish(store, name)
    store.publish("reports", "r", store.staging("reports"))
    assert store.names("models") == ["a", "b", "c10", "c9"]
    assert store.names("reports") == ["r"]


def test_a_taken_name_is_refused_and_keeps_its_content(store: Artifacts) -> None:
    publish(store, "v1", b"first")
    with pytest.raises(Conflict) as caught:
        publish(store, "v1", b"second")
    assert (caught.value.code, caught.value.value) == ("artifact_exists", "v1")
    assert (store.open("models", "v1") / "arrays" / "one.npy").read_bytes() == b"first"


def test_a_folder_refused_under_one_name_can_take_another(store: Artifacts) -> None:
    publish(store, "v1")
    staged = store.staging("models")
    (staged / "file").write_bytes(b"a")
    with pytest.raises(Conflict):
        store.publish("models", "v1", staged)
    store.publish("models", "v2", staged)
    assert (store.open("models", "v2") / "file").read_bytes() == b"a"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_cannot_leave_the_store(store: Artifacts, name: str) -> None:
    staged = store.staging("models")
    calls: list[Callable[[], object]] = [
        lambda: store.staging(name),
        lambda: store.names(name),
        lambda: store.open("models", name),
        lambda: store.open(name, "v1"),
        lambda: store.delete("models", name),
        lambda: store.publish("models", name, staged),
    ]
    for call in calls:
        with pytest.raises(InvalidInput) as caught:
            call()
        assert (caught.value.code, caught.value.value) == ("bad_artifact_name", name)
    assert staged.is_dir()


def test_a_deleted_name_is_gone_and_free(store: Artifacts) -> None:
    publish(store, "v1")
    publish(store, "v2")
    store.delete("models", "v1")
    assert store.names("models") == ["v2"]
    with pytest.raises(NotFound):
        store.open("models", "v1")
    publish(store, "v1", b"again")
    assert (store.open("models", "v1") / "arrays" / "one.npy").read_bytes() == b"again"


def test_deleting_what_is_not_there_does_nothing(store: Artifacts) -> None:
    store.delete("models", "v1")
    assert store.names("models") == []


def test_a_reader_keeps_its_files_when_they_are_deleted(store: Artifacts) -> None:
    publish(store, "v1", b"x" * 100_000)
    with (store.open("models", "v1") / "arrays" / "one.npy").open("rb") as file:
        store.delete("models", "v1")
        assert file.read() == b"x" * 100_000
