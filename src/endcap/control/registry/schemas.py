"""Schemas: the columns of a dataset, in Avro's JSON."""

from __future__ import annotations

from typing import ClassVar

from endcap.control.registry.arns import SCHEMA
from endcap.control.registry.resource import Resource


class Schema(Resource, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = SCHEMA

    schema: str  # the text, as it came
    domain: str = ""
