"""Filters: expressions by name, for one group."""

from __future__ import annotations

from typing import ClassVar

from endcap.control.registry.arns import FILTER
from endcap.control.registry.resource import Resource


class Filter(Resource, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = FILTER

    group_arn: str
    expression: str
