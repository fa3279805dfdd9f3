"""A model version as a package: it comes back as it was, and nothing unsound is taken in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.app.lineage import code_digest
from endcap.app.packing import RANKER, VERSION, pack, read_package, read_ranker, receive
from endcap.app.rankers import RANKERS
from endcap.app.reloading import MODELS, reload
from endcap.control import solution_versions
from endcap.control.campaigns import campaign
from endcap.domain.errors import EndcapError
from endcap.models.ranker import BY_RANKER


def quiet(_: str, __: float) -> None:
    """Nobody watches."""


@pytest.fixture
def packed(ranked: Any, tmp_path: Path) -> tuple[Any, Path]:
    """(the board with a ranker, its version in a folder)."""
    board, folder = ranked("pair_views", BY_RANKER), tmp_path / "package"
    folder.mkdir()
    pack(board.shop, "v0001", folder)
    return board, folder


def test_a_version_comes_back_under_a_new_name(packed: tuple[Any, Path]) -> None:
    board, folder = packed
    board.post(*[("fan", f"black-{i}", "view") for i in (1, 2, 7)])
    before = board.answer(user_id="fan", k=5)
    version = receive(board.shop, folder, board.at, progress=quiet, force="a test")
    assert version.name == "v0002"
    for kind in (MODELS, RANKERS):
        one, other = (board.shop.artifacts.open(kind, name) for name in ("v0001", "v0002"))
        assert files_of(one) == files_of(other)
    reload(board.shop)
    after = board.answer(user_id="fan", k=5)
    assert (after.model_version, after.items) == ("v0002", before.items)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_registry_knows_where_it_comes_from(packed: tuple[Any, Path]) -> None:
    board, folder = packed
    version = receive(board.shop, folder, board.at, progress=quiet)
    first = solution_versions.version(board.shop.documents, "v0001")
    known = solution_versions.version(board.shop.documents, version.name)
    assert known.metrics == first.metrics
    assert known.info == first.info
    assert known.gate is not None
    lineage = known.lineage
    assert lineage["registered"] == {"from": "v0001", "items_known": 24, "items": 24}
    assert lineage["recipe"] == "default"
    assert lineage["code"] == code_digest()
    assert "lake_version" not in lineage  # that of another home means nothing here
    assert lineage["trained"]["lake_version"] == first.lineage["lake_version"]
    assert lineage["parent"] == ""


def test_lineage_names_data_code_seed_and_parent(board: Any) -> None:
    from endcap.app.training import train

    first = solution_versions.version(board.shop.documents, "v0001").lineage
    assert first["parent"] == ""
    assert len(first["code"]) == 16
    assert first["trained"] == {"by": "endcap"}
    second = train(board.shop, board.at, progress=quiet, budget_s=0.1, ranker=False).lineage
    assert second["parent"] == "v0001"
    names = {"lake_version", "log_offset", "events", "seed", "endcap", "libraries", "recipe"}
    assert names <= set(second)


def test_a_refused_version_is_registered_and_does_not_serve(
    packed: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from endcap.app import packing
    from endcap.evaluation.results import REFUSED, Verdict

    monkeypatch.setattr(packing, "judge_version", lambda *_: Verdict(REFUSED, "worse", "", 200))
    board, folder = packed
    version = receive(board.shop, folder, board.at, progress=quiet)
    assert campaign(board.shop.documents).version == "v0001"
    forced = receive(board.shop, folder, board.at, progress=quiet, force="we know better")
    assert campaign(board.shop.documents).version == forced.name
    assert (version.name, forced.name) == ("v0002", "v0003")


def test_an_empty_shop_takes_a_version_in(packed: tuple[Any, Path], empty_board: Any) -> None:
    _, folder = packed
    version = receive(empty_board.shop, folder, empty_board.at, progress=quiet)
    assert version.gate is not None
    assert "no events here" in version.gate.reason
    assert campaign(empty_board.shop.documents).version == "v0001"


def test_a_version_of_another_shop_is_refused(packed: tuple[Any, Path], empty_board: Any) -> None:
    from endcap.app.compaction import settle

    _, folder = packed
    empty_board.post(("somebody", "a-hammer", "view"))
    settle(empty_board.shop, empty_board.at)
    assert refusal(empty_board, folder) == "package_of_other_items"


def refusal(board: Any, folder: Path) -> str:
    """The code of why a package is not taken; nothing is registered then."""
    before = len(solution_versions.versions(board.shop.documents))
    with pytest.raises(EndcapError) as told:
        receive(board.shop, folder, board.at, progress=quiet)
    assert len(solution_versions.versions(board.shop.documents)) == before
    return told.value.code


def edited(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    known = json.loads((folder / VERSION).read_text())
    change(known)
    (folder / VERSION).write_text(json.dumps(known))


def turned(folder: Path) -> None:
    path = folder / "model" / "recipe" / "prior.npy"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


def objects(folder: Path) -> None:
    """An array of objects, rightly summed: reading it would run a pickle."""
    from endcap.app.packing import _sum

    path = folder / "model" / "recipe" / "prior.npy"
    np.save(path, np.array([{}], object), allow_pickle=True)
    edited(folder, lambda known: known["files"].update({"model/recipe/prior.npy": _sum(path)}))


def listed(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        edited(folder, lambda known: known["files"].update({name: [0, ""]}))

    return change


UNSOUND: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no version.json": (lambda f: (f / VERSION).unlink(), "no_package"),
    "no JSON": (lambda f: (f / VERSION).write_text("{"), "package_damaged"),
    "another format": (lambda f: edited(f, lambda k: k.update(format=2)), "package_refused"),
    "a bit": (turned, "package_damaged"),
    "a file missing": (lambda f: (f / "model/recipe/prior.npy").unlink(), "package_damaged"),
    "a file more": (lambda f: (f / "model/more.npy").write_bytes(b""), "package_refused"),
    "a pickle by name": (listed("model/recipe/prior.pkl"), "package_refused"),
    "a pickle inside": (objects, "model_unreadable"),
    "elsewhere": (listed("../evil.npy"), "package_refused"),
    "a program": (listed("code/inference.py"), "package_refused"),
    "a link": (lambda f: (f / "model/link").symlink_to("/etc"), "package_refused"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_what_is_unsound_is_not_taken(packed: tuple[Any, Path], name: str) -> None:
    board, folder = packed
    change, code = UNSOUND[name]
    change(folder)
    assert refusal(board, folder) == code


def test_the_ranker_of_a_package(packed: tuple[Any, Path]) -> None:
    board, folder = packed
    ranker, version = read_ranker(folder)
    assert version == "v0001"
    assert ranker.trees.fingerprint == board.shop.now.serving.ranker.trees.fingerprint
    known = read_package(folder).files
    shutil.rmtree(folder / RANKER)
    edited(folder, lambda k: k.update(files={n: s for n, s in known.items() if "model/" in n}))
    with pytest.raises(EndcapError) as told:
        read_ranker(folder)
    assert told.value.code == "package_without_ranker"
