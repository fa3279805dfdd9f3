"""Our errors as those that an operation's model knows."""

from __future__ import annotations

from typing import Any, NamedTuple

from endcap.domain import errors as own
from endcap.serving.personalize.shapes import Operation
from endcap.serving.refusals import Internal

INVALID, DENIED = "InvalidInputException", "AccessDeniedException"
UNKNOWN, FAILURE = "UnknownOperationException", "InternalFailure"

# The first that fits counts.
_MODELLED: tuple[tuple[type[own.EndcapError], str], ...] = (
    (own.BadToken, "InvalidNextTokenException"),
    (own.TooManyTags, "TooManyTagsException"),
    (own.TooManyTagKeys, "TooManyTagKeysException"),
    (own.NotFound, "ResourceNotFoundException"),
    (own.Conflict, "ResourceAlreadyExistsException"),
    (own.InUse, "ResourceInUseException"),
    (own.OverLimit, "LimitExceededException"),
)
# Those that any service of this kind may answer, with their status where it is not always 400.
_ANY: tuple[tuple[type[own.EndcapError], str, int], ...] = (
    (own.Unauthorized, "", 403),
    (own.Forbidden, DENIED, 403),
    (own.OverRate, "ThrottlingException", 429),
    (own.Unavailable, "ServiceUnavailable", 503),
    (Internal, FAILURE, 500),
    (own.Damaged, FAILURE, 500),
)


class UnknownOperation(own.EndcapError):
    """No operation of that name."""

    status = 400


class UnknownPath(UnknownOperation):
    """No operation at that path."""

    status = 404


class Refused(own.Unauthorized):
    """A signature that is missing or does not hold. ``kind``: the error's name to the client."""

    def __init__(self, kind: str, code: str, **facts: Any) -> None:
        super().__init__(code, **facts)
        self.kind = kind


class WireError(NamedTuple):
    kind: str
    status: int
    message: str


def wire_error(operation: Operation | None, error: own.EndcapError) -> WireError:
    """What the client gets. What an operation does not model is the first that it does."""
    message = str(error)
    is_json = operation is None or operation.is_json
    if isinstance(error, UnknownOperation):
        return WireError(UNKNOWN, error.status, message)
    for kind, name, status in _ANY:
        if isinstance(error, kind):
            named = error.kind if isinstance(error, Refused) else name
            as_json = 400 if status < 500 else status
            return WireError(named or DENIED, as_json if is_json else status, message)
    if operation is None:
        return WireError(INVALID, 400, message)
    named = next((name for kind, name in _MODELLED if isinstance(error, kind)), INVALID)
    if named not in operation.errors:
        named = INVALID if INVALID in operation.errors else next(iter(operation.errors))
    return WireError(named, operation.errors[named], message)
