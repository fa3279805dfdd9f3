"""Where the ranker is asked, as ENDCAP_RANKER says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from endcap.adapters.breaker import Count
from endcap.adapters.remote_files import need_aws
from endcap.settings import Settings

if TYPE_CHECKING:
    from endcap.app.shop import Endpoint

SAGEMAKER = "sagemaker://"


def ranker_of(settings: Settings, count: Count) -> Endpoint | None:
    """None: in this process alone. ``count``: where retries and the breaker are counted. Nothing
    is asked yet. Raises InvalidInput (aws_extra_missing)."""
    if not settings.ranker.startswith(SAGEMAKER):
        return None
    need_aws("ENDCAP_RANKER")
    from endcap.adapters.sagemaker import SagemakerEndpoint

    name = settings.ranker.removeprefix(SAGEMAKER)
    return SagemakerEndpoint(name, settings.ranker_ms / 1000, count).margins
