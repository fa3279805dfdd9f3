"""``StoreToDynamoDB``: one user's recommendations as an item of ``storeRecommendations``:
``{"user_id": …, "recommendations": […]}`` with scores, model version and time beside them.

Handler: ``endcap.entrypoints.lambdas.store_to_dynamodb.handler``. The same event again changes
nothing; one that comes late does not replace what was fetched after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.entrypoints.lambdas.observed import observed
from endcap.entrypoints.lambdas.surroundings import STORED_TABLE, now_us, rows, tell


@observed
def handler(event: Mapping[str, Any], _: Any) -> dict[str, Any]:
    from endcap.app.user_answers import store

    def put(_: str, item: Mapping[str, Any]) -> bool:
        return rows(STORED_TABLE).put_unless_newer(item, "stored_at")

    done = store(event, put, now_us())
    tell("stored", {str(done["outcome"]): 1})
    return done
