"""How much of each AWS service a month uses, from traffic, phases and choices."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from endcap.deployment.traffic import HOURS, SECONDS, Choices, Traffic, assumed

GB_KB = 1024.0 * 1024.0
API, EVENTS, PIPELINE, STANDING, EXTRA = "answers", "events", "pipeline", "standing", "optional"
PARTS = {
    API: "answers to requests, and the page",
    EVENTS: "taking events in: stream, table, raw files",
    PIPELINE: "nights, runs over users, what they write, the lake",
    STANDING: "keys, metrics, alarms, dashboards, images: whatever the traffic",
    EXTRA: "databases, endpoint, streaming inference, web application firewall",
}


class Use(NamedTuple):
    """``quantity`` of the price ``price``, for ``part`` of the system."""

    part: str
    price: str
    quantity: float
    what: str


def uses(traffic: Traffic, phases: Collection[str], choices: Choices) -> Iterator[Use]:
    """All uses of a month; those of nothing are left out."""
    made = [*_core(traffic), *_standing(phases, choices), *_optional(traffic, phases, choices)]
    if "application" in phases:
        made += [*_answers(traffic), *_taken_in(traffic)]
    if "pipeline" in phases:
        made += [*_nights(traffic, choices), *_runs(traffic)]
    if "web" in phases:
        made += _web(traffic)
    yield from (use for use in made if use.quantity > 0)


def _calls(traffic: Traffic) -> float:
    """Calls of the API that bring events."""
    return traffic.events / max(traffic.events_per_call, 1)


def _core(traffic: Traffic) -> Iterator[Use]:
    yield Use(EVENTS, "shard_hour", HOURS, "the stream: 1 shard")
    yield Use(EVENTS, "shard_hour_kept", HOURS, "the stream keeps 48 hours")
    yield Use(STANDING, "key", 1, "the key")
    yield Use(STANDING, "image_gb", 1, "images")
    monthly = (assumed("raw_kb") + assumed("parquet_kb")) * traffic.events / GB_KB
    yield Use(PIPELINE, "s3_gb", monthly * traffic.lake_months, "the lake")


def _answers(traffic: Traffic) -> Iterator[Use]:
    yield Use(API, "http_request", traffic.requests / 1e6, "HTTP API")
    yield from _function(API, traffic.requests, assumed("answer_s"), 2.0, "api")
    yield Use(API, "dynamodb_read", traffic.requests * assumed("read_units") / 1e6, "newest events")
    yield Use(API, "out_gb", traffic.requests * assumed("answer_kb") / GB_KB, "answers")
    yield from _watched(API, traffic.requests, traffic)


def _taken_in(traffic: Traffic) -> Iterator[Use]:
    calls, events = _calls(traffic), traffic.events
    yield Use(EVENTS, "http_request", calls / 1e6, "HTTP API")
    yield from _function(EVENTS, calls, assumed("event_s"), 2.0, "api")
    # Written by the API, and once more by the stream's reader.
    yield Use(EVENTS, "dynamodb_write", 2 * events / 1e6, "rows of events, written twice")
    kept = events * traffic.event_days / 30 * assumed("row_kb") / GB_KB
    yield Use(EVENTS, "dynamodb_gb", kept, "rows of events")
    yield Use(EVENTS, "dynamodb_backup_gb", kept, "rows of events")
    yield Use(EVENTS, "kinesis_put", events / 1e6, "the stream")
    yield Use(EVENTS, "firehose_gb", events * 5 / GB_KB, "raw files")
    yield Use(EVENTS, "s3_write", SECONDS / 300 / 1e3, "raw files, one in five minutes")
    yield from _function(EVENTS, min(events, SECONDS), assumed("stream_s"), 0.25, "Stream")
    yield Use(EVENTS, "out_gb", calls * 0.5 / GB_KB, "acknowledgements")
    yield from _watched(EVENTS, calls, traffic)


def _nights(traffic: Traffic, choices: Choices) -> Iterator[Use]:
    nights, full = traffic.nights, choices.nightly == "full"
    seconds = assumed("night_s") / (3 if full else 1)
    yield from _function(PIPELINE, 10 * nights, seconds / 10, 8.0, "Nightly")
    yield Use(PIPELINE, "transition", nights * assumed("night_steps") / 1e3, "the nightly machine")
    rows = 3 * traffic.items + 2 * traffic.users  # catalog, related, features; stored, features
    yield Use(PIPELINE, "dynamodb_write", nights * rows / 1e6, "tables written each night")
    yield Use(PIPELINE, "dynamodb_read", nights * rows / 1e6, "versions read before that")
    yield Use(PIPELINE, "dynamodb_gb", rows * 2 / GB_KB, "those tables")
    yield Use(PIPELINE, "dynamodb_backup_gb", rows * 2 / GB_KB, "those tables")
    yield Use(PIPELINE, "s3_write", nights * 2.0, "models, snapshots, the lake's parts")
    yield Use(PIPELINE, "s3_read", nights * 5.0, "models, snapshots, the lake's parts")
    if full:
        yield Use(PIPELINE, "glue_dpu_hour", nights * assumed("glue_hours"), "features")
        hours = nights * assumed("training_hours")
        yield Use(PIPELINE, _instance(choices), hours, "training")


def _runs(traffic: Traffic) -> Iterator[Use]:
    users = traffic.users * traffic.user_runs
    yield from _function(PIPELINE, 3 * users, assumed("user_s") / 3, 1.0, "Mock, Fetch, Store")
    yield Use(PIPELINE, "dynamodb_write", 2 * users / 1e6, "users and their recommendations")


def _web(traffic: Traffic) -> Iterator[Use]:
    visits = traffic.requests * assumed("visits")
    yield Use(API, "cloudfront_request", visits * 4 / 1e6, "the page")
    yield Use(API, "cloudfront_gb", visits * assumed("page_kb") / GB_KB, "the page")


def _standing(phases: Collection[str], choices: Choices) -> Iterator[Use]:
    if "application" in phases:
        yield Use(STANDING, "metric", assumed("metrics"), "of the functions")
        yield Use(STANDING, "alarm", assumed("alarms"), "alarms")
        yield Use(STANDING, "dashboard", assumed("dashboards"), "dashboards")
        yield Use(STANDING, "composite_alarm", 3.0 * choices.composite_alarms, "composite alarms")
    yield Use(STANDING, "s3_gb", 10.0 * choices.cloudtrail, "the trail")


def _optional(traffic: Traffic, phases: Collection[str], choices: Choices) -> Iterator[Use]:
    databases = ("vector-db" in phases) + (choices.mysql and "etl" in phases)
    yield Use(EXTRA, "db_t4g_medium_hour", HOURS * databases, "databases")
    yield Use(EXTRA, "rds_gb", 20.0 * databases, "databases")
    yield Use(EXTRA, "secret", 1.0 * databases, "passwords of databases")
    if {"vector-db", "etl"} & set(phases):
        yield Use(EXTRA, "endpoint_hour", 2 * 2 * HOURS, "2 interface endpoints in 2 zones")
    if "etl" in phases and choices.nightly != "full":
        yield Use(EXTRA, "glue_dpu_hour", traffic.nights * assumed("glue_hours"), "Glue job")
    if choices.sagemaker_endpoint:
        yield Use(EXTRA, _instance(choices), HOURS, "endpoint, one instance")
    if "streaming-inference" in phases:
        yield from _streaming(traffic)
    if choices.waf:
        acls = ("application" in phases) + ("web" in phases)
        yield Use(EXTRA, "waf_acl", acls, "web application firewall")
        yield Use(EXTRA, "waf_rule", acls * assumed("waf_rules"), "web application firewall")
        asked = (traffic.requests + _calls(traffic)) / 1e6
        yield Use(EXTRA, "waf_request", asked if acls else 0, "web application firewall")


def _streaming(traffic: Traffic) -> Iterator[Use]:
    """Every event is answered, in batches of 100."""
    taken = traffic.events * 5 / GB_KB
    yield Use(EXTRA, "firehose_gb", taken, "streaming inference")
    yield Use(EXTRA, "firehose_partitioned_gb", taken, "streaming inference")
    batches = traffic.events / 100
    yield from _function(EXTRA, batches, 100 * assumed("answer_s") / 3, 1.0, "Firehose")


def _function(part: str, calls: float, seconds: float, memory_gb: float, name: str) -> list[Use]:
    return [
        Use(part, "lambda_request", calls / 1e6, f"function {name}"),
        Use(part, "lambda_gb_s", calls * seconds * memory_gb / 1e6, f"function {name}"),
    ]


def _watched(part: str, calls: float, traffic: Traffic) -> list[Use]:
    """Logs, traces and key requests of calls of the API: their share of the traces of all."""
    logs = calls * assumed("log_kb") / GB_KB
    every = traffic.requests + _calls(traffic)
    traced = min(every, SECONDS) + assumed("traced") * max(every - SECONDS, 0)
    traces = traced * calls / max(every, 1)
    return [
        Use(part, "log_gb", logs, "logs of calls"),
        Use(part, "log_kept_gb", logs, "logs of calls"),
        Use(part, "trace", traces / 1e6, "traces of calls"),
        Use(part, "key_request", calls * assumed("key_requests") / 1e4, "calls"),
    ]


def _instance(choices: Choices) -> str:
    return choices.sagemaker_instance_type.replace(".", "_") + "_hour"
