"""Solution versions: trained models. Each stands in its shop's own registry of models as well."""

from __future__ import annotations

from typing import Any, ClassVar

from endcap.control.registry.arns import VERSION
from endcap.control.registry.resource import Resource

FULL, UPDATE = "FULL", "UPDATE"


class Version(Resource, frozen=True, kw_only=True, omit_defaults=True):
    """``name``: what the client called it, "" for none. ``key``: ``<solution>/<8 hex digits>``."""

    KIND: ClassVar[str] = VERSION

    solution_arn: str
    group_arn: str
    recipe_arn: str
    event_type: str = ""
    config: dict[str, Any] = {}
    perform_hpo: bool = False
    training_mode: str = FULL
    training_hours: float = 0.0
    model: str = ""  # v0001 …, in the shop's registry; "" until it is trained
    metrics: dict[str, float] = {}  # by Personalize's names
    tuned: dict[str, str] = {}  # what the search for settings chose
    warnings: tuple[str, ...] = ()  # such as fewer interactions than are wise
