"""Campaigns: a solution version that answers."""

from __future__ import annotations

from typing import Any, ClassVar

from endcap.control.registry.arns import CAMPAIGN
from endcap.control.registry.resource import Resource


class Campaign(Resource, frozen=True, kw_only=True, omit_defaults=True):
    """``min_tps`` and ``config`` as they came: None where nothing did."""

    KIND: ClassVar[str] = CAMPAIGN

    version_arn: str  # with /$LATEST taken as the newest active one at that time
    min_tps: int | None = None
    config: dict[str, Any] | None = None
    latest_update: dict[str, Any] = {}
