"""What the functions share: the clock, the environment, what is opened once, what they tell.

Importing this loads neither boto3 nor numpy.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING

from endcap.domain.errors import InvalidInput
from endcap.entrypoints.lambdas.observed import telemetry, tell

if TYPE_CHECKING:
    from endcap.adapters.dynamodb_rows import Rows
    from endcap.app.published import Published
    from endcap.settings import Settings

__all__ = ["fell_back", "now_us", "published", "rows", "settings", "telemetry", "tell", "variable"]

USERS_TABLE, STORED_TABLE = "EcommerceUsers", "storeRecommendations"


def now_us() -> int:
    return time.time_ns() // 1000


def variable(name: str) -> str:
    """Raises InvalidInput (function_variable_missing)."""
    value = os.environ.get(name)
    if not value:
        raise InvalidInput("function_variable_missing", field=name)
    return value


@cache
def settings() -> Settings:
    from endcap.adapters.parameters import resolved
    from endcap.settings import load_settings

    return load_settings(resolved(os.environ))


@cache
def published() -> Published:
    """What the shop that the ENDCAP_… variables name has published."""
    from endcap.bootstrap import open_published, prepare_kernels

    prepare_kernels(settings())
    return open_published(settings(), count=telemetry().count)


@cache
def rows(table: str) -> Rows:
    """A table by its name in the design; ENDCAP_DOCUMENTS and ENDCAP_TABLES say how it is called
    in this account."""
    from endcap.adapters.dynamodb_calls import DynamoCalls
    from endcap.adapters.dynamodb_rows import Rows
    from endcap.adapters.dynamodb_tables import TABLES, read_names

    names = read_names(settings().documents, settings().group, settings().tables)
    return Rows(TABLES[table], names.of(table), DynamoCalls(telemetry().count))


def fell_back(stage: str, reason: str, _: Exception) -> None:
    """An answer that had to do without a stage is counted; the error's text is nobody's."""
    telemetry().count("fallbacks_total", stage=stage, reason=reason)
