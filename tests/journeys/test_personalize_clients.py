"""The Personalize API as its clients use it: a program of plain boto3, the AWS command line, and a
second server that has the first as its campaign."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "personalize_client.py"
CHECKED = ROOT / "tests" / "serving" / "personalize_conformity.py"  # each answer by its model
ROLE = "arn:aws:iam::123456789012:role/any"


def client_environment(url: str) -> dict[str, str]:
    """What a client sets to speak to a server in place of AWS."""
    base = f"{url}/personalize"
    names = ("PERSONALIZE", "PERSONALIZE_EVENTS", "PERSONALIZE_RUNTIME")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ENDCAP_"))}
    return {
        **kept,
        **{f"AWS_ENDPOINT_URL_{name}": base for name in names},
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def example(server: Any, folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(CHECKED), str(EXAMPLE), str(folder), *words],
        env=client_environment(server.url), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_plain_boto3_goes_all_the_way(serve: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    server = serve(ENDCAP_IMPORT_ROOTS=str(folder), ENDCAP_SOLUTION_SEARCH_S="2")
    told = example(server, folder)
    for word in ("first personal answer", "after eight clicks on fish", "ranking", "batch",
                 "second version", "all deleted"):  # fmt: skip
        assert word in told, told
    left = server.home / "groups"
    assert [each.name for each in left.iterdir()] == ["default"]


class CommandLine:
    """``aws personalize …`` as a person types it."""

    def __init__(self, url: str) -> None:
        self.environment = client_environment(url)

    def __call__(self, service: str, verb: str, **options: Any) -> Any:
        words = [sys.executable, str(Path(sys.executable).with_name("aws")), service, verb]
        for name, value in options.items():
            words.append("--" + name.replace("_", "-"))
            words.append(value if isinstance(value, str) else json.dumps(value))
        done = subprocess.run(
            [*words, "--output", "json"],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def until_active(self, kind: str, **arn: str) -> Any:
        verb = f"describe-{kind}"
        while True:
            (found,) = self("personalize", verb, **arn).values()
            assert "FAILED" not in found["status"], found
            if found["status"] == "ACTIVE":
                return found
            time.sleep(0.2)


def schema(name: str, *columns: tuple[str, str]) -> str:
    fields = [{"name": column, "type": kind} for column, kind in columns]
    return json.dumps({"type": "record", "name": name, "fields": fields, "version": "1.0"})


def test_the_aws_command_line_goes_all_the_way(serve: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [f"u{n % 40},i{(n % 40 + n // 40) % 30},{1_700_000_000 + n},View" for n in range(1200)]
    (folder / "a.csv").write_text("\n".join(["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE", *rows, ""]))
    server = serve(ENDCAP_IMPORT_ROOTS=str(folder), ENDCAP_SOLUTION_SEARCH_S="1")
    aws = CommandLine(server.url)
    columns = (("USER_ID", "string"), ("ITEM_ID", "string"), ("TIMESTAMP", "long"),
               ("EVENT_TYPE", "string"))  # fmt: skip
    made = aws("personalize", "create-schema", name="s", schema=schema("Interactions", *columns))
    group = aws("personalize", "create-dataset-group", name="shop")["datasetGroupArn"]
    aws.until_active("dataset-group", dataset_group_arn=group)
    dataset = aws(
        "personalize", "create-dataset", name="d", schema_arn=made["schemaArn"],
        dataset_group_arn=group, dataset_type="Interactions",
    )["datasetArn"]  # fmt: skip
    job = aws(
        "personalize", "create-dataset-import-job", job_name="j", dataset_arn=dataset,
        data_source={"dataLocation": (folder / "a.csv").as_uri()}, role_arn=ROLE,
    )["datasetImportJobArn"]  # fmt: skip
    aws.until_active("dataset-import-job", dataset_import_job_arn=job)
    tracker = aws("personalize", "create-event-tracker", name="t", dataset_group_arn=group)
    solution = aws(
        "personalize", "create-solution", name="sol", dataset_group_arn=group,
        recipe_arn="arn:aws:personalize:::recipe/aws-user-personalization",
    )["solutionArn"]  # fmt: skip
    version = aws("personalize", "create-solution-version", solution_arn=solution)
    arn = version["solutionVersionArn"]
    aws.until_active("solution-version", solution_version_arn=arn)
    metrics = aws("personalize", "get-solution-metrics", solution_version_arn=arn)["metrics"]
    assert 0 <= metrics["coverage"] <= 1
    campaign = aws("personalize", "create-campaign", name="c", solution_version_arn=arn)
    aws.until_active("campaign", campaign_arn=campaign["campaignArn"])
    asked = {"campaign_arn": campaign["campaignArn"], "user_id": "new", "num_results": "5"}
    before = aws("personalize-runtime", "get-recommendations", **asked)["itemList"]
    assert len(before) == 5
    clicks = [{"eventType": "View", "itemId": f"i{n}", "sentAt": time.time()} for n in (7, 8, 9)]
    aws("personalize-events", "put-events", tracking_id=tracker["trackingId"], user_id="new",
        session_id="s1", event_list=clicks)  # fmt: skip
    after = aws("personalize-runtime", "get-recommendations", **asked)["itemList"]
    assert [each["itemId"] for each in after] != [each["itemId"] for each in before]
    assert [each["name"] for each in aws("personalize", "list-campaigns")["campaigns"]] == ["c"]
    aws("personalize", "delete-campaign", campaign_arn=campaign["campaignArn"])


@pytest.fixture
def amazon(serve: Callable[..., Any], tmp_path: Path) -> tuple[Any, str]:
    """(a server, the ARN of a campaign that it has)"""
    folder = tmp_path / "data"
    server = serve(ENDCAP_IMPORT_ROOTS=str(folder), ENDCAP_SOLUTION_SEARCH_S="1")
    example(server, folder, "--name", "far", "--keep")
    return server, "arn:aws:personalize:us-east-1:123456789012:campaign/far-personal"


def test_a_second_server_answers_from_the_first(
    serve: Callable[..., Any], amazon: tuple[Any, str], tmp_path: Path
) -> None:
    far, arn = amazon
    variables = {k: v for k, v in client_environment(far.url).items() if k.startswith("AWS_")}
    near = serve(home=tmp_path / "near", ENDCAP_CAMPAIGN=arn, ENDCAP_CAMPAIGN_MS="2000",
                 ENDCAP_DEADLINE_MS="10000", **variables)  # fmt: skip
    path = "/v1/recommendations/personalized?userId=u5&k=10"
    with near.client() as http:
        told = http.get(path)
        assert told.headers["endcap-strategy"] == "campaign"
        assert "endcap-fallback" not in told.headers
        with far.client() as other:
            asked = other.post(
                "/personalize/recommendations",
                json={"campaignArn": arn, "userId": "u5", "numResults": 10},
            ).json()
        assert [i["id"] for i in told.json()["items"]] == [i["itemId"] for i in asked["itemList"]]

        os.killpg(far.process.pid, signal.SIGSTOP)
        try:
            late = http.get(path).headers
        finally:
            os.killpg(far.process.pid, signal.SIGCONT)
        assert late["endcap-strategy"] != "campaign"
        assert late["endcap-fallback"] == "campaign:late"
        assert http.get(path).headers["endcap-strategy"] == "campaign"

        far.stop()
        gone = http.get(path).headers
        assert gone["endcap-strategy"] != "campaign"
        assert gone["endcap-fallback"].startswith("campaign:")
        text = http.get("/metrics").text
    assert 'endcap_fallbacks_total{reason="late",stage="campaign"} 1' in text
    assert 'endcap_campaign_calls_total{outcome="answered"} 2' in text


def test_a_second_server_compares_itself_with_the_first(
    serve: Callable[..., Any], amazon: tuple[Any, str], tmp_path: Path
) -> None:
    far, arn = amazon
    variables = {k: v for k, v in client_environment(far.url).items() if k.startswith("AWS_")}
    near = serve(home=tmp_path / "near", ENDCAP_CAMPAIGN=f"shadow:{arn}",
                 ENDCAP_CAMPAIGN_MS="5000", **variables)  # fmt: skip
    with near.client() as http:
        for number in range(20):
            told = http.get(f"/v1/recommendations/personalized?userId=u{number}&k=10")
            assert told.headers["endcap-strategy"] != "campaign"
        until = time.monotonic() + 30
        wanted = 'endcap_campaign_calls_total{outcome="answered"} 20'
        while wanted not in (text := http.get("/metrics").text):
            assert time.monotonic() < until, text
            time.sleep(0.2)
    assert "endcap_campaign_items_total 200" in text
    assert "endcap_campaign_items_shared_total" in text
    assert "endcap_campaign_call_seconds" in text
