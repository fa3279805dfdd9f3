"""Functions on a day when AWS does not do as it should: real clients, and a proxy in front of the
emulator that answers the faults. What whoever called saw, what stands afterwards, which metric
says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb_tables import TABLES, Names, create
from endcap.entrypoints.lambdas.table import FUNCTIONS

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]
THROTTLED = "ProvisionedThroughputExceededException"
CAMPAIGN = "arn:aws:personalize:us-east-1:123456789012:campaign/shop"
STORED, USERS = TABLES["storeRecommendations"], TABLES["EcommerceUsers"]
SOME = {"userId": "u1", "recommendations": ["a", "b"], "scores": [1.0, 0.5], "at": 10}


class Called:
    """One function in an environment where its clients meet the faults."""

    def __init__(self, host: Any, told: Path, output: Any) -> None:
        self._host, self._told, self._output = host, told, output

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        answer = self._host.invoke(event)
        assert not answer.failed, (answer.payload, self._told.read_text("utf-8")[-3000:])
        payload: dict[str, Any] = answer.payload
        return payload

    def failing(self, event: dict[str, Any]) -> str:
        answer = self._host.invoke(event)
        assert answer.failed, answer.payload
        return str(answer.payload["errorType"])

    def metric(self, name: str) -> float:
        """What CloudWatch would sum up of all calls."""
        total: float = self._output.metric(self._told, name)
        return total


Call = Callable[..., Called]


@pytest.fixture
def function(
    faults: Any, lambda_host: Any, as_in_lambda: dict[str, str], output: Any, tmp_path: Path
) -> Iterator[Call]:
    """``function("StoreToDynamoDB", ENDCAP_…="…")``."""
    with ExitStack() as hosts:

        def made(name: str, **variables: str) -> Called:
            told = tmp_path / f"{name}.log"
            given = {**faults.environment, **as_in_lambda, "ENDCAP_HOME": str(tmp_path / "home")}
            host = lambda_host(FUNCTIONS[name].handler, {**given, **variables}, told, 250)
            return Called(hosts.enter_context(host), told, output)

        yield made


@pytest.fixture
def tables(aws: Any) -> Names:
    names = Names(aws.name("shop") + "-")
    create(aws.client("dynamodb"), names, [STORED, USERS])
    return names


def where(names: Names) -> dict[str, str]:
    return {"ENDCAP_DOCUMENTS": f"dynamodb://{names.prefix}"}


def rows(aws: Any, names: Names, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("dynamodb").scan(TableName=names.of(table))["Items"]
    return found


def test_a_campaign_that_does_not_answer_is_stood_in_for(
    function: Call, faults: Any, checkerboard_home: Path, tmp_path: Path
) -> None:
    shutil.copytree(checkerboard_home, tmp_path / "home")
    fetch = function("FetchRecommendations", PERSONALIZE_CAMPAIGN_ARN=CAMPAIGN)
    late = faults.hang("POST /recommendations", 1000, 4.0)
    done = fetch({"userId": "s0", "k": 3})
    assert late.met == 2  # attempts, of 1.5 s each
    assert done["fallback"] == "campaign_unavailable"
    assert done["strategy"] == "personal"
    assert {item.split("-")[0] for item in done["recommendations"]} == {"black"}
    assert fetch.metric("fallbacks") == 1


def test_an_item_is_stored_though_dynamodb_throttles(
    function: Call, faults: Any, aws: Any, tables: Names
) -> None:
    store = function("StoreToDynamoDB", **where(tables))
    faults.refuse("PutItem", 2, THROTTLED)
    assert store(SOME) == {"outcome": "stored"}
    assert store.metric("dependency_retries_total") == 2
    faults.clear()
    faults.refuse("PutItem", 1000, THROTTLED)
    assert store.failing({**SOME, "userId": "u2"}) == "Unavailable"  # the machine tries again
    faults.clear()
    assert store({**SOME, "userId": "u2"}) == {"outcome": "stored"}
    assert {row["user_id"]["S"] for row in rows(aws, tables, STORED.name)} == {"u1", "u2"}


def test_an_item_that_comes_twice_or_late_stands_once(
    function: Call, faults: Any, aws: Any, tables: Names
) -> None:
    store = function("StoreToDynamoDB", **where(tables))
    faults.lose("PutItem", 1)  # written, and the answer lost: the next attempt writes the same
    assert [store(SOME), store(SOME)] == [{"outcome": "stored"}] * 2
    newer = {**SOME, "recommendations": ["c"], "at": 20}
    assert [store(newer), store(SOME)] == [{"outcome": "stored"}, {"outcome": "superseded"}]
    (row,) = rows(aws, tables, STORED.name)
    assert row["recommendations"] == {"L": [{"S": "c"}]}
    assert (store.metric("stored"), store.metric("superseded")) == (3, 1)


def test_users_that_a_batch_leaves_unprocessed_are_written_all_the_same(
    function: Call, faults: Any, aws: Any, tables: Names
) -> None:
    bucket = aws.name("users")
    aws.client("s3").create_bucket(Bucket=bucket)
    users = [{"userId": f"u{n}"} for n in range(60)]
    aws.client("s3").put_object(Bucket=bucket, Key="u.json", Body=json.dumps(users).encode())
    read = function("ImportUsersFromS3", **where(tables))
    faults.leave(times=4, taken=3)
    done = read({"source": f"s3://{bucket}/u.json"})
    assert (done["read"], done["written"], done["bad"]) == (60, 60, 0)
    assert len(rows(aws, tables, USERS.name)) == 60
    assert read.metric("dependency_retries_total") >= 1
    assert read.metric("usersWritten") == 60


def test_a_bucket_that_denies_fails_the_call_and_writes_nothing(
    function: Call, faults: Any, aws: Any, tables: Names
) -> None:
    read = function("ImportUsersFromS3", **where(tables))
    faults.refuse("(GET|HEAD) /.*", 1000, "AccessDenied", 403)
    assert read.failing({"source": "s3://some-bucket/u.json"}) == "Forbidden"
    assert rows(aws, tables, USERS.name) == []
