"""Calls of DynamoDB: time-outs, repeats with growing random pauses, a circuit breaker, and what
went wrong in our words. Needs the extra ``endcap[aws]``.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)

from endcap.adapters.breaker import Breaker, Count, uncounted
from endcap.domain.errors import EndcapError, Forbidden, InvalidInput, NotFound, Unavailable

CONNECT_TIMEOUT_S, READ_TIMEOUT_S, CALLS_AT_ONCE = 1.0, 3.0, 8
ATTEMPTS, FIRST_PAUSE_S, LONGEST_PAUSE_S = 6, 0.05, 2.0
RETRY_AFTER_S = 5
SILENCE = 3  # failures that a time-out counts as: whoever asks has waited for it, twice is enough
MOST_WRITTEN, MOST_READ = 25, 100  # items in one BatchWriteItem, BatchGetItem
CONDITION, CANCELLED = "ConditionalCheckFailedException", "TransactionCanceledException"
THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException", "Throttling",
             "RequestLimitExceeded", "LimitExceededException", "TransactionConflictException",
             "TransactionInProgressException", "TransactionConflict", "ThrottlingError",
             "ProvisionedThroughputExceeded")  # fmt: skip
_DENIED = ("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException",
           "ExpiredTokenException", "MissingAuthenticationTokenException",
           "IncompleteSignatureException")  # fmt: skip
_SERVER_ERROR = 500

Entry = TypeVar("Entry")
Made = TypeVar("Made")
Item = dict[str, Any]  # as DynamoDB types it: {"name": {"S": "text"}}


class Failed(NamedTuple):
    """Why one attempt failed. ``throttled``: it answered, that it has no room for more."""

    code: str
    throttled: bool


class ConditionFailed(Exception):
    """What stands is not what was expected. ``standing``: the item, where the answer told it;
    ``attempt``: from 2 on, an attempt before may have been carried out without an answer."""

    def __init__(self, standing: Item | None, attempt: int) -> None:
        super().__init__()
        self.standing, self.attempt = standing, attempt


def dynamodb_client(attempts: int = 1) -> Any:
    """A client as the AWS_… variables say. Raises InvalidInput (aws_not_configured)."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=2 * CALLS_AT_ONCE,
    )
    try:
        return boto3.session.Session().client("dynamodb", config=config)
    except (BotoCoreError, ValueError) as error:
        raise InvalidInput("aws_not_configured", field="dynamodb", reason=str(error)) from error


def made_with(act: Callable[[Any], Made]) -> Made:
    """What ``act`` makes of a client that repeats by itself; errors as ``DynamoCalls``."""
    try:
        return act(dynamodb_client(attempts=ATTEMPTS))
    except ClientError as error:
        raise _refused(str(error.response["Error"]["Code"]), "tables") from error
    except (NoCredentialsError, NoRegionError) as error:
        raise InvalidInput("aws_not_configured", field="dynamodb", reason=str(error)) from error
    except BotoCoreError as error:
        reason = type(error).__name__
        raise Unavailable(
            "dynamodb_unavailable", field="tables", reason=reason, retry_after_s=RETRY_AFTER_S
        ) from error


def pause_s(attempt: int) -> float:
    """Before the repeat ``attempt`` (from 1): anything up to a limit that doubles each time."""
    return random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt))  # noqa: S311


class DynamoCalls:
    """Safe for threads, and after a fork. The client is made at the first call.

    Every call raises NotFound (no_table), Forbidden (dynamodb_denied), InvalidInput
    (dynamodb_refused, aws_not_configured) and Unavailable (dynamodb_throttled,
    dynamodb_unavailable, dependency_open).
    """

    def __init__(
        self,
        count: Count = uncounted,
        pause: Callable[[float], None] = time.sleep,
        breaker: Breaker | None = None,
        make: Callable[[], Any] = dynamodb_client,
    ) -> None:
        self._count, self._pause, self._make = count, pause, make
        self._breaker = breaker or Breaker("dynamodb", count=count)
        self._made: tuple[int, Any] | None = None

    @property
    def client(self) -> Any:
        if self._made is None or self._made[0] != os.getpid():
            self._made = os.getpid(), self._make()
        return self._made[1]

    def ask(self, operation: str, table: str, **asked: Any) -> dict[str, Any]:
        """One answer, in as many attempts as it takes, up to ``ATTEMPTS``. ``operation``: as the
        client's method is called. Also raises ConditionFailed."""
        act = getattr(self.client, operation)
        named = {} if operation.startswith(("batch", "transact")) else {"TableName": table}
        failed = Failed("", False)
        for attempt in range(1, ATTEMPTS + 1):
            if attempt > 1:
                self.wait(attempt - 1, failed.code)
            self._breaker.enter()
            try:
                answer: dict[str, Any] = act(**named, **asked)
            except (BotoCoreError, ClientError) as error:
                failed = self._met(error, table, attempt)
                if self._breaker.closed:
                    continue
                break
            self._breaker.succeeded()
            return answer
        raise self._given_up(table, failed)

    def _met(self, error: Exception, table: str, attempt: int) -> Failed:
        """What is to be tried again; all else is raised."""
        if isinstance(error, ClientError):
            code = _code(error.response)
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if code in THROTTLED or status < _SERVER_ERROR:
                self._breaker.succeeded()
            else:
                self._breaker.failed()
            if code in THROTTLED or status >= _SERVER_ERROR:
                return Failed(code, code in THROTTLED)
            if code == CONDITION:
                raise ConditionFailed(error.response.get("Item"), attempt) from error
            raise _refused(code, table) from error
        silent = isinstance(error, ReadTimeoutError | ConnectTimeoutError)
        self._breaker.failed(SILENCE if silent else 1)
        if isinstance(error, NoCredentialsError | NoRegionError):
            raise InvalidInput("aws_not_configured", field="dynamodb", reason=str(error)) from error
        return Failed(type(error).__name__, False)

    def wait(self, attempt: int, reason: str) -> None:
        """Before the repeat ``attempt`` (from 1) of what failed; counts ``reason``."""
        self._count("dependency_retries_total", dependency="dynamodb", reason=reason)
        self._pause(pause_s(attempt))

    def _given_up(self, table: str, failed: Failed) -> Unavailable:
        code = "dynamodb_throttled" if failed.throttled else "dynamodb_unavailable"
        return Unavailable(code, field=table, reason=failed.code, retry_after_s=RETRY_AFTER_S)

    def read_many(self, table: str, keys: Sequence[Item], **asked: Any) -> list[Item]:
        """Those items that there are, in any order; ``keys`` differ. ``asked``: more members of
        the request, as a projection."""

        def read(part: Sequence[Item]) -> list[Item]:
            found: list[Item] = []
            left: Any = {table: {"Keys": part, "ConsistentRead": True, **asked}}
            for attempt in range(1, ATTEMPTS + 1):
                if attempt > 1:
                    self.wait(attempt - 1, "unprocessed")
                answer = self.ask("batch_get_item", table, RequestItems=left)
                found += answer["Responses"].get(table, ())
                left = answer.get("UnprocessedKeys")
                if not left:
                    return found
            raise self._given_up(table, Failed("unprocessed", True))

        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            return [item for part in pool.map(read, parts(keys, MOST_READ)) for item in part]

    def write_many(
        self, table: str, keys: Sequence[str], requests: Sequence[Item]
    ) -> dict[int, EndcapError]:
        """Carry out PutRequests and DeleteRequests of different items; by position, why one was
        not. ``keys``: the attributes of the table's key."""

        def write(part: Sequence[int]) -> dict[int, EndcapError]:
            failed = self._write(table, keys, {n: requests[n] for n in part})
            if len(part) == 1 or not any(isinstance(e, InvalidInput) for e in failed.values()):
                return failed
            return {n: e for one in part for n, e in write([one]).items()}  # which is it?

        with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
            done = pool.map(write, parts(range(len(requests)), MOST_WRITTEN))
            return {position: error for part in done for position, error in part.items()}

    def _write(
        self, table: str, keys: Sequence[str], requests: Mapping[int, Item]
    ) -> dict[int, EndcapError]:
        """One BatchWriteItem, and more for what it leaves unprocessed."""
        left = {_key(request, keys): n for n, request in requests.items()}
        for attempt in range(1, ATTEMPTS + 1):
            if attempt > 1:
                self.wait(attempt - 1, "unprocessed")
            asked = {table: [requests[n] for n in left.values()]}
            try:
                answer = self.ask("batch_write_item", table, RequestItems=asked)
            except EndcapError as error:
                return dict.fromkeys(left.values(), error)
            unprocessed = answer.get("UnprocessedItems", {}).get(table, ())
            left = {key: left[key] for request in unprocessed if (key := _key(request, keys))}
            if not left:
                return {}
        return dict.fromkeys(left.values(), self._given_up(table, Failed("unprocessed", True)))


def parts(whole: Sequence[Entry], most: int) -> list[Sequence[Entry]]:
    return [whole[start : start + most] for start in range(0, len(whole), most)]


def _key(request: Item, keys: Sequence[str]) -> tuple[str, ...]:
    put = request.get("PutRequest")
    item = put["Item"] if put else request["DeleteRequest"]["Key"]
    return tuple(item[name]["S"] for name in keys)


def _code(answer: Mapping[str, Any]) -> str:
    """What went wrong; of a transaction, what is wrong with its first action that could not be
    done. A condition that failed goes before what trying again may mend."""
    code = str(answer.get("Error", {}).get("Code", ""))
    if code != CANCELLED:
        return code
    told = [str(reason.get("Code", "None")) for reason in answer.get("CancellationReasons", ())]
    met = [reason for reason in told if reason != "None"] or [code]
    return CONDITION if "ConditionalCheckFailed" in met else met[0]


def _refused(code: str, table: str) -> EndcapError:
    if code == "ResourceNotFoundException":
        return NotFound("no_table", field="DynamoDB", value=table)
    if code in _DENIED:
        return Forbidden("dynamodb_denied", field=table, reason=code)
    return InvalidInput("dynamodb_refused", field=table, reason=code)
