"""What the contract does not say of ``FolderVectors``: damage, dead writers, searches meanwhile."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from endcap.adapters.vector_folder import FolderVectors
from endcap.domain.errors import Damaged

IDS = [f"item-{n}" for n in range(40)]


def filled(root: Path) -> FolderVectors:
    index = FolderVectors(root)
    index.load("v1", IDS, np.eye(40, dtype=np.float32))
    index.switch("v1")
    return index


def test_a_damaged_pointer_is_named(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "current.json").write_bytes(b'{"folders": ')
    with pytest.raises(Damaged) as caught:
        FolderVectors(tmp_path).nearest(np.ones((1, 40), np.float32), 3)
    assert caught.value.value == str(tmp_path / "current.json")


@pytest.mark.parametrize(
    "name", ["id_letters.npy", "codes.npy", "labels.json", "index/vectors.npy"]
)
def test_a_flipped_byte_is_found_when_it_opens(tmp_path: Path, name: str) -> None:
    filled(tmp_path)
    path = tmp_path / "vectors" / "v1-1" / name
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(Damaged) as caught:
        FolderVectors(tmp_path).nearest(np.ones((1, 40), np.float32), 3)
    assert caught.value.field == str(path)


def test_what_a_dead_writer_left_is_in_nobodys_way(tmp_path: Path) -> None:
    index = filled(tmp_path)
    pointer = (tmp_path / "current.json").read_bytes()
    index.load("v2", IDS, np.zeros((40, 40), np.float32))
    (tmp_path / "current.json").write_bytes(pointer)  # it died before it pointed
    index.load("v2", IDS[:3], np.ones((3, 40), np.float32))
    index.switch("v2")
    found = index.nearest(np.ones((1, 40), np.float32), 9).lists[0]
    assert (found.ids, found.scores) == (tuple(IDS[:3]), (40.0,) * 3)


def test_every_answer_during_switches_is_of_one_version(tmp_path: Path) -> None:
    writer = filled(tmp_path)
    done, wrong = Event(), []

    def search() -> None:
        reader = FolderVectors(tmp_path)
        while not done.is_set():
            found = reader.nearest(np.ones((2, 40), np.float32), 5)
            for one in found.lists:
                if set(one.scores) != {float(found.version.removeprefix("v"))}:
                    wrong.append((found.version, one.scores))

    threads = [Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for n in range(2, 7):
            writer.load(f"v{n}", IDS, n * np.eye(40, dtype=np.float32))
            writer.switch(f"v{n}")
            writer.erase([f"item-{n}"])
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    left = sorted(path.name.partition("-")[0] for path in (tmp_path / "vectors").iterdir())
    assert left == ["v5", "v6"]
