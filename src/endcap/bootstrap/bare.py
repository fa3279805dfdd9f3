"""A shop of which nothing was opened: for functions that answer without one, or that could not
open theirs."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, cast

from endcap.app.shop import Shop
from endcap.bootstrap.functions import Elsewhere
from endcap.bootstrap.vectors import vectors_of
from endcap.engine.limits import limits_of
from endcap.engine.moment import live
from endcap.engine.serving import UNTRAINED
from endcap.engine.state import LiveState
from endcap.ports import Artifacts, DeadLetters, Documents, EventLog, Jobs
from endcap.serving.requests import Taker
from endcap.settings import Settings
from endcap.telemetry import Telemetry

if TYPE_CHECKING:
    from endcap.app.stream_parts import PartFiles
    from endcap.data.etl.storage import NearStorage
    from endcap.data.lake import Lake


def bare_shop(
    settings: Settings,
    telemetry: Telemetry,
    documents: Documents | None = None,
    lacking: str = "",
) -> Shop:
    """Whatever is asked of a store but ``documents`` raises Unavailable (lake_elsewhere).
    ``lacking``: see ``Shop``."""
    limits = limits_of(settings)
    now = live(LiveState(None, limits), UNTRAINED)
    return Shop(
        settings=settings,
        group=settings.group,
        log=cast(EventLog, Elsewhere("log")),
        documents=documents or cast(Documents, Elsewhere("documents")),
        artifacts=cast(Artifacts, Elsewhere("artifacts")),
        lake=cast("Lake", Elsewhere("lake")),
        tables=cast("NearStorage", Elsewhere("tables")),
        stream_files=cast("PartFiles", Elsewhere("stream_files")),
        jobs=cast(Jobs, Elsewhere("jobs")),
        dead=cast(DeadLetters, Elsewhere("dead")),
        telemetry=telemetry,
        limits=limits,
        now=now,
        maintenance=nullcontext,
        renew=lambda: now,
        vectors=partial(vectors_of, settings, settings.group),
        lacking=lacking,
    )


def no_intake() -> Taker:
    """Where nothing is taken in."""
    return cast(Taker, Elsewhere("intake"))
