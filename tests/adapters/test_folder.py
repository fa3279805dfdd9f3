"""What ``FolderArtifacts`` does beyond the contract: damage, leftovers, races."""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from threading import Barrier, Thread

import pytest

from endcap.adapters.folder import FolderArtifacts
from endcap.domain.errors import Conflict, Damaged, InvalidInput

DAY_S = 24 * 3600


@pytest.fixture
def store(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path)


def publish(store: FolderArtifacts, name: str) -> Path:
    staged = store.staging("models")
    (staged / "a.npy").write_bytes(b"0123456789")
    (staged / "sub").mkdir()
    (staged / "sub" / "b.npy").write_bytes(b"abc")
    store.publish("models", name, staged)
    return store.open("models", name)


def overwrite(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["a.npy", "sub/b.npy", "checksums.json"])
@pytest.mark.parametrize("change", ["longer", "shorter", "missing"])
@pytest.mark.parametrize("verify", [True, False])
def test_a_changed_size_is_damaged(
    store: FolderArtifacts, name: str, change: str, verify: bool
) -> None:
    path = publish(store, "v1") / name
    content = path.read_bytes()
    if change == "missing":
        path.unlink()
    else:
        overwrite(path, content + b"x" if change == "longer" else content[:-2])
    with pytest.raises(Damaged) as caught:
        store.open("models", "v1", verify=verify)
    assert (caught.value.code, caught.value.field) == ("artifact_damaged", str(path))


def test_checksums_that_are_no_text_are_damaged(store: FolderArtifacts) -> None:
    path = publish(store, "v1") / "checksums.json"
    overwrite(path, path.read_bytes().replace(b"a.npy", b"\x90.npy"))
    with pytest.raises(Damaged):
        store.open("models", "v1")


def test_every_flipped_byte_is_damaged(store: FolderArtifacts) -> None:
    path = publish(store, "v1") / "a.npy"
    content = path.read_bytes()
    for at in range(len(content)):
        overwrite(path, content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(Damaged):
            store.open("models", "v1")
    overwrite(path, content)
    store.open("models", "v1")


def test_a_folder_of_a_later_format_is_refused(store: FolderArtifacts) -> None:
    path = publish(store, "v1") / "checksums.json"
    overwrite(path, path.read_bytes().replace(b'"format": 1', b'"format": 2'))
    with pytest.raises(Damaged, match="format 2"):
        store.open("models", "v1")


def test_links_are_not_published(store: FolderArtifacts, tmp_path: Path) -> None:
    staged = store.staging("models")
    (staged / "link").symlink_to(tmp_path)
    with pytest.raises(InvalidInput) as caught:
        store.publish("models", "v1", staged)
    assert (caught.value.code, caught.value.field) == ("bad_staged_file", str(staged / "link"))
    assert store.names("models") == []


def test_leftovers_go_after_a_day(store: FolderArtifacts) -> None:
    publish(store, "v1")
    old, busy, new = (store.staging("models") for _ in range(3))
    past = time.time() - DAY_S - 60
    (old / "file").write_bytes(b"x")
    (busy / "file").write_bytes(b"x")
    for path in (old / "file", old, busy):
        os.utime(path, (past, past))
    store.delete("models", "v1")
    assert [path.is_dir() for path in (old, busy, new)] == [False, True, True]


def test_a_mapped_file_outlives_its_deletion(store: FolderArtifacts) -> None:
    path = publish(store, "v1") / "a.npy"
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        store.delete("models", "v1")
        assert mapped[:] == b"0123456789"


def test_one_of_several_publishers_of_a_name_wins(store: FolderArtifacts) -> None:
    barrier, won = Barrier(4), []

    def publish_as(who: int) -> None:
        staged = store.staging("models")
        (staged / "who").write_bytes(b"%d" % who)
        barrier.wait()
        try:
            store.publish("models", "v1", staged)
        except Conflict:
            return
        won.append(who)

    threads = [Thread(target=publish_as, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert (store.open("models", "v1") / "who").read_bytes() == b"%d" % won[0]
