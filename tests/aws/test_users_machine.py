"""A file of users in a bucket → the state machine of the functions → stored items, one message.

The functions are run from a zip by Lambda's own runtime client, the machine as it is committed.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb import DynamoDocuments
from endcap.adapters.dynamodb_calls import DynamoCalls

pytestmark = [pytest.mark.server, pytest.mark.timeout(1800)]

NAMES = ("ImportUsersFromS3", "MockRecommendations", "FetchRecommendations", "StoreToDynamoDB",
         "NotifyCompletion")  # fmt: skip
TABLES = ("EcommerceUsers", "storeRecommendations")
KNOWN, USERS, FEWER, BAD_EVERY = 60, 1000, 200, 50

Open = Callable[..., Any]


@pytest.fixture
def account(
    aws: Any, accounts: Any, functions_zip: Path, checkerboard_home: Path, tmp_path: Path
) -> Open:
    """An account with the five functions, over a shop whose model and documents are at hand."""

    def made(**variables: str) -> Any:
        home = tmp_path / "home"
        if not home.exists():
            shutil.copytree(checkerboard_home, home)
        opened = accounts.Account(
            aws, functions_zip.read_bytes(), tmp_path, ENDCAP_HOME=str(home), **variables
        )
        names = [f"{table}={opened.names.of(table)}" for table in TABLES]
        opened.variables |= {
            "ENDCAP_TABLES": ",".join(names),
            "RunsUrl": f"s3://{opened.bucket}/runs",
        }
        for name in NAMES:
            opened.function(name)
        return opened

    return made


def bad_of(users: int) -> int:
    return len(range(KNOWN, users, BAD_EVERY))


def users_file(users: int) -> str:
    """So many records, ``bad_of`` them bad."""
    records: list[Any] = [
        {"userId": f"s{n}", "email": f"person{n}@mail.example", "location": "Long Street"}
        for n in range(users)
    ]
    for n in range(KNOWN, users, BAD_EVERY):
        records[n] = {"email": f"person{n}@mail.example"} if n % 100 else "nobody"
    return json.dumps(records)


def names(item: dict[str, Any]) -> list[str]:
    return [value["S"] for value in item["recommendations"]["L"]]


def test_a_thousand_users_of_whom_some_are_bad_records(
    account: Open, board: Any, xray: Any, reach_aws: None, serve: Any
) -> None:
    shop, bad = account(AWS_XRAY_DAEMON_ADDRESS=xray.address), bad_of(USERS)
    good = USERS - bad
    source = shop.upload("ecommerce_users.json", users_file(USERS))
    machine, began = shop.machine("users.asl.json"), time.monotonic()
    done = shop.run(machine, source=source, k=3)
    print(f"{USERS} users in {time.monotonic() - began:.1f} s")  # noqa: T201
    assert done["status"] == "SUCCEEDED", shop.log()[-2000:]
    users, stored = shop.items("EcommerceUsers"), shop.items("storeRecommendations")
    (message,) = shop.messages()
    lines = message["Message"].splitlines()
    assert f"outcomes: stored {good}" in lines
    assert f"read: {USERS}" in lines
    assert f"bad: {bad}" in lines
    assert len(users) == len(stored) == good
    assert users["s7"]["email"] == {"S": "person7@mail.example"}
    documents = DynamoDocuments(DynamoCalls(), shop.names)
    for n in range(0, KNOWN, 7):
        item = stored[f"s{n}"]
        assert names(item) == board.ids(user_id=f"s{n}", k=3)
        document = documents.get("storeRecommendations", f"s{n}")
        assert document is not None
        assert document.body["recommendations"] == names(item)
        assert set(item) == {
            "user_id", "recommendations", "scores", "model_version", "strategy", "stored_at",
        }  # fmt: skip
        assert item["model_version"] == {"S": "v0001"}
        assert item["stored_at"]["N"].isdigit()
    assert message["MessageAttributes"]["failures"]["Value"] == str(bad)
    assert message["MessageAttributes"]["runId"]["Value"].startswith("run-")
    assert len(xray.documents()) > 3 * good
    told = "\n".join([shop.log(), json.dumps(message), *xray.texts])
    assert "mail.example" not in told
    assert "Long Street" not in told
    assert '"s7"' not in told
    read_by_route(serve, shop, stored)


def read_by_route(serve: Any, shop: Any, stored: dict[str, Any]) -> None:
    """``GET /v1/users/{userId}/recommendations`` of a shop whose documents are these tables."""
    server = serve(
        workers=1, ENDCAP_DOCUMENTS=f"dynamodb://{shop.names.prefix}", **shop.aws.environment
    )
    with server.client() as client:
        for user_id in ("s0", "s999", "s500"):
            answer = client.get(f"/v1/users/{user_id}/recommendations").json()
            assert answer["recommendations"] == names(stored[user_id])
            assert answer["user_id"] == user_id
        unknown = client.get("/v1/users/s60/recommendations")
        assert (unknown.status_code, unknown.json()) == (
            404,
            {"error": "No stored recommendations"},
        )


def test_the_distributed_fan_out_reads_its_users_from_the_bucket(account: Open) -> None:
    """The emulator knows STANDARD children alone; everything else is as it is committed."""
    shop, bad = account(), bad_of(FEWER)
    good = FEWER - bad
    source = shop.upload("ecommerce_users.json", users_file(FEWER))
    done = shop.run(shop.machine("users-distributed.asl.json", EXPRESS="STANDARD"), source=source)
    assert done["status"] == "SUCCEEDED", shop.log()[-2000:]
    assert len(shop.items("storeRecommendations")) == good
    (message,) = shop.messages()
    lines = message["Message"].splitlines()
    assert f"outcomes: done {good}, failed 0" in lines
    assert message["MessageAttributes"]["failures"]["Value"] == str(bad)
    run_id = message["MessageAttributes"]["runId"]["Value"]
    (told,) = [key for key in shop.keys(f"runs/{run_id}") if key.endswith("bad.jsonl")]
    body = shop.aws.client("s3").get_object(Bucket=shop.bucket, Key=told)["Body"].read()
    assert len(body.splitlines()) == bad


def test_users_who_fail_are_counted_and_told(account: Open) -> None:
    shop = account()
    records = [{"userId": "s0"}, {"userId": "s1"}, {"userId": "s2"}]
    shop.aws.client("lambda").update_function_configuration(
        FunctionName=shop.arns["StoreToDynamoDB"],
        Environment={"Variables": {**shop.variables, "ENDCAP_TABLES": "storeRecommendations=none"}},
    )
    source = shop.upload("three.json", json.dumps(records))
    for file, told in (
        ("users.asl.json", "outcomes: failed 3"),
        ("users-distributed.asl.json", "outcomes: done 0, failed 3"),
    ):
        done = shop.run(shop.machine(file, EXPRESS="STANDARD"), source=source)
        assert done["status"] == "SUCCEEDED", (done, shop.log()[-3000:])
        (message,) = shop.messages()
        assert told in message["Message"].splitlines()
        assert message["MessageAttributes"]["failures"]["Value"] == "3"


def test_a_file_that_is_not_there_takes_the_failure_branch(account: Open) -> None:
    shop = account()
    done = shop.run(shop.machine("users.asl.json"), source=f"s3://{shop.bucket}/missing.json")
    assert done["status"] == "FAILED"
    (message,) = shop.messages()
    lines = message["Message"].splitlines()
    assert lines[1:4] == ["status: failed", "step: ImportUsersFromS3", "error: NotFound"]
    assert shop.items("storeRecommendations") == {}
