"""The pipelines of a shop, opened: what their steps work on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from endcap.adapters.file_pieces import pieces
from endcap.app.nightly import NIGHTLY, Import, Nightly
from endcap.app.shop import Shop
from endcap.app.training import Progress
from endcap.app.user_run import USERS_RUN, UserRun
from endcap.bootstrap.senders import sender_of
from endcap.pipeline.steps import Pipeline
from endcap.ports import Message, Sender

PIPELINES: dict[str, Pipeline] = {pipeline.name: pipeline for pipeline in (NIGHTLY, USERS_RUN)}


def open_nightly(
    shop: Shop, clock: Callable[[], int], report: Progress, import_from: Import
) -> Nightly:
    """``clock`` gives µs. Raises as ``sender_of``."""
    sender = sender_of(shop.settings, shop.group)
    return Nightly(shop, clock, report, import_from, partial(_send, sender))


def open_user_run(shop: Shop, clock: Callable[[], int]) -> UserRun:
    """``clock`` gives µs. Raises as ``sender_of``."""
    return UserRun(shop, clock, pieces, partial(_send, sender_of(shop.settings, shop.group)))


def _send(sender: Sender, message: Message) -> None:
    """The id that the receiver gave it is asked for by nobody."""
    sender.send(message)
