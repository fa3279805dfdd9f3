"""Dashboards and alarms, as CloudWatch was given them, name metrics that are there: those that our
functions write, those that our metric filters count, and those that AWS documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from endcap.domain.metrics import IN_FUNCTIONS
from endcap.entrypoints.lambdas import observed
from endcap.entrypoints.lambdas.table import FUNCTIONS

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

HERE = Path(__file__).parent
DOCUMENTED = json.loads((HERE / "aws_metrics.json").read_text("utf-8"))
DOCS = HERE.parents[1] / "docs" / "aws.md"
FOLDER, NAME, REGION = "modules/observability", "endcap-test", "us-east-1"
ACCOUNT = "123456789012"
STATISTIC = re.compile(r"Sum|Average|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d+)?")
ROWS, COLUMNS = 10_000, 24


class Metric(NamedTuple):
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


class Watched(NamedTuple):
    dashboards: dict[str, dict[str, Any]]
    alarms: list[dict[str, Any]]
    counted: set[str]  # what metric filters count


def given() -> dict[str, Any]:
    """Everything there is to watch."""

    def arn(service: str, rest: str) -> str:
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"

    functions = {
        f: {"name": f"{NAME}-{f}", "log_group": f"/aws/lambda/{NAME}-{f}"} for f in FUNCTIONS
    }
    tables = ("documents", "changes", "events", "CustomerInterest", "catalog")
    machines = ("nightly-small", "users")
    return {
        "name": NAME,
        "kms_key_arn": arn("kms", "key/00000000-0000-0000-0000-000000000000"),
        "composite_alarms": False,  # the emulator has neither these nor saved queries
        "saved_queries": False,
        "functions": functions,
        "http_api": {"id": "abc123", "stage": "prod"},
        "rest_api": {"name": f"{NAME}-rest", "stage": "dev"},
        "stream": {"name": f"{NAME}-events", "shards": 1},
        "delivery_streams": {"raw": f"{NAME}-raw", "answers": f"{NAME}-answers"},
        "tables": {
            t: {"name": f"{NAME}-{t}", "arn": arn("dynamodb", f"table/{NAME}-{t}")} for t in tables
        },
        "state_machines": {
            m: {"name": f"{NAME}-{m}", "arn": arn("states", f"stateMachine:{NAME}-{m}")}
            for m in machines
        },
        "daily_machine": "nightly-small",
        "queues": {"runs": f"{NAME}-runs-given-up"},
        "endpoint": {"name": f"{NAME}-ranker", "variant": "all"},
    }


@pytest.fixture(scope="module")
def watched(aws: Any, terraform: Any, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """The module as it was applied, and as CloudWatch tells it back."""
    variables, logs, watch = given(), aws.client("logs"), aws.client("cloudwatch")
    for function in variables["functions"].values():
        logs.create_log_group(logGroupName=function["log_group"])
    place = tmp_path_factory.mktemp("observability")
    (place / "given.tfvars.json").write_text(json.dumps(variables))
    terraform.initialised(FOLDER)
    done = terraform.run(
        FOLDER, "apply", "-auto-approve", "-no-color", f"-state={place / 'state'}",
        f"-var-file={place / 'given.tfvars.json'}", **aws.environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    boards = watch.list_dashboards(DashboardNamePrefix=NAME)["DashboardEntries"]
    filters = [
        entry["metricTransformations"][0]
        for group in (function["log_group"] for function in variables["functions"].values())
        for entry in logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    ]
    pages = watch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=NAME)
    return Watched(
        {
            b["DashboardName"]: json.loads(
                watch.get_dashboard(DashboardName=b["DashboardName"])["DashboardBody"]
            )
            for b in boards
        },
        [alarm for page in pages for alarm in page["MetricAlarms"]],
        {f"{entry['metricNamespace']} {entry['metricName']}" for entry in filters},
    )


def of_widget(widget: dict[str, Any]) -> Iterator[Metric]:
    """What a widget names, in CloudWatch's rows: expressions name none."""
    for row in widget["properties"].get("metrics", ()):
        words = [word for word in row if isinstance(word, str)]
        if words:
            namespace, name, *rest = words
            yield Metric(namespace, name, tuple(zip(rest[::2], rest[1::2], strict=True)))


def of_alarm(alarm: dict[str, Any]) -> Iterator[Metric]:
    told = [q["MetricStat"]["Metric"] for q in alarm.get("Metrics", ()) if "MetricStat" in q]
    for metric in told or [alarm]:
        dimensions = tuple((d["Name"], d["Value"]) for d in metric.get("Dimensions", ()))
        yield Metric(metric["Namespace"], metric["MetricName"], dimensions)


def named(watched: Watched) -> set[Metric]:
    widgets = [w for board in watched.dashboards.values() for w in board["widgets"]]
    return {m for w in widgets for m in of_widget(w)} | {
        m for alarm in watched.alarms for m in of_alarm(alarm)
    }


def unknown(metric: Metric, counted: set[str]) -> str:
    """What is wrong with it; "": nothing."""
    if metric.namespace == observed.NAMESPACE:
        ((dimension, value),) = metric.dimensions
        function = FUNCTIONS.get(value.removeprefix(f"{NAME}-"))
        if dimension != observed.DIMENSION or function is None:
            return f"no function writes it for {metric.dimensions}"
        written = {observed.COLD, *function.metrics, *IN_FUNCTIONS}
        return "" if metric.name in written else f"{value} does not write it"
    if metric.namespace == "Endcap/Logs":
        known = f"{metric.namespace} {metric.name}" in counted and not metric.dimensions
        return "" if known else "no metric filter counts it"
    dimensions = sorted(name for name, _ in metric.dimensions)
    for kind in DOCUMENTED.get(metric.namespace, ()):
        if sorted(kind["dimensions"]) == dimensions and metric.name in kind["metrics"]:
            return ""
    return "AWS has no such metric with these dimensions"


def test_every_metric_is_written_by_somebody(watched: Watched) -> None:
    found = {metric: unknown(metric, watched.counted) for metric in named(watched)}
    assert {metric: wrong for metric, wrong in found.items() if wrong} == {}
    assert {metric.namespace for metric in found} == {"Endcap", "Endcap/Logs", *DOCUMENTED}


def test_every_metric_of_a_function_is_looked_at(watched: Watched) -> None:
    """But for those that only say how far along something is."""
    seen = {metric.name for metric in named(watched) if metric.namespace == observed.NAMESPACE}
    unseen = {m for f in FUNCTIONS.values() for m in f.metrics} - seen
    assert unseen == {
        "dry_run", "fallbacks", "mock", "mocked", "recordsDropped", "recordsOk",
        "recordsProcessingFailed", "recordsWithoutEvent", "steps", "superseded", "usersRead",
    }  # fmt: skip


def test_the_checks_see_what_is_wrong() -> None:
    ours = ("Endcap", (("function", f"{NAME}-api"),))
    for metric in (
        Metric(ours[0], "nonsense_total", ours[1]),
        Metric(ours[0], "drift", ours[1]),  # another function's
        Metric(ours[0], "requests_total", (("Function", f"{NAME}-api"),)),
        Metric("AWS/Lambda", "Latency", (("FunctionName", "x"),)),
        Metric("AWS/Lambda", "Errors", (("Function", "x"),)),
        Metric("AWS/ApiGateway", "5xx", (("ApiName", "x"), ("Stage", "dev"))),
        Metric("Endcap/Logs", f"{NAME}-api-timeouts", ()),
    ):
        assert unknown(metric, set()) != ""
    assert unknown(Metric(ours[0], "requests_total", ours[1]), set()) == ""


def test_functions_write_where_dashboards_look(capsys: pytest.CaptureFixture[str]) -> None:
    """What the names above rest on: namespace and dimension of a real line of metrics."""

    @observed.observed
    def handler(*_: Any) -> None:
        observed.tell("done", {"steps": 1})
        observed.telemetry().gauge("model_age_seconds", 7.0)

    handler({}, None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    (told,) = lines[-1]["_aws"]["CloudWatchMetrics"]
    assert (told["Namespace"], told["Dimensions"]) == (observed.NAMESPACE, [[observed.DIMENSION]])
    assert {"steps", "model_age_seconds"} <= {metric["Name"] for metric in told["Metrics"]}


@pytest.mark.parametrize("board", ["operations", "business"])
def test_bodies_are_as_cloudwatch_takes_them(watched: Watched, board: str) -> None:
    widgets = watched.dashboards[f"{NAME}-{board}"]["widgets"]
    assert 5 < len(widgets) <= 500
    taken: set[tuple[int, int]] = set()
    for widget in widgets:
        x, y, width, height = (widget[side] for side in ("x", "y", "width", "height"))
        assert 0 <= x < x + width <= COLUMNS
        assert 0 <= y < y + height <= ROWS
        cells = {(x + a, y + b) for a in range(width) for b in range(height)}
        assert not cells & taken, f"{widget['properties']} lies on another"
        taken |= cells
        if widget["type"] == "metric":
            drawn(widget["properties"])
    assert {w["type"] for w in widgets} <= {"alarm", "metric", "text"}


def drawn(properties: dict[str, Any]) -> None:
    """A widget of metrics: at most 500, ids of its own, expressions of those, something to see."""
    rows = properties["metrics"]
    options = [row[-1] if isinstance(row[-1], dict) else {} for row in rows]
    ids = [option["id"] for option in options if "id" in option]
    assert 0 < len(rows) <= 500
    assert properties["region"] == REGION
    assert STATISTIC.fullmatch(properties["stat"])
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z][a-zA-Z0-9_]*", each) for each in ids)
    assert any(option.get("visible", True) for option in options)
    for option in options:
        assert set(option) <= {"expression", "id", "label", "stat", "visible"}
        asked = re.findall(r"METRICS\(\"(\w+)\"\)", option.get("expression", ""))
        assert all(any(each in known for known in ids) for each in asked)
        words = re.sub(r"\"\w+\"", "", option.get("expression", ""))
        assert set(re.findall(r"\b[a-z]\w*", words)) <= set(ids)


def test_alarms_ring_somewhere_and_are_explained(watched: Watched) -> None:
    page = DOCS.read_text("utf-8").partition("## Observability")[2].partition("\n## ")[0]
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAME}-alarms"
    for alarm in watched.alarms:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
        assert alarm["AlarmDescription"]
        assert alarm.get("DatapointsToAlarm", 1) <= alarm["EvaluationPeriods"]
        assert len(alarm.get("Metrics", ())) <= 10
    rung = {alarm["AlarmName"].removeprefix(f"{NAME}-") for alarm in watched.alarms}
    explained = set(re.findall(r"^\| `([\w*-]+)`", page, re.M))
    assert {name for name in rung if not any(fits(name, each) for each in explained)} == set()
    assert {each for each in explained if not any(fits(name, each) for name in rung)} == set()


def fits(name: str, pattern: str) -> bool:
    """Of a page's ``*-errors``."""
    return re.fullmatch(pattern.replace("*", r"[\w-]+"), name) is not None
