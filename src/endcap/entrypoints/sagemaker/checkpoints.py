"""What a training job has done already, for the job that goes on after an interruption.

Amazon SageMaker copies /opt/ml/checkpoints to S3 while the job runs and gives it to the next one.
Each entry is whole and checksummed, so that a copy that was cut short counts as none.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from endcap.adapters.folder import CHECKSUMS, FolderArtifacts
from endcap.domain.errors import Damaged, NotFound
from endcap.models.recipe import Recipe

LAKE, RECIPE = "lake", "recipe"
STAGING = ".*"  # of the lake: what imports and queries keep for a while


class Checkpoints:
    """``fingerprint``: of all that the job depends on; what another job left is not touched.
    Nothing is kept where ``folder`` is not there. ``told`` hears what was found."""

    def __init__(self, folder: Path, fingerprint: str, told: Callable[[str, float], None]) -> None:
        self._store = FolderArtifacts(folder) if folder.is_dir() else None
        self._name, self._told = fingerprint[:32], told

    def lake(self, root: Path, fill: Callable[[], None]) -> None:
        """Make the lake in ``root``: as it was kept, or by ``fill``."""
        found = self._find(LAKE)
        if found is not None:
            self._told("the import of an earlier run is taken up", 1.0)
            shutil.copytree(
                found, root, ignore=shutil.ignore_patterns(CHECKSUMS), dirs_exist_ok=True,
                copy_function=shutil.copyfile,
            )  # fmt: skip
            return
        fill()
        if self._store is not None:
            staged = self._store.staging(LAKE)
            left_out = shutil.ignore_patterns(STAGING)
            shutil.copytree(
                root, staged, ignore=left_out, dirs_exist_ok=True, copy_function=shutil.copyfile
            )
            self._store.publish(LAKE, self._name, staged)

    def recipe(self, fit: Callable[[], Recipe]) -> Recipe:
        """As it was kept, or by ``fit``."""
        found = self._find(RECIPE)
        if found is not None:
            self._told("the recipe of an earlier run is taken up", 1.0)
            return Recipe.load(found)
        recipe = fit()
        if self._store is not None:
            staged = self._store.staging(RECIPE)
            recipe.save(staged)
            self._store.publish(RECIPE, self._name, staged)
        return recipe

    def _find(self, kind: str) -> Path | None:
        if self._store is None:
            return None
        try:
            return self._store.open(kind, self._name)
        except NotFound:
            return None
        except Damaged:
            self._store.delete(kind, self._name)
            return None
