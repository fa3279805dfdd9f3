"""``RecordPreference``: ``POST /recommend`` behind an API gateway, with the right to put an item
into ``CustomerInterest`` and no other.

Handler: ``endcap.entrypoints.lambdas.record_preference.handler``. It reads nothing: keys are the
gateway's to ask for, and offers are answered by the function ``api``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.one_route import behind_gateway, gateway_of
from endcap.entrypoints.lambdas.surroundings import settings, telemetry

if TYPE_CHECKING:
    from endcap.entrypoints.lambdas.gateway import Gateway


@observed
def handler(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
    return opened()(event)


@cache
def opened() -> Gateway:
    """Raises InvalidInput (not_behind_gateway, bad_setting)."""
    from endcap.adapters.dynamodb import DynamoDocuments
    from endcap.adapters.dynamodb_calls import DynamoCalls
    from endcap.adapters.dynamodb_tables import read_names
    from endcap.bootstrap.bare import bare_shop, no_intake
    from endcap.serving.preferences import record

    given = behind_gateway(settings())
    names = read_names(given.documents, given.group, given.tables)
    documents = DynamoDocuments(DynamoCalls(telemetry().count), names)
    shop = bare_shop(given, telemetry(), documents)
    return gateway_of(shop, no_intake(), "recommend", record)
