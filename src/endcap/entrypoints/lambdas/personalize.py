"""The Personalize API in a function: no registrar runs beside it, and its disk is its own.

What needs no job is done in the call that asks for it. What needs one is begun as an execution of
the state machine ``control`` of ENDCAP_JOBS; whoever asks for work, or describes what is under way,
makes a round over all of it. Importing this loads nothing heavy.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from endcap.domain.errors import Conflict, EndcapError, InvalidInput
from endcap.entrypoints.lambdas.surroundings import now_us

if TYPE_CHECKING:
    from endcap.app.following import Follower
    from endcap.app.shop import Shop
    from endcap.app.shops import Opened, Shops
    from endcap.control.registry.control import Control, Operation
    from endcap.control.registry.store import Registry
    from endcap.ports import Jobs
    from endcap.serving.personalize.desk import Desk
    from endcap.settings import Settings

log = logging.getLogger("endcap.serving")

# What a job does: refused where nothing begins one.
NEED_JOBS = frozenset({
    "CreateBatchInferenceJob", "CreateBatchSegmentJob", "CreateDatasetImportJob",
    "CreateRecommender", "CreateSolutionVersion", "DeleteDataset", "DeleteDatasetGroup",
    "DeleteRecommender", "DeleteSolution",
})  # fmt: skip
DESCRIBE = "Describe"
THREADS = 4
TURN, ROUND = "turn", "round"  # kind and key of the document that one round at a time holds
HELD_US = 30_000_000  # whoever holds it for longer has ended: a call takes 29 s at most


class Groups:
    """The groups that an instance answers for: ``own``, and those that the API made. ``follower``:
    of ``own``."""

    def __init__(self, own: Opened, follower: Follower) -> None:
        self._own, self._follower = own, follower
        self._followers: dict[str, Follower] = {}
        self._shops: Shops | None = None

    def look(self) -> None:
        """Take up what is published, for all that are open. Raises nothing."""
        self._follower.look()
        for opened in self._shops.held() if self._shops is not None else ():
            self._followers[opened.shop.group].look()

    def desk(self) -> Desk:
        """Raises as ``open_control`` and ``control_jobs_of``."""
        from concurrent.futures import ThreadPoolExecutor

        from endcap.app.shops import Shops
        from endcap.bootstrap.control import open_control, shops_in
        from endcap.bootstrap.jobs import CONTROL, control_jobs_of, machines_of
        from endcap.control.registry.operations import OPERATIONS
        from endcap.serving.personalize.desk import Desk

        settings = self._own.shop.settings
        beside = shops_in(settings) if not settings.documents else list
        control = open_control(settings, lambda: sorted({settings.group, *beside()}))
        jobs = control_jobs_of(settings) if CONTROL in machines_of(settings) else None
        rounds = Rounds(control.registry, jobs, settings.jobs_at_once)
        self._shops = Shops(
            control.registry, self._open, standing_in(settings, control.registry),
            settings.open_shops, self._own,
        )  # fmt: skip
        return Desk(
            replace(control, wake=rounds),
            self._shops,
            now_us,
            ThreadPoolExecutor(THREADS, "control"),
            wait_s=0.0,
            operations=operations_in(OPERATIONS, rounds, jobs is not None),
        )

    def _open(self, name: str) -> Shop:
        """Its changes all go into its log: the stream is that of the function's own group."""
        from endcap.app.following import Follower
        from endcap.app.warmth import warm
        from endcap.bootstrap.functions import open_function_shop

        own = self._own.shop
        settings = msgspec.structs.replace(own.settings, stream="folder")
        shop, _, names = open_function_shop(settings, own.telemetry, name)
        warm(shop.now, now_us())
        follower = Follower(shop, names, time.time, lambda live: warm(live, now_us()))
        self._followers[name] = follower
        return shop


class Rounds:
    """In place of a registrar: see what has ended, and begin what can begin. ``jobs``: None where
    nothing begins one. Raises nothing: the next round goes on."""

    def __init__(self, registry: Registry, jobs: Jobs | None, most: int) -> None:
        from endcap.entrypoints.rota import Rota

        self._registry = registry
        self._rota = Rota(registry, jobs, most) if jobs is not None else None

    def __call__(self) -> None:
        try:
            if self._rota is None:
                self._without_jobs(now_us())
            else:
                self._in_turn(now_us())
        except EndcapError as error:
            log.error("round failed", extra={"facts": {"code": error.code}})
        except Exception:
            log.exception("round failed")

    def _without_jobs(self, at: int) -> None:
        from endcap.app.control_work import at_once

        for work in self._registry.works():
            at_once(self._registry, work, at)

    def _in_turn(self, at: int) -> None:
        """Two instances at once would begin the same work twice: the other one's round counts."""
        documents = self._registry.documents
        held = documents.get(TURN, ROUND)
        if held is not None and at < held.body["until"]:
            return
        version = held.version if held is not None else 0
        try:
            version = documents.put(TURN, ROUND, {"until": at + HELD_US}, expected=version)
        except Conflict:
            return
        try:
            assert self._rota is not None  # noqa: S101 - see above
            self._rota.round(at)
        finally:
            documents.put(TURN, ROUND, {"until": 0}, expected=version)


def operations_in(
    operations: Mapping[str, Operation], rounds: Callable[[], None], has_jobs: bool
) -> dict[str, Operation]:
    """As a function does them: a describe call moves on what it finds under way."""
    found = dict(operations)
    for name, operation in operations.items():
        if name in NEED_JOBS and not has_jobs:
            found[name] = partial(_refuse, name)
        elif name.startswith(DESCRIBE):
            found[name] = partial(_moved_on, operation, rounds)
    return found


def _refuse(name: str, _control: Control, _given: Mapping[str, Any], _at: int) -> dict[str, Any]:
    raise InvalidInput("no_control_machine", field="ENDCAP_JOBS", value=name)


def _moved_on(
    operation: Operation,
    rounds: Callable[[], None],
    control: Control,
    given: Mapping[str, Any],
    at: int,
) -> dict[str, Any]:
    from endcap.serving.personalize.desk import is_under_way

    answer = operation(control, given, at)
    if not is_under_way(answer):
        return answer
    rounds()
    return operation(control, given, at)


def standing_in(settings: Settings, registry: Registry) -> Callable[[str], Hashable]:
    """As ``shops.Standing``: where documents are shared, the registry says which groups stand."""
    from endcap.bootstrap.shops import standing_of
    from endcap.control.registry.groups import Group

    def standing(name: str) -> Hashable:
        if name == settings.group:
            return name
        if not settings.documents:
            return standing_of(settings.home, name)
        after = ""
        while page := registry.documents.query(Group.KIND, after=after, limit=500):
            for document in page:
                if document.body["shop"] == name:
                    return int(document.body["created_at"])
            after = page[-1].key
        return None

    return standing
