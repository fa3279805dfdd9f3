"""The ranker at a real-time endpoint of Amazon SageMaker. Needs the extra ``endcap[aws]``.

The endpoint runs ``endcap.entrypoints.sagemaker serve`` over a version's folder. It names the
fingerprint of its trees with each answer, so that nobody ranks by another model than the shop's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)

from endcap.adapters.aws_clients import DENIED, client, code_of
from endcap.adapters.breaker import Breaker, Count, uncounted
from endcap.domain import npy
from endcap.domain.arrays import Float32s
from endcap.domain.errors import (
    Conflict,
    EndcapError,
    Forbidden,
    InvalidInput,
    NotFound,
    Unavailable,
)

CONTENT = "application/x-npy"
CALLS_AT_ONCE, MOST_CONNECT_S, LONGEST_PAUSE_S = 32, 1.0, 0.02
THROTTLED = ("ThrottlingException", "Throttling", "ModelNotReadyException")
LATE = (ReadTimeoutError, ConnectTimeoutError)
_DEPENDENCY = "sagemaker"


class SagemakerEndpoint:
    """Safe for threads. ``limit_s``: how long one attempt may take; ``clock`` gives seconds.

    A call that fails at once is tried once more while half of ``limit_s`` is left. An endpoint
    that fails again and again is left alone for a while.
    """

    def __init__(
        self,
        name: str,
        limit_s: float,
        count: Count = uncounted,
        runtime: Any = None,
        clock: Callable[[], float] = time.monotonic,
        breaker: Breaker | None = None,
    ) -> None:
        self._name, self._limit_s, self._count = name, limit_s, count
        self._runtime, self._clock = runtime, clock
        self._breaker = breaker or Breaker(_DEPENDENCY, count=count)

    def margins(self, rows: Float32s, fingerprint: str) -> Float32s:
        """(n,) log-odds of ``rows`` (n, columns of the ranker), by the trees of ``fingerprint``.

        Raises Unavailable (endpoint_unavailable, endpoint_late, endpoint_throttled,
        dependency_open), NotFound (unknown_endpoint), Forbidden (endpoint_denied), Conflict
        (endpoint_differs), InvalidInput (endpoint_refused, aws_not_configured).
        """
        self._breaker.enter()
        try:
            answer = self._answer(npy.encode(rows))
            found = self._read(answer, fingerprint, len(rows))
        except BaseException:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return found

    def _answer(self, body: bytes) -> dict[str, Any]:
        began = self._clock()
        try:
            return self._asked(body)
        except Unavailable as error:
            tired = error.code == "endpoint_late" or self._clock() - began > self._limit_s / 2
            if tired:
                raise
            reason = str(error.facts["reason"])
        self._count("dependency_retries_total", dependency=_DEPENDENCY, reason=reason)
        time.sleep(random.uniform(0, LONGEST_PAUSE_S))  # noqa: S311
        return self._asked(body)

    def _asked(self, body: bytes) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._client().invoke_endpoint(
                EndpointName=self._name, ContentType=CONTENT, Accept=CONTENT, Body=body
            )
            answer["Body"] = answer["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise self._failure(error) from error
        return answer

    def _client(self) -> Any:
        connect_s = min(MOST_CONNECT_S, self._limit_s)
        return self._runtime or client(
            "sagemaker-runtime", connect_s, self._limit_s, 1, CALLS_AT_ONCE
        )

    def _failure(self, error: ClientError | BotoCoreError) -> EndcapError:
        code = code_of(error)
        told: dict[str, Any] = {"field": self._name, "reason": code}
        if isinstance(error, NoCredentialsError | NoRegionError):
            return InvalidInput("aws_not_configured", field="sagemaker-runtime", reason=code)
        if isinstance(error, LATE):
            return Unavailable("endpoint_late", **told)
        if code in THROTTLED:
            return Unavailable("endpoint_throttled", **told)
        if code in DENIED:
            return Forbidden("endpoint_denied", **told)
        if isinstance(error, ClientError):
            return self._refusal(error, code)
        return Unavailable("endpoint_unavailable", **told)

    def _refusal(self, error: ClientError, code: str) -> EndcapError:
        """SageMaker tells that there is no such endpoint as a ValidationError, and what the
        container answers as a ModelError with the container's status."""
        said = str(error.response.get("Error", {}).get("Message", ""))
        if code in ("ValidationError", "ValidationException") and "not found" in said:
            return NotFound("unknown_endpoint", field="ENDCAP_RANKER", value=self._name)
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        if code == "ModelError":
            status = int(error.response.get("OriginalStatusCode") or 500)
            code = f"{code} {status}"
        if 400 <= status < 500:
            return InvalidInput("endpoint_refused", field=self._name, reason=code)
        return Unavailable("endpoint_unavailable", field=self._name, reason=code)

    def _read(self, answer: dict[str, Any], fingerprint: str, n: int) -> Float32s:
        told = dict(
            part.strip().partition("=")[::2]
            for part in str(answer.get("CustomAttributes", "")).split(";")
        )
        if told.get("trees") != fingerprint:
            version = told.get("version", "an unknown version")
            raise Conflict("endpoint_differs", field=self._name, value=version)
        try:
            table = npy.decode(answer["Body"])  # (n, 2): probability, margin
        except ValueError as error:
            raise self._unreadable(str(error)) from error
        if table.shape != (n, 2) or not np.isfinite(table).all():
            raise self._unreadable(f"{table.shape} numbers for {n} rows, or some that are none")
        return np.ascontiguousarray(table[:, 1])

    def _unreadable(self, reason: str) -> Unavailable:
        return Unavailable("endpoint_unavailable", field=self._name, reason=reason)
