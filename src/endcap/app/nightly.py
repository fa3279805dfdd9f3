"""The offline pipeline of a shop: import → train → evaluate gate → promote → batch → store.

The steps are a list; `endcap pipeline run` runs them here, and other homes of the same steps are
made from this list.
"""

from __future__ import annotations

import glob
from collections.abc import Callable
from dataclasses import dataclass

from endcap.app import batch, training
from endcap.app.compaction import settle
from endcap.app.shop import Shop
from endcap.app.versions import promote
from endcap.control.campaigns import campaign
from endcap.pipeline.steps import Facts, Retry, Step

ImportFiles = Callable[[Shop, list[str], int], Facts]


@dataclass(frozen=True)
class Nightly:
    """The steps over one opened shop. ``clock`` gives µs; ``report`` shows progress."""

    shop: Shop
    clock: Callable[[], int]
    report: training.Progress
    import_files: ImportFiles

    def steps(self) -> tuple[Step, ...]:
        return (
            Step("import", self.import_new, ("interactions",), ("imported",), Retry(3)),
            Step("settle", self.settle, (), ("lake_version", "log_offset"), Retry(3)),
            Step("train", self.train, ("lake_version",), ("version", "metrics"), Retry(2)),
            Step("promote", self.promote, ("version",), ("serves",), Retry(3)),
            Step("store", self.store, ("serves", "k"), ("stored",), Retry(3)),
        )

    def import_new(self, facts: Facts) -> Facts:
        """Files that match the pattern. Rows that were imported before are dropped as repeats."""
        pattern = str(facts["interactions"])
        files = sorted(glob.glob(pattern, recursive=True)) if pattern else []  # noqa: PTH207
        return {"imported": self.import_files(self.shop, files, self.clock()) if files else {}}

    def settle(self, _: Facts) -> Facts:
        settle(self.shop, self.clock())
        manifest = self.shop.lake.manifest()
        return {"lake_version": manifest.version, "log_offset": manifest.log_offset}

    def train(self, _: Facts) -> Facts:
        version = training.train(self.shop, self.clock(), progress=self.report, serve=False)
        return {"version": version.name, "metrics": version.metrics}

    def promote(self, facts: Facts) -> Facts:
        promote(self.shop, str(facts["version"]), self.clock())
        training.drop_old_versions(self.shop)
        return {"serves": campaign(self.shop.documents).version}

    def store(self, facts: Facts) -> Facts:
        at = self.clock()
        rows = batch.answers(self.shop, None, int(facts["k"]), at)
        return {"stored": batch.store(self.shop, rows, at)}
