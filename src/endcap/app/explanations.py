"""Answers with reasons, and reasons why an item is not in an answer."""

from __future__ import annotations

from endcap.app.answers import answer, catch_up, note
from endcap.app.shop import Shop
from endcap.control import solution_versions
from endcap.domain.errors import EndcapError
from endcap.domain.explanations import DataVersion, Verdict
from endcap.domain.values import Answer, Query
from endcap.engine import explaining
from endcap.engine import why_not as engine
from endcap.engine.guarding import Deadline, reason_of


def explained(shop: Shop, query: Query, deadline: Deadline | None = None) -> Answer:
    """As ``answer``, with an explanation at every item."""
    found = answer(shop, query, deadline)
    data = data_version(shop, found.model_version)
    try:
        return explaining.explained(shop.now, query, found, data)
    except Exception as error:  # the answer itself stands
        note(shop, "explain", reason_of(error), error)
        return explaining.unexplained(found, data)


def why_not(shop: Shop, query: Query, item_id: str) -> Verdict:
    """Exactly one verdict for any item and any query of the personal surface."""
    catch_up(shop, query.user_id)
    return engine.why_not(shop.now, query, item_id)


def data_version(shop: Shop, version: str) -> DataVersion | None:
    """What the version was trained on; None without a version, or when nothing says so."""
    if not version:
        return None
    try:
        lineage = solution_versions.version(shop.documents, version).lineage
    except EndcapError:
        return None
    if "log_offset" not in lineage:
        return None
    return DataVersion(int(lineage["lake_version"]), int(lineage["log_offset"]))
