"""Files in a bucket → the nightly machine, every step in a function → a version that serves.

The machine is run as it is committed. Lake and artifacts lie in the bucket, documents and the log
of changes in DynamoDB; ``Nightly`` is an image, the others are the zip.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(1800)]

START, DAY_S = 1_750_000_000, 86_400
SHOPPERS, ITEMS, DAYS = 130, 30, 12
HEADER = "user_id,item_id,ts,event_type\n"
SEARCH, NO_SEARCH = 5.0, 0.0  # s


def walks(first: int, days: int) -> str:
    """Shoppers who walk item → next item around a circle, a step a day, sometimes astray."""
    draw = random.Random(first)
    lines = []
    for day in range(first, first + days):
        for n in range(SHOPPERS):
            item = draw.randrange(ITEMS) if draw.random() < 0.3 else (n * 7 + day) % ITEMS
            lines.append(f"s{n},i{item},{START + day * DAY_S},view\n")
    return HEADER + "".join(lines)


class Nights:
    """An account with the nightly machine."""

    def __init__(self, account: Any, home: Path, dies: str = "") -> None:
        self.account = account
        more = {"DIES": dies} if dies else {}
        # No step finds on its disk what the step before left there.
        environments = {"ENDCAP_HOME": str(home / "nightly"), "ENVIRONMENTS": "2"}
        account.function("Nightly", **environments, **more)
        for name in ("NotifyCompletion", "FetchRecommendations"):
            account.function(name, ENDCAP_HOME=str(home / "zip"))
        self.machine = account.machine("nightly-small.asl.json")

    def night(self, **given: Any) -> dict[str, Any]:
        done: dict[str, Any] = self.account.run(self.machine, **given)
        return done

    def serving(self, user_id: str = "s1") -> str:
        """The version that answers."""
        fetched = self.account.invoke("FetchRecommendations", {"userId": user_id, "k": 3})
        assert len(fetched["recommendations"]) == 3
        return str(fetched["modelVersion"])

    def message(self) -> dict[str, Any]:
        (message,) = self.account.messages()
        return {"lines": message["Message"].splitlines(), **{
            name: held["Value"] for name, held in message["MessageAttributes"].items()
        }}  # fmt: skip


@pytest.fixture
def nights(aws: Any, accounts: Any, functions_zip: Path, tmp_path: Path) -> Callable[..., Nights]:
    def made(dies: str = "", **variables: str) -> Nights:
        account = accounts.Account(aws, functions_zip.read_bytes(), tmp_path)
        account.variables |= {
            "ENDCAP_LAKE": f"s3://{account.bucket}/lake",
            "ENDCAP_ARTIFACTS": f"s3://{account.bucket}/artifacts",
            "ENDCAP_DOCUMENTS": f"dynamodb://{account.names.prefix}",
            "ENDCAP_LOG": "dynamodb",
            "ENDCAP_THREADS": "1",
            **variables,
        }
        return Nights(account, tmp_path, dies)

    return made


def lines_of(message: dict[str, Any], name: str) -> str:
    """What the message says of ``name``."""
    (line,) = [line for line in message["lines"] if line.startswith(f"{name}: ")]
    return str(line.removeprefix(f"{name}: "))


def state_of(shop: Nights) -> dict[str, Any]:
    """All that a run that changes nothing leaves as it was; not when answers were stored."""
    stored = shop.account.items("storeRecommendations")
    versions = [key for key in shop.account.keys("artifacts") if "/models/" in key]
    return {
        "lake": shop.account.keys("lake"),
        "versions": versions,
        "answers": {user: item["recommendations"] for user, item in stored.items()},
        "serves": shop.serving(),
    }


def test_a_better_version_serves_and_a_worse_one_stops_at_the_gate(
    nights: Callable[..., Nights],
) -> None:
    shop = nights()
    source = f"s3://{shop.account.bucket}/in"
    shop.account.upload("in/interactions.csv", walks(0, DAYS))
    began = time.monotonic()
    first = shop.night(source=source, budget_s=NO_SEARCH)
    print(f"a night: {time.monotonic() - began:.1f} s")  # noqa: T201
    assert first["status"] == "SUCCEEDED", shop.account.log()[-3000:]
    assert first["output"]["import"]["imported"]["events"]["accepted"] == SHOPPERS * DAYS
    assert (first["output"]["gate"]["promoted"], shop.serving()) == (True, "v0001")
    assert lines_of(shop.message(), "stored") == str(SHOPPERS)

    shop.account.upload("in/interactions.csv", walks(DAYS, 1))
    better = shop.night(source=source, budget_s=SEARCH)
    assert better["status"] == "SUCCEEDED", shop.account.log()[-3000:]
    assert better["output"]["evaluate"]["verdict"] == "passed"
    assert better["output"]["deploy"]["serves"] == shop.serving() == "v0002"
    message = shop.message()
    assert (lines_of(message, "serves"), message["status"]) == ("v0002", "done")
    stored = shop.account.items("storeRecommendations")
    assert {item["model_version"]["S"] for item in stored.values()} == {"v0002"}

    before = state_of(shop)
    again = shop.night(source=source, budget_s=SEARCH)
    assert again["status"] == "SUCCEEDED", shop.account.log()[-3000:]
    assert again["output"]["import"]["imported"]["events"]["accepted"] == 0
    assert {"train", "register", "deploy"}.isdisjoint(shop.account.states(again))
    assert lines_of(shop.message(), "gate") == "nothing new since v0002"
    assert state_of(shop) == before

    shop.account.upload("in/interactions.csv", walks(DAYS + 1, 1))
    worse = shop.night(source=source, budget_s=NO_SEARCH)
    assert worse["status"] == "SUCCEEDED", shop.account.log()[-3000:]
    reason = worse["output"]["gate"]["gate"]
    assert "of v0002: -" in reason
    assert (worse["output"]["check"]["version"], shop.serving()) == ("v0003", "v0002")
    assert "deploy" not in shop.account.states(worse)
    message = shop.message()
    assert lines_of(message, "gate") == reason[: len(lines_of(message, "gate"))]
    assert (lines_of(message, "promoted"), message["status"]) == ("no", "done")
    assert '"s7"' not in shop.account.log() + str(message)


def test_a_step_that_fails_takes_the_failure_branch_and_is_told_once(
    nights: Callable[..., Nights],
) -> None:
    shop = nights()
    done = shop.night(source=f"s3://{shop.account.bucket}/nothing")
    assert (done["status"], done["error"]) == ("FAILED", "NotFound")
    entered = shop.account.states(done)
    assert entered == ["defaults", "arguments", "import", "notify_failure", "failed"]
    message = shop.message()
    assert message["lines"][1:4] == ["status: failed", "step: import", "error: NotFound"]
    assert (message["status"], message["pipeline"]) == ("failed", "nightly")
    empty = shop.night()
    assert (empty["status"], empty["error"]) == ("FAILED", "InvalidInput")
    assert shop.account.states(empty)[-3:] == ["check", "notify_failure", "failed"]
    assert shop.message()["lines"][2] == "step: check"


def test_a_task_that_fails_twice_and_then_works_is_tried_again(
    nights: Callable[..., Nights],
) -> None:
    shop = nights(dies="settle:2")
    shop.account.upload("in/interactions.csv", walks(0, DAYS))
    done = shop.night(source=f"s3://{shop.account.bucket}/in", budget_s=NO_SEARCH)
    assert done["status"] == "SUCCEEDED", shop.account.log()[-3000:]
    assert shop.account.failures(done) == ["Runtime.ExitError"] * 2
    assert done["output"]["settle"]["lake_version"] > 0
    assert shop.serving() == "v0001"
    assert shop.message()["status"] == "done"


def test_a_task_that_goes_on_failing_takes_the_failure_branch(
    nights: Callable[..., Nights],
) -> None:
    shop = nights(dies="settle:3")
    done = shop.night()
    assert (done["status"], done["error"]) == ("FAILED", "Runtime.ExitError")
    assert shop.message()["lines"][2] == "step: settle"


def deny(shop: Nights, pattern: str) -> None:
    """Nobody may write what lies there; "": everybody may write everything."""
    s3, bucket = shop.account.aws.client("s3"), shop.account.bucket
    if not pattern:
        s3.delete_bucket_policy(Bucket=bucket)
        return
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
                 "Resource": f"arn:aws:s3:::{bucket}/{pattern}"}  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def test_where_s3_denies_a_step_nothing_is_half_written(nights: Callable[..., Nights]) -> None:
    shop = nights()
    source = f"s3://{shop.account.bucket}/in"
    shop.account.upload("in/interactions.csv", walks(0, DAYS))
    deny(shop, "lake/*")
    done = shop.night(source=source, budget_s=NO_SEARCH)
    assert (done["status"], done["error"]) == ("FAILED", "Forbidden")
    assert "s3_denied" in shop.account.history(done, "taskFailedEventDetails")[0]["cause"]
    assert shop.message()["lines"][2:4] == ["step: import", "error: Forbidden"]
    assert shop.account.keys("lake") == shop.account.keys("artifacts") == []

    deny(shop, "")
    assert shop.night(source=source, budget_s=NO_SEARCH)["status"] == "SUCCEEDED"
    assert lines_of(shop.message(), "stored") == str(SHOPPERS)
    shop.account.upload("in/interactions.csv", walks(DAYS, 1))
    models = "artifacts/default/models/"
    kept = shop.account.keys(models)
    deny(shop, f"{models}*")
    done = shop.night(source=source, budget_s=NO_SEARCH)
    assert (done["status"], done["error"]) == ("FAILED", "Forbidden")
    assert shop.message()["lines"][2] == "step: train"
    assert shop.account.keys(models) == kept
    assert shop.serving() == "v0001"
