"""Event trackers: by whose id a client says into which group its events go. One for a group."""

from __future__ import annotations

from typing import ClassVar

from endcap.control.registry.arns import TRACKER
from endcap.control.registry.resource import Resource


class Tracker(Resource, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = TRACKER

    group_arn: str
    tracking_id: str
