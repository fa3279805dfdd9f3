"""The nightly pipeline of a shop: import → settle → check → features → train → evaluate → gate →
register → deploy → store → share → notify.

``NIGHTLY`` is the one list: `endcap pipeline run` runs it here, `endcap pipeline export` makes a
state machine of it, whose functions run the same steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from endcap import __version__
from endcap.app import batch, training
from endcap.app.compaction import purge_due, settle
from endcap.app.etl import make_tables
from endcap.app.gating import may_serve
from endcap.app.notices import notice_of
from endcap.app.receipts import complete_receipts
from endcap.app.reloading import reload
from endcap.app.sharing import share
from endcap.app.shop import Shop
from endcap.app.versions import promote
from endcap.control import solution_versions
from endcap.control.campaigns import campaign
from endcap.control.solution_versions import version as find_version
from endcap.data.etl.records import Request
from endcap.domain.errors import InvalidInput
from endcap.pipeline.steps import GLUE, SAGEMAKER, WHOLE, Facts, Pipeline, Retry, Step
from endcap.ports import Message

Import = Callable[[Shop, Facts, int], Facts]
FUNCTION_NAME = "Nightly"
NOTIFY = "NotifyCompletion"
NIGHT_US = 86_400_000_000  # from one run to the next


@dataclass(frozen=True)
class Nightly:
    """One opened shop. ``clock`` gives µs; ``report`` shows progress;
    ``import_from`` imports what the facts name and tells the counts of rows by table; ``send``
    tells people."""

    shop: Shop
    clock: Callable[[], int]
    report: training.Progress
    import_from: Import
    send: Callable[[Message], None]

    def import_new(self, facts: Facts) -> Facts:
        """Rows that were imported before are dropped as repeats."""
        return {"imported": self.import_from(self.shop, facts, self.clock())}

    def settle(self, _: Facts) -> Facts:
        """Also purges what will be due before the next night, and completes the receipts of
        erasures that were asked for where there is no lake: there may be no keeper to do it."""
        shop, at = self.shop, self.clock()
        shop.refresh()
        settle(shop, at, purge_now=purge_due(shop, at + NIGHT_US))
        complete_receipts(shop)
        manifest = self.shop.lake.manifest()
        return {"lake_version": manifest.version, "log_offset": manifest.log_offset}

    def check(self, facts: Facts) -> Facts:
        """There is something to learn from; a version's name is taken for it, unless one learnt
        the same already.

        Raises InvalidInput (nothing_to_train_on)."""
        manifest = self.shop.lake.at(int(facts["lake_version"])).manifest()
        events = sum(part.rows for part in manifest.events)
        if not events:
            raise InvalidInput("nothing_to_train_on", field="events", value=0)
        if same := learnt_already(self.shop, manifest.version):
            told = f"nothing new since {same}"
            return {"events": events, "version": same, "due": False, "standing": told}
        version = solution_versions.reserve(self.shop.documents, self.clock())
        return {"events": events, "version": version.name, "due": True, "standing": ""}

    def features(self, _: Facts) -> Facts:
        """The tables of the lake, made anew where something changed."""
        at = self.clock()
        done = make_tables(self.shop, Request(at, at), self.report)
        return {"tables": {"version": done.version, "made": len(done.tables)}}

    def train(self, facts: Facts) -> Facts:
        training.train_reserved(
            self.shop,
            str(facts["version"]),
            int(facts["lake_version"]),
            progress=self.report,
            budget_s=float(facts["budget_s"]),
        )
        return {}

    def evaluate(self, facts: Facts) -> Facts:
        version = training.judge_trained(self.shop, str(facts["version"]), progress=self.report)
        outcome = version.gate.outcome if version.gate else ""
        drift = version.info.get("drift")
        told = version.metrics if drift is None else {**version.metrics, "drift": drift}
        return {"metrics": told, "verdict": outcome}

    def gate(self, facts: Facts) -> Facts:
        """Whether the version may serve, and whether anything serves after that."""
        serves = campaign(self.shop.documents).version
        if not facts["due"]:
            told = str(facts["standing"])
            return {"promoted": False, "gate": told, "serves": serves, "serving": bool(serves)}
        version = find_version(self.shop.documents, str(facts["version"]))
        promoted, told = may_serve(version), version.gate.reason if version.gate else ""
        serving = promoted or bool(serves)
        return {"promoted": promoted, "gate": told, "serves": serves, "serving": serving}

    def register(self, facts: Facts) -> Facts:
        """In the registry the version is whole: it can be served, now or later."""
        return {"registered": training.register(self.shop, str(facts["version"])).name}

    def deploy(self, facts: Facts) -> Facts:
        promote(self.shop, str(facts["version"]), self.clock())
        training.drop_old_versions(self.shop)
        return {"serves": campaign(self.shop.documents).version}

    def store(self, facts: Facts) -> Facts:
        """Every user's answers, for who asks for stored ones: nothing of them lies in between."""
        at = self.clock()
        reload(self.shop)  # what this run has deployed
        rows = batch.answers(self.shop, None, int(facts["k"]), at)
        return {"stored": batch.store(self.shop, rows, at)}

    def share(self, _: Facts) -> Facts:
        """The tables that others read by key, where there are any."""
        if not self.shop.settings.documents:
            return {"shared": {}}
        reload(self.shop)
        return {"shared": share(self.shop, self.clock())}

    def notify(self, facts: Facts) -> Facts:
        self.send(notice_of(NIGHTLY, facts))
        return {}


def learnt_already(shop: Shop, lake_version: int) -> str:
    """The newest version that learnt from the lake as it is, with this seed and this Endcap, and
    that served or was refused; "": none did."""
    standing = campaign(shop.documents)
    served = {standing.version, *standing.history}
    made = {"lake_version": lake_version, "seed": shop.settings.seed, "endcap": __version__}
    for version in reversed(solution_versions.versions(shop.documents)):
        decided = version.name in served or (version.gate is not None and version.gate.refused)
        if decided and version.status == "active" and made.items() <= version.lineage.items():
            return version.name
    return ""


NIGHTLY = Pipeline(
    "nightly",
    "Import new files, train, serve what passes the gate, and store every user's answers.",
    {"source": "", "interactions": "", "k": 20, "budget_s": training.SEARCH_S},
    tuple(
        step if step.function else Step(**{**vars(step), "function": FUNCTION_NAME})
        for step in (
            Step(
                "import", Nightly.import_new, ("source", "interactions"), ("imported",), Retry(3)
            ),
            Step("settle", Nightly.settle, (), ("lake_version", "log_offset"), Retry(3)),
            Step(
                "check", Nightly.check, ("lake_version",),
                ("events", "version", "due", "standing"), Retry(3),
            ),
            Step(
                "features", Nightly.features, (), ("tables",), Retry(2), home=GLUE,
                timeout_s=7200, when="due", why="standing",
            ),
            Step(
                "train", Nightly.train, ("version", "lake_version", "budget_s"), (), Retry(2),
                home=SAGEMAKER, timeout_s=14_400, when="due", why="standing",
            ),
            Step(
                "evaluate", Nightly.evaluate, ("version",), ("metrics", "verdict"), Retry(2),
                when="due", why="standing",
            ),
            Step(
                "gate", Nightly.gate, ("version", "due", "standing"),
                ("promoted", "gate", "serves", "serving"), Retry(3),
            ),
            Step(
                "register", Nightly.register, ("version",), ("registered",), Retry(3),
                when="due", why="standing",
            ),
            Step(
                "deploy", Nightly.deploy, ("version",), ("serves",), Retry(3),
                when="promoted", why="gate",
            ),
            Step("store", Nightly.store, ("k",), ("stored",), Retry(3), when="serving", why="gate"),
            Step("share", Nightly.share, (), ("shared",), Retry(3), when="serving", why="gate"),
            Step(
                "notify", Nightly.notify, (WHOLE,), (), Retry(3), function=NOTIFY, timeout_s=60,
                always=True,
            ),
        )
    ),
    schedule="15 3 * * *",
    on_file="interactions",
)  # fmt: skip
