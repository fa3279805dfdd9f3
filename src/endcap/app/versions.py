"""Moving the campaign: promote and roll back, announced through the log."""

from __future__ import annotations

from endcap.app.intake import write
from endcap.app.reloading import MODELS, TALLIES
from endcap.app.shop import CAMPAIGN, Shop
from endcap.control import campaigns
from endcap.control.campaigns import Campaign
from endcap.control.solution_versions import version as find_version
from endcap.domain.errors import InvalidInput
from endcap.domain.records import Pointed


def promote(shop: Shop, version: str, at: int) -> Campaign:
    """Serve ``version`` from the next request on, in every worker.

    Raises NotFound (unknown_version), InvalidInput (version_of_counts), Damaged (its files are not
    sound; nothing changes).
    """
    find_version(shop.documents, version)
    if (shop.artifacts.open(MODELS, version) / TALLIES).is_dir():
        raise InvalidInput("version_of_counts", field="version", value=version)
    return _announce(shop, campaigns.promote(shop.documents, version, at), at)


def rollback(shop: Shop, at: int) -> Campaign:
    """Serve the version before. Raises InvalidInput (nothing_to_roll_back), Damaged."""
    current = campaigns.campaign(shop.documents)
    if current.history:
        shop.artifacts.open(MODELS, current.history[0])
    return _announce(shop, campaigns.rollback(shop.documents, at), at)


def _announce(shop: Shop, campaign: Campaign, at: int) -> Campaign:
    write(shop, Pointed(at=at, name=CAMPAIGN, value=campaign.version))
    return campaign
