"""A model version as a folder of its own: to train in one place and serve in another.

``version.json`` names the version, its lineage and metrics, and every file with its size and
SHA-256; ``model/`` and ``ranker/`` hold arrays and JSON, nothing that is run when it is read. The
checksums find what was damaged on the way. Who made a package, they do not prove: that is for the
rights on the place where it lies.
"""

from __future__ import annotations

import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from endcap.app.gating import judge_version, may_serve
from endcap.app.lineage import elsewhere
from endcap.app.rankers import RANKERS
from endcap.app.reloading import CONTENT, EMBEDDINGS, MODELS, NEWCOMERS, RECIPE
from endcap.app.shop import Shop
from endcap.app.training import Progress, drop_old_versions, failing
from endcap.app.versions import promote
from endcap.control import solution_versions
from endcap.control.solution_versions import SolutionVersion
from endcap.data.interactions import Interactions
from endcap.data.training import load_interactions
from endcap.domain.errors import Damaged, InvalidInput, NotFound
from endcap.evaluation.results import NOT_JUDGED, Verdict
from endcap.models.content import ContentIndex
from endcap.models.embeddings import Embeddings
from endcap.models.newcomers import Newcomers
from endcap.models.ranker import Ranker
from endcap.models.recipe import Recipe

VERSION, MODEL, RANKER = "version.json", "model", "ranker"
FORMAT = 1
_PATH = re.compile(rf"({MODEL}|{RANKER})(/[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}){{1,8}}\.(npy|json)")
_CHECKSUMS = "checksums.json"  # of the store that it was in
_CHUNK_BYTES = 2**20


class Package(Struct, frozen=True):
    """What ``version.json`` says. ``files``: (bytes, SHA-256) by path, in order of path."""

    format: int
    version: SolutionVersion
    files: dict[str, tuple[int, str]]


def pack(shop: Shop, name: str, folder: Path) -> Package:
    """Write the version into ``folder``, which is there and empty.

    Raises NotFound (unknown_version, unknown_artifact), Damaged (artifact_damaged).
    """
    version = solution_versions.version(shop.documents, name)
    left_out = shutil.ignore_patterns(_CHECKSUMS)
    model = shop.artifacts.open(MODELS, name)
    shutil.copytree(model, folder / MODEL, ignore=left_out, copy_function=shutil.copyfile)
    if name in shop.artifacts.names(RANKERS):
        ranker = shop.artifacts.open(RANKERS, name)
        shutil.copytree(ranker, folder / RANKER, ignore=left_out, copy_function=shutil.copyfile)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): _sum(path) for path in paths}
    package = Package(FORMAT, version, files)
    text = msgspec.json.format(msgspec.json.encode(package), indent=2)
    (folder / VERSION).write_bytes(text)
    return package


def read_package(folder: Path) -> Package:
    """What the folder holds, every file of it checked.

    Raises InvalidInput (no_package, package_refused), Damaged (package_damaged).
    """
    try:
        package = msgspec.json.decode((folder / VERSION).read_bytes(), type=Package)
    except FileNotFoundError:
        raise InvalidInput("no_package", value=str(folder), permitted=VERSION) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged("package_damaged", field=VERSION, reason=str(error)) from error
    if package.format != FORMAT:
        raise InvalidInput("package_refused", field=VERSION, reason=f"format {package.format}")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or name in package.files or name == VERSION):
            reason = f"{VERSION} does not name it, or it is a link"
            raise InvalidInput("package_refused", field=name, reason=reason)
    for name, told in package.files.items():
        _check(folder, name, told)
    return package


def _check(folder: Path, name: str, told: tuple[int, str]) -> None:
    if not _PATH.fullmatch(name):
        reason = "only .npy and .json below model/ and ranker/ are taken"
        raise InvalidInput("package_refused", field=name, reason=reason)
    path = folder / name
    if not path.is_file():
        raise Damaged("package_damaged", field=name, reason="it is missing")
    if _sum(path) != told:
        raise Damaged("package_damaged", field=name, reason="size or SHA-256 differs")


def _sum(path: Path) -> tuple[int, str]:
    found, size = sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            found.update(chunk)
            size += len(chunk)
    return size, found.hexdigest()


def read_ranker(folder: Path) -> tuple[Ranker, str]:
    """(the ranker of a package, the version's name). Raises as ``read_package``; NotFound
    (package_without_ranker)."""
    package = read_package(folder)
    if not (folder / RANKER).is_dir():
        raise NotFound("package_without_ranker", value=package.version.name)
    return Ranker.load(folder / RANKER), package.version.name


def receive(
    shop: Shop, folder: Path, at: int, *, progress: Progress, serve: bool = True, force: str = ""
) -> SolutionVersion:
    """Register the package in ``folder`` under the next free name, ask the gate about it over this
    shop's events, and serve it, unless the gate refuses it. ``force`` as in ``train``.

    Raises as ``read_package``; InvalidInput (package_of_other_items), Damaged (model_unreadable,
    …). Nothing is registered then.
    """
    progress("reading the package", 0.0)
    package = read_package(folder)
    recipe = _loaded(folder)
    data = load_interactions(shop.lake)
    known = sum(recipe.item_ids.row(item_id) >= 0 for item_id in data.item_ids)
    if len(data) and not known:
        raise InvalidInput("package_of_other_items", value=package.version.name)
    version = solution_versions.reserve(shop.documents, at)
    with failing(shop, version):
        _publish(shop, folder, version.name)
        registered = {"from": package.version.name, "items_known": known, "items": data.n_items}
        version = replace(
            package.version,
            name=version.name,
            created_at=at,
            status="active",
            reason="",
            gate=_judged(shop, recipe, data, progress),
            forced=force,
            lineage={**elsewhere(package.version.lineage), "registered": registered},
        )
    solution_versions.save(shop.documents, version)
    if serve and may_serve(version):
        promote(shop, version.name, at)
        drop_old_versions(shop)
    return version


def _publish(shop: Shop, folder: Path, name: str) -> None:
    for part, kind in ((MODEL, MODELS), (RANKER, RANKERS)):
        if (folder / part).is_dir():
            staged = shop.artifacts.staging(kind)
            shutil.copytree(
                folder / part, staged, dirs_exist_ok=True, copy_function=shutil.copyfile
            )
            shop.artifacts.publish(kind, name, staged)


def _loaded(folder: Path) -> Any:
    """The recipe, after every part was read as serving reads it. Raises Damaged."""
    model = folder / MODEL
    recipe = Recipe.load(model / RECIPE, mmap=False)
    if (model / CONTENT).is_dir():
        ContentIndex.load(model / CONTENT)
    if (model / EMBEDDINGS).is_dir():
        Embeddings.load(model / EMBEDDINGS)
    if (model / NEWCOMERS).is_dir():
        Newcomers.load(model / NEWCOMERS, len(recipe.item_ids))
    if (folder / RANKER).is_dir():
        Ranker.load(folder / RANKER)
    return recipe


def _judged(shop: Shop, recipe: Recipe, data: Interactions, progress: Progress) -> Verdict:
    types = tuple(recipe.info.get("event_types", data.event_types))
    if not len(data):
        return Verdict(NOT_JUDGED, "there are no events here to judge it by", "", 0)
    if types != tuple(data.event_types):
        return Verdict(NOT_JUDGED, "it was trained on other types of events", "", 0)
    return judge_version(shop, recipe, data, progress)
