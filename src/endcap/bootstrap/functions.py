"""From settings to a shop as a function of AWS Lambda opens it: without the lake, and without the
packages that a lake needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from endcap.adapters.rates import RateTable
from endcap.app.function_intake import FunctionIntake
from endcap.app.intake import Intake
from endcap.app.published import published
from endcap.app.reloading import load
from endcap.app.shop import Shop
from endcap.bootstrap import count_failures, erasers_of, stores_of, tokens_of
from endcap.bootstrap.campaigns import campaign_of
from endcap.bootstrap.documents import events_of
from endcap.bootstrap.places import lease, make, pepper_of
from endcap.bootstrap.rankers import ranker_of
from endcap.bootstrap.vectors import vectors_of
from endcap.control.dataset_groups import folder
from endcap.domain.errors import InvalidInput, Unavailable
from endcap.engine.limits import limits_of
from endcap.ports import Documents, EventHistory, Jobs, Stream
from endcap.settings import Settings
from endcap.telemetry import Telemetry

if TYPE_CHECKING:
    from endcap.app.stream_parts import PartFiles
    from endcap.data.etl.storage import NearStorage
    from endcap.data.lake import Lake

# Nothing but the network is waited for, and a call has some 30 s in all.
CONNECT_S, READ_S, ATTEMPTS = 1.0, 3.0, 4


class FunctionShop(NamedTuple):
    """``intake`` takes changes in: events into their table and the stream, all else into the log;
    without a stream everything goes into the log. ``names``: see ``published``."""

    shop: Shop
    intake: FunctionIntake | Intake
    names: tuple[str, str]


class Elsewhere:
    """In place of what a function does not have. ``pepper`` is all of a lake that it needs."""

    def __init__(self, name: str, pepper: str = "") -> None:
        self._name, self.pepper = name, pepper

    def __getattr__(self, member: str) -> Any:
        raise Unavailable("lake_elsewhere", field=f"{self._name}.{member}")


def open_function_shop(
    settings: Settings, telemetry: Telemetry, group: str | None = None
) -> FunctionShop:
    """Raises InvalidInput (function_open, token_…, aws_…), and what the stores raise."""
    if settings.auth == "open":
        raise InvalidInput("function_open", field="ENDCAP_AUTH", value=settings.auth)
    name = group or settings.group
    root = make(folder(settings.home, name))
    stores = stores_of(settings, name, telemetry.count)
    log, documents, artifacts = stores.log(), stores.documents(), stores.artifacts()
    limits, names = limits_of(settings), published(documents)
    loaded = load(log, documents, artifacts, limits)
    count_failures(telemetry, loaded)
    kept = event_places(settings, name, documents, telemetry)
    shop = Shop(
        settings=settings,
        group=name,
        log=log,
        documents=documents,
        artifacts=artifacts,
        lake=cast("Lake", Elsewhere("lake", pepper_in(settings, root, documents))),
        tables=cast("NearStorage", Elsewhere("tables")),
        stream_files=cast("PartFiles", Elsewhere("stream_files")),
        jobs=cast(Jobs, Elsewhere("jobs")),
        dead=stores.dead(),
        telemetry=telemetry,
        limits=limits,
        now=loaded.live,
        lacking=loaded.lacking,
        maintenance=lambda: lease(root / "maintenance.lock"),
        rates=RateTable(root / "rates"),
        tokens=None if settings.auth == "gateway" else tokens_of(settings),
        renew=lambda: load(log, documents, artifacts, limits).live,
        vectors=partial(vectors_of, settings, name),
        erasers=erasers_of(settings, name, documents),
        history=kept[0] if kept else None,
        ranker=ranker_of(settings, telemetry.count),
        campaign=campaign_of(settings, patient=True),
    )
    return FunctionShop(shop, FunctionIntake(shop, *kept) if kept else Intake(shop), names)


def event_places(
    settings: Settings, group: str, documents: Documents, telemetry: Telemetry
) -> tuple[EventHistory, Stream] | None:
    """The table of events and the stream; None where one of them is not there."""
    history = events_of(settings, group, telemetry.count)
    if history is None or settings.stream == "folder":
        return None
    from endcap.adapters import kinesis

    client = kinesis.client(CONNECT_S, READ_S, ATTEMPTS)
    name = settings.stream.removeprefix("kinesis://")
    return history, kinesis.KinesisStream(name, client, documents)


def pepper_in(settings: Settings, root: Path, documents: Documents) -> str:
    """Shared with whoever has the lake, where the documents are."""
    return pepper_of(root, documents if settings.documents else None)
