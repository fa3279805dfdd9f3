"""Which campaign of Amazon Personalize answers, as ENDCAP_CAMPAIGN says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from endcap.adapters.remote_files import need_aws
from endcap.settings import SHADOW, Settings

if TYPE_CHECKING:
    from endcap.app.campaign_answers import Campaign


def campaign_of(settings: Settings, patient: bool = False) -> Campaign | None:
    """None: the engine alone. ``patient``: see ``Campaign``. Nothing is asked yet. Raises
    InvalidInput (aws_extra_missing)."""
    if not settings.campaign:
        return None
    need_aws("ENDCAP_CAMPAIGN")
    from endcap.adapters import personalize
    from endcap.app.campaign_answers import Campaign

    arn = settings.campaign.removeprefix(SHADOW)
    in_shadow = settings.campaign.startswith(SHADOW)
    name = arn.rpartition("/")[2]
    return Campaign(name, personalize.Campaign(arn).recommend, in_shadow, patient)
