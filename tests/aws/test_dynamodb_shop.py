"""A shop on this machine whose control documents lie in DynamoDB, by the commands that a person
gives, and its server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb_calls import DynamoCalls
from endcap.adapters.dynamodb_events import DynamoEvents
from endcap.adapters.dynamodb_tables import TABLES, Names
from endcap.domain.values import Event

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

SIZE = ("--users", "100", "--items", "100", "--events", "1000", "--days", "5", "--format", "csv")
AT = 1_755_369_000_000_000


def holding(aws: Any, names: Names, text: str) -> set[str]:
    """Tables in which a text stands."""
    client = aws.client("dynamodb")
    rows = {t: client.scan(TableName=names.of(t))["Items"] for t in TABLES}
    return {table for table, found in rows.items() if text in json.dumps(found)}


def test_a_shop_whose_documents_lie_in_dynamodb_from_its_first_file_to_an_erasure(
    endcap: Any, serve: Any, aws: Any, tmp_path: Path
) -> None:
    names = Names(aws.name("shop") + "-")
    interests = f"{names.prefix}who-wants-what"
    names = Names(names.prefix, given={"CustomerInterest": interests})
    home, made = tmp_path / "home", str(tmp_path / "made")
    parameter = "/" + aws.name("endcap") + "/documents"
    where = f"dynamodb://{names.prefix}"
    aws.client("ssm").put_parameter(Name=parameter, Value=where, Type="SecureString")
    settings = {**aws.environment, "ENDCAP_DOCUMENTS": f"ssm:{parameter}"}
    settings |= {"ENDCAP_THREADS": "1", "CustomerInterestTable": interests}

    def shop(*words: str, check: bool = True, **more: Any) -> Any:
        return endcap(*words, home=home, check=check, **{**settings, **more})

    shop("generate", "--out", made, *SIZE)
    early = shop("import", made, check=False)
    assert (early.returncode, "endcap dynamodb makes" in early.stderr) == (2, True)
    assert len(json.loads(shop("dynamodb", "--json").stdout)["made"]) == len(TABLES)
    assert shop("dynamodb").stdout == "all tables are there already\n"

    shop("import", made)
    shop("train", "--budget", "2")
    versions = shop("versions").stdout
    assert "v0001" in versions
    user = Path(made, "users.csv").read_text().splitlines()[1].split(",")[0].strip('"')
    shop("batch", str(tmp_path / "batch.jsonl"))
    assert not [*home.rglob("documents.sqlite")]

    DynamoEvents(DynamoCalls(make=lambda: aws.client("dynamodb")), names).put_many(
        [Event(user, "i", "view", AT + n, str(n)) for n in range(3)]
    )
    server = serve(home, workers=1, **settings)
    with server.client() as client:
        stored = client.get(f"/v1/users/{user}/recommendations")
        assert stored.status_code == 200
        assert stored.json()["user_id"] == user
        assert stored.json()["recommendations"]
        assert client.get("/v1/users/nobody/recommendations").json() == {
            "error": "No stored recommendations"
        }
        told = {"customer_id": user, "interest": "tea", "location": "Cape Town"}
        recorded = client.post("/recommend", json=told)
        assert (recorded.status_code, recorded.json()) == (
            200,
            {"message": "Customer preference recorded."},
        )
        personal = client.get("/v1/recommendations/personalized", params={"userId": user})
        assert personal.headers["Endcap-Model-Version"]
        seen = {"storeRecommendations", "CustomerInterest", "events"}
        assert holding(aws, names, user) == seen
        assert client.delete(f"/v1/users/{user}").status_code == 202
        assert client.get(f"/v1/users/{user}/recommendations").status_code == 404
    assert holding(aws, names, user) == set()
    receipts = json.loads(shop("erase-user", user, "--receipts", "--json").stdout)
    gone = [receipt["forgotten"] for receipt in receipts]
    assert sum(each["table of events"] for each in gone) == 3
    assert sum(each["stored recommendations"] for each in gone) == 1
    assert sum(each["interests and preferences"] for each in gone) == 1
    assert "documents" in shop("doctor", check=False).stdout


def test_what_cannot_be_reached_is_said_in_a_sentence(
    endcap: Any, aws: Any, tmp_path: Path
) -> None:
    reached = {**aws.environment, "ENDCAP_DOCUMENTS": "dynamodb://nowhere-"}
    for settings, sentence in (
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"ENDCAP_DOCUMENTS": "dynamodb:/x"}, "empty or dynamodb://PREFIX"),
        ({"ENDCAP_TABLES": "users=some"}, "NAME of documents, storeRecommendations"),
        ({}, "DynamoDB has no table 'nowhere-documents'"),
    ):
        failed = endcap("versions", home=tmp_path, check=False, **{**reached, **settings})
        assert failed.returncode in (1, 2)
        assert sentence in failed.stderr
        assert "Traceback" not in failed.stderr
        assert "unexpected" not in failed.stderr
    failed = endcap("dynamodb", home=tmp_path, check=False)
    assert "ENDCAP_DOCUMENTS is not set" in failed.stderr
