"""The control plane of a home: one registry for all its groups, beside them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from endcap.adapters.sqlite import SqliteDocuments
from endcap.bootstrap.documents import documents_of
from endcap.bootstrap.places import make
from endcap.control.dataset_groups import folder, groups
from endcap.control.registry.arns import Place
from endcap.control.registry.control import Control
from endcap.control.registry.operations.groups import SHOP
from endcap.control.registry.standing import ShopsStanding
from endcap.control.registry.store import Registry
from endcap.domain.errors import Conflict
from endcap.ports import Documents
from endcap.settings import Settings

# Of no shop: the names of groups begin with a letter or digit.
NO_GROUP = "_control"
# One of these is in the folder of a shop that was given data or a model.
_MARKS = ("lake/manifest/*.json", "artifacts/models/*", "log/*.log")


def open_control(settings: Settings, shops: Callable[[], Sequence[str]] | None = None) -> Control:
    """Open (and, on first use, create) the registry of the home, for the region and account of
    the settings. ``shops``: names of all shops; those in the home where it is not given.

    Raises InvalidInput (home_not_writable, aws_extra_missing, bad_setting) and what the documents
    raise.
    """
    known = shops_in(settings) if shops is None else shops

    def documents(shop: str) -> Documents:
        return documents_of(settings, shop, folder(settings.home, shop))

    registry = Registry(
        documents=registry_documents(settings),
        place=Place(settings.arn_region, settings.arn_account),
        draw=hex_digits,
        standing=ShopsStanding(known, documents),
    )
    with suppress(Conflict):  # the server's own shop: a group of the API may not remove it
        registry.documents.put(SHOP, settings.group, {"arn": ""}, expected=0)
    return Control(registry, known, wake_file(settings).touch, documents)


def shops_in(settings: Settings) -> Callable[[], list[str]]:
    """What tells the names of the shops that the home holds."""
    return partial(_used, settings.home)


def _used(home: Path) -> list[str]:
    return [name for name in groups(home) if is_used(folder(home, name))]


def is_used(root: Path) -> bool:
    """Whether there is anything in a shop's folder: a server makes an empty one for itself."""
    return any(
        path.stat().st_size > 0 or path.is_dir() for mark in _MARKS for path in root.glob(mark)
    )


def registry_documents(settings: Settings) -> Documents:
    if settings.documents:
        return documents_of(settings, NO_GROUP, settings.home)
    return SqliteDocuments(make(settings.home) / "control.sqlite")


def wake_file(settings: Settings) -> Path:
    """Touched whenever there is new work; its folder stands."""
    return make(settings.home / "control") / "wake"


def hex_digits(count: int) -> str:
    return secrets.token_hex((count + 1) // 2)[:count]
