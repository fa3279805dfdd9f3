"""Functions that tell what they must not, each in another way."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from endcap.entrypoints.lambdas.observed import metrics, observed, tell


@observed
def line(event: Any, _: Any) -> None:
    tell("got", {"got": 1}, event=event)


@observed
def warning(event: Any, _: Any) -> None:
    logging.getLogger("endcap.somewhere").warning("cannot use %s", event)


@observed
def library(event: Any, _: Any) -> None:
    logging.getLogger("somebody.else").warning("cannot use %s", event)
    warnings.warn(f"cannot use {event}", stacklevel=1)


@observed
def metric(event: Any, _: Any) -> None:
    metrics().add_metadata("userId", event["userId"])
    tell("got", {"got": 1})


@observed
def trace(event: Any, _: Any) -> None:
    from endcap.adapters.xray import tracer

    tracer("").put_annotation("userId", event["userId"])


def error(event: Any, _: Any) -> None:
    raise ValueError(event["userId"])
