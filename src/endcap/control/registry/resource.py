"""What all resources of the registry have, and the work that some of them wait for."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from endcap.control.registry.arns import parse
from endcap.control.registry.statuses import ACTIVE


class Resource(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base. Times are µs since 1970. A subclass names its ``KIND``, one of ``arns``."""

    KIND: ClassVar[str] = ""

    arn: str
    name: str
    status: str = ACTIVE
    failure_reason: str = ""
    created_at: int = 0
    updated_at: int = 0

    @property
    def key(self) -> str:
        """What follows the kind in the ARN."""
        return parse(self.arn).key


CREATE, DELETE, START, STOP = "create", "delete", "start", "stop"


class Work(Struct, frozen=True, omit_defaults=True):
    """What somebody has to do for a resource. There is one at most for each ARN.

    ``job`` with no attempts is at what was asked for before.
    """

    KIND: ClassVar[str] = "work"

    arn: str
    action: str
    asked_at: int
    attempts: int = 0  # how often it was begun
    job: str = ""  # of ``Jobs``; "" where nobody works at it

    def same_as(self, other: Work) -> bool:
        """Whether both are the same request."""
        return (self.arn, self.action, self.asked_at) == (other.arn, other.action, other.asked_at)
