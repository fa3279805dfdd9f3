"""Archives of models: what is packed comes out, and nothing gets outside of the folder."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from endcap.adapters.model_archive import pack_archive, unpack_archive
from endcap.domain.errors import EndcapError


def made(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


FILES = {
    "version.json": b"{}",
    "model/recipe/prior.npy": bytes(range(256)) * 99,
    "ranker/a.npy": b"",
}


def read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_packed_comes_out(tmp_path: Path) -> None:
    source = made(tmp_path / "in", FILES)
    pack_archive(source, tmp_path / "one.tar.gz")
    os.utime(source / "version.json", (1, 1))
    pack_archive(source, tmp_path / "two.tar.gz")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    (tmp_path / "out").mkdir()
    unpack_archive(tmp_path / "one.tar.gz", tmp_path / "out")
    assert read(tmp_path / "out") == FILES


def test_as_tar_itself_packs_it(tmp_path: Path) -> None:
    """SageMaker's names begin with ./ and there are entries for folders."""
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(made(tmp_path / "in", FILES), ".")
    (tmp_path / "out").mkdir()
    unpack_archive(tmp_path / "model.tar.gz", tmp_path / "out")
    assert read(tmp_path / "out") == FILES


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    found.size = 4 if kind == tarfile.REGTYPE else 0
    return found


EVIL: dict[str, list[tarfile.TarInfo]] = {
    "absolute": [entry("/evil")],
    "parent": [entry("model/../../evil")],
    "parent folder": [entry("../evil/", tarfile.DIRTYPE)],
    "hidden": [entry("model/.bashrc")],
    "backslash": [entry("model\\evil")],
    "symbolic link": [entry("model", tarfile.SYMTYPE, "/etc")],
    "hard link": [entry("a"), entry("b", tarfile.LNKTYPE, "a")],
    "device": [entry("model", tarfile.CHRTYPE)],
    "pipe": [entry("model", tarfile.FIFOTYPE)],
    "twice": [entry("a"), entry("./a")],
    "deep": [entry("/".join("a" * 20))],
    "control character": [entry("a\n")],
}


@pytest.mark.parametrize("name", EVIL)
def test_nothing_leads_outside(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as archive:
        for one in EVIL[name]:
            archive.addfile(one, io.BytesIO(b"evil"))
    out = tmp_path / "a" / "out"
    out.mkdir(parents=True)
    with pytest.raises(EndcapError) as told:
        unpack_archive(tmp_path / "evil.tar.gz", out)
    assert told.value.code == "archive_refused"
    assert {p.name for p in tmp_path.iterdir()} == {"a", "evil.tar.gz"}
    assert not any(path.is_symlink() for path in out.rglob("*"))


def test_a_bomb_ends_early(tmp_path: Path) -> None:
    source = made(tmp_path / "in", {"model/zeros.npy": bytes(10**6), "model/a.npy": b"1"})
    pack_archive(source, tmp_path / "bomb.tar.gz")
    assert (tmp_path / "bomb.tar.gz").stat().st_size < 10_000
    (tmp_path / "out").mkdir()
    with pytest.raises(EndcapError) as told:
        unpack_archive(tmp_path / "bomb.tar.gz", tmp_path / "out", most_bytes=10**5)
    assert told.value.code == "archive_too_large"
    assert sum(len(content) for content in read(tmp_path / "out").values()) <= 10**5


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "no archive": lambda _: b"<html>",
    "empty": lambda _: b"",
    "cut short": lambda raw: raw[: len(raw) // 2],
}


@pytest.mark.parametrize("name", CUTS)
def test_a_damaged_archive_says_so(tmp_path: Path, name: str) -> None:
    source = made(tmp_path / "in", {"model/noise.npy": os.urandom(50_000)})
    pack_archive(source, tmp_path / "model.tar.gz")
    path = tmp_path / "damaged.tar.gz"
    path.write_bytes(CUTS[name]((tmp_path / "model.tar.gz").read_bytes()))
    (tmp_path / "out").mkdir()
    with pytest.raises(EndcapError) as told:
        unpack_archive(path, tmp_path / "out")
    assert told.value.code == "archive_damaged"
