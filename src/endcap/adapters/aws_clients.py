"""Clients of AWS services as the AWS_… variables say, with time-outs and repeats by the SDK."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from endcap.domain.errors import InvalidInput

DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "ExpiredToken",
          "ExpiredTokenException", "InvalidClientTokenId", "InvalidSignatureException",
          "NotAuthorized", "UnrecognizedClientException")  # fmt: skip


@cache
def client(
    service: str,
    connect_timeout_s: float = 3.0,
    read_timeout_s: float = 15.0,
    attempts: int = 5,
    connections: int = 10,
) -> Any:
    """One for each service and way of waiting; safe for threads. ``attempts`` with growing, random
    pauses; ``connections`` that are kept open. Raises InvalidInput (aws_not_configured)."""
    config = Config(
        connect_timeout=connect_timeout_s,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=connections,
    )
    try:
        return boto3.session.Session().client(service, config=config)
    except (BotoCoreError, ValueError) as error:
        raise InvalidInput("aws_not_configured", field=service, reason=str(error)) from error


def code_of(error: ClientError | BotoCoreError) -> str:
    """What AWS calls the error; without an answer of AWS, the kind of failure."""
    if isinstance(error, ClientError):
        told: Mapping[str, Any] = error.response.get("Error", {})
        return str(told.get("Code", ""))
    return type(error).__name__
