"""Removing a dataset group from the home, and from the buckets that hold its files."""

from __future__ import annotations

import secrets
from pathlib import Path
from shutil import rmtree

from endcap.app.reloading import MODELS, SNAPSHOTS
from endcap.bootstrap.buckets import artifacts_of, lake_of
from endcap.bootstrap.places import make
from endcap.control.dataset_groups import folder
from endcap.domain.errors import InUse
from endcap.settings import Settings

REPORTS = "reports"


def remove_group(settings: Settings, name: str) -> None:
    """Everything in the group's folder, and its lake, models, snapshots and reports elsewhere.
    Tables of DynamoDB are left. Killed in the middle it can be called again.

    Raises InUse (group_is_served): this server was started for that group.
    """
    if name == settings.group:
        raise InUse("group_is_served", value=name)
    root = folder(settings.home, name)
    if root.is_dir():
        _empty_buckets(settings, name, root)
    gone = make(settings.home / "control" / "gone")
    if root.is_dir():  # from here on nobody finds it, whole or in part
        root.rename(gone / f"{name}-{secrets.token_hex(6)}")
    for left in gone.iterdir():
        rmtree(left, ignore_errors=True)


def _empty_buckets(settings: Settings, name: str, root: Path) -> None:
    if settings.artifacts:
        artifacts = artifacts_of(settings, name, root)
        for kind in (MODELS, SNAPSHOTS, REPORTS):
            for held in artifacts.names(kind):
                artifacts.delete(kind, held)
    if settings.lake:
        lake = lake_of(settings, name, root)
        if lake.manifest().paths():
            lake.publish(lambda now: type(now)(version=now.version))
        lake.sweep()
