"""Dataset groups: a shop each, with all that belongs to it."""

from __future__ import annotations

from typing import ClassVar

from endcap.control.registry.arns import GROUP
from endcap.control.registry.resource import Resource


class Group(Resource, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = GROUP

    shop: str  # by which ``bootstrap.open_shop`` knows it
    domain: str = ""  # "", ECOMMERCE, VIDEO_ON_DEMAND
    role_arn: str = ""
    kms_key_arn: str = ""
