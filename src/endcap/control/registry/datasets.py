"""Datasets: the interactions, items or users of a group. One of each type."""

from __future__ import annotations

from typing import ClassVar

from endcap.control.registry.arns import DATASET
from endcap.control.registry.resource import Resource

INTERACTIONS, ITEMS, USERS = "INTERACTIONS", "ITEMS", "USERS"
TYPES = (INTERACTIONS, ITEMS, USERS)


class Dataset(Resource, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = DATASET

    group_arn: str
    type: str  # one of TYPES
    schema_arn: str
    latest_update: dict[str, object] = {}  # of UpdateDataset
