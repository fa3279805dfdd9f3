"""What the functions of the pipelines share: the clock, the environment, what is opened once.

Importing this loads neither boto3 nor numpy.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from endcap.domain.errors import InvalidInput

if TYPE_CHECKING:
    from endcap.adapters.dynamodb_rows import Rows
    from endcap.app.published import Published
    from endcap.settings import Settings

NAMESPACE = "Endcap"
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
    return open_published(settings())


@cache
def rows(table: str) -> Rows:
    """A table by its name in the design; ENDCAP_DOCUMENTS and ENDCAP_TABLES say how it is called
    in this account."""
    from endcap.adapters.dynamodb_rows import Rows
    from endcap.adapters.dynamodb_tables import TABLES, read_names

    names = read_names(settings().documents, settings().group, settings().tables)
    return Rows(TABLES[table], names.of(table))


def tell(message: str, counts: Mapping[str, float], **facts: Any) -> None:
    """One line of JSON in the log, of which CloudWatch makes metrics (embedded metric format):
    counts and words of ours, nothing of a user."""
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["function"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
    }
    line = {
        "_aws": {"Timestamp": now_us() // 1000, "CloudWatchMetrics": [directive]},
        "function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        "message": message,
        **counts,
        **facts,
    }
    sys.stdout.write(json.dumps(line) + "\n")
