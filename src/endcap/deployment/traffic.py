"""What a month brings: the inputs of the estimate, and what is assumed where nobody can know."""

from __future__ import annotations

from msgspec import Struct

HOURS = 730.0  # of a month, as AWS counts
SECONDS = HOURS * 3600
NIGHTS = 30


class Traffic(Struct, frozen=True):
    """A month of a shop. ``requests``: answers asked for; ``events``: what shoppers did, sent
    ``events_per_call`` at a time; ``users`` and ``items``: how many there are; ``event_days``: how
    long an event stays in the table; ``lake_months``: how many months of events the lake holds;
    ``user_runs``: files of all users that the machine of users goes through."""

    requests: float = 1e6
    events: float = 10e6
    events_per_call: float = 1
    users: float = 100_000
    items: float = 50_000
    event_days: float = 90
    lake_months: float = 12
    nights: float = NIGHTS
    user_runs: float = 1


class Choices(Struct, frozen=True):
    """What is switched on beside the phases, as the environments' variables are called."""

    nightly: str = "small"
    waf: bool = False
    cloudtrail: bool = False
    composite_alarms: bool = False
    sagemaker_endpoint: bool = False
    sagemaker_instance_type: str = "ml.m5.xlarge"
    mysql: bool = False


# (what, value, why): a page and a test show each of them.
ASSUMED: dict[str, tuple[float, str]] = {
    "answer_s": (0.03, "seconds of the function for an answer, warm; measured: .015 to .031"),
    "event_s": (0.05, "seconds of the function for a call with events; measured: .025, p99 .064"),
    "stream_s": (0.06, "seconds of the function Stream for a batch; measured: .047 for ten"),
    "read_units": (4, "read units of an answer: the shopper's newest rows, up to 32 KB"),
    "row_kb": (0.4, "size of an event's row, with its keys"),
    "raw_kb": (0.3, "size of an event as JSON, in the raw files of the lake"),
    "parquet_kb": (0.05, "size of an event in the lake's Parquet"),
    "answer_kb": (2, "size of an answer with its headers"),
    "log_kb": (1.5, "log of a call: the gateway's line, the function's, its metrics"),
    "key_requests": (0.05, "requests of KMS for a call: keys are kept for minutes"),
    "traced": (0.05, "share of calls traced beyond one a second (Lambda's own rule)"),
    "night_s": (900, "seconds of the function Nightly in a night, all steps together"),
    "night_steps": (25, "transitions of the state machine in a night"),
    "user_s": (0.05, "seconds of the three functions for one user of a run"),
    "glue_hours": (0.5, "DPU-hours of the Glue job in a night: 2 DPU for a quarter of an hour"),
    "training_hours": (0.25, "hours of the training job in a night"),
    "visits": (0.05, "visits of the page for each request"),
    "page_kb": (200, "size of the page"),
    "metrics": (60, "metrics of our own, by function"),
    "alarms": (25, "alarms"),
    "dashboards": (2, "dashboards"),
    "waf_rules": (4, "rules of each web ACL"),
}


def assumed(name: str) -> float:
    return ASSUMED[name][0]
