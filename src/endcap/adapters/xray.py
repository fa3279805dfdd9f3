"""Traces of functions through AWS X-Ray, by Powertools' Tracer. Needs the extra ``endcap[aws]``.

What is sent names functions, tables and buckets; no keys, no answers, no texts of errors.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

from aws_lambda_powertools import Tracer
from aws_xray_sdk.core import patch, xray_recorder
from aws_xray_sdk.core.emitters.udp_emitter import UDPEmitter

QUOTING = ("key",)  # of a call of AWS: what may hold somebody's data


@cache
def tracer(service: str) -> Tracer:
    """One for each process. From now on calls of AWS are parts of the trace of a call."""
    xray_recorder.configure(emitter=Discreet(os.environ["AWS_XRAY_DAEMON_ADDRESS"]))
    patch(("botocore",), raise_errors=False)
    return Tracer(service=service, auto_patch=False)


class Discreet(UDPEmitter):  # type: ignore[misc]
    """Sends each part of a trace without the texts of errors and the keys of objects."""

    def send_entity(self, entity: Any) -> None:
        for part in parts_of(entity):
            cause = getattr(part, "cause", None)
            for error in cause.get("exceptions", ()) if isinstance(cause, dict) else ():
                error.message = ""
            for name in QUOTING:
                getattr(part, "aws", {}).pop(name, None)
        super().send_entity(entity)


def parts_of(entity: Any) -> Iterator[Any]:
    yield entity
    for part in getattr(entity, "subsegments", ()):
        yield from parts_of(part)
