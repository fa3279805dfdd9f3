"""Nothing that was sent stands in what functions tell: every line of the log, every metric, every
part of a trace, every error, of every function of the table, with good events and with bad ones.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb_tables import TABLES, Names, create
from endcap.domain.metrics import IN_FUNCTIONS
from endcap.entrypoints.lambdas.table import FUNCTIONS

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

HERE = Path(__file__).parent
# Those that answer from what the home has published; all others have everything in AWS.
AT_HOME = ("MockRecommendations", "FetchRecommendations", "Firehose", "Nightly")


class Account:
    """Tables, a bucket, a topic and a home."""

    def __init__(self, aws: Any, folder: Path, home: Path, code: Path, daemon: str) -> None:
        self.aws, self.folder, self.told = aws, folder, folder / "told"
        shutil.copytree(home, folder / "home")
        names = Names(aws.name("marked") + "-")
        create(aws.client("dynamodb"), names, pause=lambda _: None)
        self.stream = aws.name("marked")
        aws.client("kinesis").create_stream(StreamName=self.stream, ShardCount=1)
        tables = ",".join(f"{name}={names.of(name)}" for name in TABLES)
        self.bucket = aws.name("marked")
        aws.client("s3").create_bucket(Bucket=self.bucket)
        topic = aws.client("sns").create_topic(Name=aws.name("marked"))["TopicArn"]
        self.environment = {
            **aws.environment,
            **{n: os.environ[n] for n in ("NUMBA_CACHE_DIR",) if n in os.environ},
            "PYTHONPATH": str(code),
            "ENDCAP_AUTH": "gateway",
            "CustomerInterestTable": names.of("CustomerInterest"),
            "ENDCAP_HOME": str(folder / "home"),
            "ENDCAP_SENDER": f"sns://{topic}",
            "ENDCAP_TABLES": tables,
            "RunsUrl": f"s3://{self.bucket}/runs",
            "AWS_XRAY_DAEMON_ADDRESS": daemon,
        }

    def of(self, function: str) -> dict[str, str]:
        if FUNCTIONS[function].package == "image":  # has what is installed here
            return self.environment | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        if function in AT_HOME:
            return self.environment
        return self.environment | {
            "ENDCAP_DOCUMENTS": "dynamodb://",
            "ENDCAP_LOG": "dynamodb",
            "ENDCAP_ARTIFACTS": f"s3://{self.bucket}/artifacts",
            "ENDCAP_LAKE": f"s3://{self.bucket}/lake",
            "ENDCAP_STREAM": f"kinesis://{self.stream}",
        }

    def upload(self, name: str, body: str) -> str:
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=name, Body=body.encode())
        return f"s3://{self.bucket}/{name}"

    def write(self, name: str, body: str) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
        return str(path)


@pytest.fixture
def account(
    aws: Any, tmp_path: Path, checkerboard_home: Path, functions_code: Path, xray: Any
) -> Account:
    return Account(aws, tmp_path, checkerboard_home, functions_code, xray.address)


def all_told(account: Account, answers: list[Any], xray: Any) -> str:
    """Answers are for who asked; of those that failed, an error goes to the log of whoever did."""
    failed = [json.dumps(a.payload, ensure_ascii=False) for a in answers if a.failed]
    xray.documents(len(answers))  # each handler's own part at least
    return "\n".join([account.told.read_text("utf-8"), *xray.texts, *failed])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_that_was_sent_is_told(
    name: str, account: Account, lambda_host: Any, xray: Any, marked: Any
) -> None:
    events = marked.EVENTS[name](account)  # a new function: say what it is sent
    handler, environment = FUNCTIONS[name].handler, account.of(name)
    with lambda_host(handler, environment, account.told, timeout_s=300) as host:
        answers = [host.invoke(event) for event in events]
    told = all_told(account, answers, xray)
    assert not answers[0].failed, told[-3000:]
    assert status_of(answers[0].payload) < 300, answers[0].payload
    assert answers[-1].failed
    seen = marked.found(told, events)
    assert seen == set(), [line for line in told.splitlines() if any(m in line for m in seen)]
    assert len(marked.found(json.dumps(events), events)) > 1
    requests = [json.loads(line) for line in told.splitlines() if line.startswith('{"level"')]
    assert all(line["function_request_id"] for line in requests)
    assert requests
    assert metrics_in(told) <= {"ColdStart", *FUNCTIONS[name].metrics, *IN_FUNCTIONS}
    assert metrics_in(told) > {"ColdStart"}
    assert xray.texts


def status_of(payload: Any) -> int:
    """Of an answer to a gateway; any other answer is well."""
    return int(payload.get("statusCode", 200)) if isinstance(payload, dict) else 200


def metrics_in(told: str) -> set[str]:
    lines = [json.loads(line) for line in told.splitlines() if line.startswith('{"_aws"')]
    (dimensions,) = {json.dumps(one["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) for one in lines}
    assert dimensions == '[["function"]]'
    return {
        metric["Name"]
        for line in lines
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }


LEAKS = ("line", "warning", "library", "metric", "trace", "error")


@pytest.mark.parametrize("leak", LEAKS)
def test_who_tells_what_was_sent_is_found(
    leak: str, account: Account, lambda_host: Any, xray: Any, marked: Any
) -> None:
    event = {"userId": marked.USER, "data": marked.packed(f"{marked.MAIL} of somebody")}
    path = os.pathsep.join((str(HERE), account.environment["PYTHONPATH"]))
    with lambda_host(f"leaking.{leak}", account.environment | {"PYTHONPATH": path},
                     account.told) as host:  # fmt: skip
        answers = [host.invoke(event)]
    told = all_told(account, answers, xray)
    assert marked.found(told, [event]) >= {marked.USER}, told
