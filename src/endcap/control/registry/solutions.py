"""Solutions: a recipe with its settings for one group; what is trained are their versions."""

from __future__ import annotations

from typing import Any, ClassVar

from endcap.control.registry.arns import SOLUTION
from endcap.control.registry.resource import Resource


class Solution(Resource, frozen=True, kw_only=True, omit_defaults=True):
    KIND: ClassVar[str] = SOLUTION

    group_arn: str
    recipe_arn: str
    event_type: str = ""  # learn from events of this type alone; "": of all
    config: dict[str, Any] = {}  # ``solutionConfig`` as it came
    perform_hpo: bool = False
    perform_auto_ml: bool = False
    perform_auto_training: bool = False
    perform_incremental_update: bool = False
    latest_update: dict[str, Any] = {}
