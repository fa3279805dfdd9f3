"""The offline pipeline of a shop: import → train → evaluate gate → promote → batch → store.

The steps are a list; `endcap pipeline run` runs them here, and other homes of the same steps are
made from this list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from endcap.app import batch, training
from endcap.app.compaction import settle
from endcap.app.gating import may_serve
from endcap.app.shop import Shop
from endcap.app.versions import promote
from endcap.control.campaigns import campaign
from endcap.control.solution_versions import version as find_version
from endcap.pipeline.steps import Facts, Retry, Step

PROMOTED = ("serves", "promoted", "gate")
Import = Callable[[Shop, Facts, int], Facts]


@dataclass(frozen=True)
class Nightly:
    """The steps over one opened shop. ``clock`` gives µs; ``report`` shows progress;
    ``import_from`` imports what the facts name and tells the counts of rows by table."""

    shop: Shop
    clock: Callable[[], int]
    report: training.Progress
    import_from: Import

    def steps(self) -> tuple[Step, ...]:
        return (
            Step("import", self.import_new, ("interactions",), ("imported",), Retry(3)),
            Step("settle", self.settle, (), ("lake_version", "log_offset"), Retry(3)),
            Step("train", self.train, ("lake_version",), ("version", "metrics"), Retry(2)),
            Step("promote", self.promote, ("version",), PROMOTED, Retry(3), stop=nothing_serves),
            Step("store", self.store, ("serves", "k"), ("stored",), Retry(3)),
        )

    def import_new(self, facts: Facts) -> Facts:
        """Rows that were imported before are dropped as repeats."""
        return {"imported": self.import_from(self.shop, facts, self.clock())}

    def settle(self, _: Facts) -> Facts:
        settle(self.shop, self.clock())
        manifest = self.shop.lake.manifest()
        return {"lake_version": manifest.version, "log_offset": manifest.log_offset}

    def train(self, _: Facts) -> Facts:
        version = training.train(self.shop, self.clock(), progress=self.report, serve=False)
        return {"version": version.name, "metrics": version.metrics}

    def promote(self, facts: Facts) -> Facts:
        """Serve the version, unless the gate refused it: then what served goes on serving."""
        version = find_version(self.shop.documents, str(facts["version"]))
        promoted = may_serve(version)
        if promoted:
            promote(self.shop, version.name, self.clock())
            training.drop_old_versions(self.shop)
        told = version.gate.reason if version.gate else ""
        serves = campaign(self.shop.documents).version
        return {"serves": serves, "promoted": promoted, "gate": told}

    def store(self, facts: Facts) -> Facts:
        at = self.clock()
        rows = batch.answers(self.shop, None, int(facts["k"]), at)
        return {"stored": batch.store(self.shop, rows, at)}


def nothing_serves(facts: Facts) -> str:
    """Why the run ends after ``promote``: the first version of a shop was refused."""
    return "" if facts["serves"] else f"the gate refused {facts['version']}: {facts['gate']}"
