"""Recommenders: a recipe of a domain, trained and answering in one."""

from __future__ import annotations

from typing import Any, ClassVar

from endcap.control.registry.arns import RECOMMENDER
from endcap.control.registry.resource import Resource


class Recommender(Resource, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = RECOMMENDER

    group_arn: str
    recipe_arn: str
    config: dict[str, Any] | None = None
    model: str = ""  # as of versions
    metrics: dict[str, float] = {}
    latest_update: dict[str, Any] = {}
