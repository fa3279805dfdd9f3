"""What every call of a function is wrapped in, by Powertools for AWS Lambda: lines of JSON in the
log with the request's id, metrics in the embedded metric format, and a trace where X-Ray asks for
one. None of them holds an event, an answer, or the text of an error: these may be somebody's data.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, TextIO

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from endcap.domain.errors import EndcapError
from endcap.entrypoints.lambdas.deltas import Deltas
from endcap.entrypoints.logs import kind_and_place
from endcap.telemetry import Telemetry

Handler = Callable[[Any, Any], Any]
NAMESPACE, SERVICE, DIMENSION = "Endcap", "endcap-functions", "function"
OUTSIDE = "none"  # in place of a function's name, where it is called outside of Lambda
COLD = "ColdStart"
PLAIN = re.compile(r"[\w.:-]{1,128}")
# As Powertools names them: member of a line → attribute of the call's context.
CONTEXT = {
    "function_name": "function_name",
    "function_memory_size": "memory_limit_in_mb",
    "function_arn": "invoked_function_arn",
    "function_request_id": "aws_request_id",
}


def observed(handler: Handler) -> Handler:
    """The handler, with a log, metrics and a trace of each call.

    What it raises leaves it as an error of the same name that says a code and a field and no more:
    Lambda writes an error's text into the log, the trace, and the answer to whoever called.
    """

    @wraps(handler)
    def call(event: Any, context: Any) -> Any:
        begin(context)
        try:
            return traced(handler)(event, context)
        except Exception as error:
            log().error("failed", extra=kind_and_place(error) | code_of(error))
            raise discreet(error) from None
        finally:
            publish()

    return call


def tell(message: str, counts: Mapping[str, float], **facts: Any) -> None:
    """One line in the log: counts and words of ours, nothing of a user. The counts are metrics of
    the function too, sent when the call ends."""
    log().info(message, extra={**counts, **facts})
    for name, value in counts.items():
        metrics().add_metric(name, MetricUnit.Count, value)


@cache
def telemetry() -> Telemetry:
    """The registry of this function: give it to what you open. What the engine counts there since
    the last call is among the metrics of the call."""
    return Telemetry(process=function_name())


@cache
def log() -> Logger:
    handler = Output()
    handler.addFilter(without_texts)
    return Logger(service=SERVICE, logger_handler=handler, utc=True)


@cache
def metrics() -> Metrics:
    made = Metrics(namespace=NAMESPACE)
    made.set_default_dimensions(**{DIMENSION: function_name()})
    return made


@cache
def deltas() -> Deltas:
    return Deltas(telemetry())


def function_name() -> str:
    return os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or OUTSIDE


def begin(context: Any) -> None:
    """Every line of this call says which call it is of."""
    cold = not started.cache_info().currsize
    started()
    known = {name: getattr(context, member, None) for name, member in CONTEXT.items()}
    log().append_keys(cold_start=cold, **known)
    if cold and "AWS_LAMBDA_RUNTIME_API" in os.environ:  # our own modules have no other log there
        ours = logging.getLogger("endcap")
        ours.handlers, ours.propagate = log().handlers, False
    if cold:
        metrics().add_metric(COLD, MetricUnit.Count, 1)


@cache
def started() -> None:
    """Called once in each process."""


def publish() -> None:
    """The metrics of this call, as one line."""
    for name, values in deltas().take().items():
        unit = MetricUnit.Seconds if name.endswith("_seconds") else MetricUnit.Count
        for value in values:
            metrics().add_metric(name, unit, value)
    if metrics().provider.metric_set:
        metrics().flush_metrics()


def traced(handler: Handler) -> Handler:
    """With a trace where X-Ray samples this call; else nothing of it is loaded."""
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    if "Sampled=1" not in header or not os.environ.get("AWS_XRAY_DAEMON_ADDRESS"):
        return handler
    from endcap.adapters.xray import tracer

    found: Handler = tracer(SERVICE).capture_lambda_handler(
        handler, capture_response=False, capture_error=False
    )
    return found


def code_of(error: Exception) -> dict[str, str]:
    return {"code": error.code, "field": field_of(error)} if isinstance(error, EndcapError) else {}


def field_of(error: EndcapError) -> str:
    """The name of a member, a setting or a table; not that of a file, which anybody may choose."""
    return error.field if PLAIN.fullmatch(error.field) else ""


def discreet(error: Exception) -> Exception:
    """An error of the same name and place, without what it quotes."""
    if isinstance(error, EndcapError):
        ours = type(error).__new__(type(error))
        field = field_of(error)
        ours.__dict__.update(vars(error) | {"field": field, "value": None, "facts": {}})
        ours.args = (f"{error.code}: {field}" if field else error.code,)
        return ours.with_traceback(error.__traceback__)
    named = type(type(error).__name__, (Exception,), {"__module__": type(error).__module__})
    told: Exception = named("the log of this call says where")
    return told.with_traceback(error.__traceback__)


class Output(logging.StreamHandler[TextIO]):
    """Writes to whatever is the standard output at that time."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stdout


def without_texts(record: logging.LogRecord) -> bool:
    """What goes into every line: facts as members, of an error its kind and place."""
    vars(record).update(vars(record).pop("facts", {}))
    if record.exc_info and record.exc_info[1] is not None:
        vars(record).update(kind_and_place(record.exc_info[1]))
    record.exc_info = record.exc_text = record.stack_info = None
    return True
