"""Work that is done once though it is asked for again, by the idempotency of Powertools for AWS
Lambda: a row in the table of documents says that it is being done, then what came of it. Needs the
extra ``endcap[aws]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)

from endcap.adapters.dynamodb_calls import ATTEMPTS, RETRY_AFTER_S, dynamodb_client
from endcap.adapters.dynamodb_tables import DOCUMENTS, TABLES, Names
from endcap.domain.errors import Unavailable

KEPT_S = 30 * 86_400  # for how long a repeat is known: longer than anybody tries again
Given = dict[str, Any]


def once(
    names: Names, kind: str, key: Mapping[str, str], act: Callable[[], Given], context: Any
) -> Given:
    """What ``act`` gives (JSON); for a ``key`` that was done before, what it gave then. Where
    ``act`` fails, nothing is kept, and the next one tries again.

    ``context``: of the call, which says until when it can be under way. Raises what ``act`` raises,
    and Unavailable (still_being_done, dynamodb_unavailable).
    """
    table = TABLES[DOCUMENTS]
    rows = DynamoDBPersistenceLayer(
        table_name=names.of(DOCUMENTS),
        key_attr=table.partition,
        sort_key_attr=table.sort,
        static_pk_value=f"{names.group}/{kind}",
        expiry_attr=table.expires,
        boto3_client=dynamodb_client(ATTEMPTS),
    )
    config = IdempotencyConfig(
        expires_after_seconds=KEPT_S, hash_function="sha256", lambda_context=context
    )

    @idempotent_function(  # type: ignore[untyped-decorator]
        data_keyword_argument="key", persistence_store=rows, config=config, key_prefix=kind
    )
    def done(key: Mapping[str, str]) -> Given:  # noqa: ARG001 - Powertools reads it
        return act()

    try:
        given: Given = done(key=dict(key))
    except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError):
        raise Unavailable("still_being_done", field=kind, retry_after_s=RETRY_AFTER_S) from None
    except IdempotencyPersistenceLayerError as error:
        reason = type(error.__cause__ or error).__name__
        raise Unavailable(
            "dynamodb_unavailable", field=rows.table_name, reason=reason,
            retry_after_s=RETRY_AFTER_S,
        ) from error  # fmt: skip
    return given
