"""A shop whose lake and artifacts lie in a bucket, by the commands that a person gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.s3 import Bucket

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

SIZE = ("--users", "100", "--items", "100", "--events", "1000", "--days", "5", "--format", "csv")


@pytest.fixture
def shop(endcap: Any, aws: Any, s3_url: str, tmp_path: Path) -> Any:
    """``shop("train", …)`` against one home whose files lie in the bucket."""
    settings = {**aws.environment, "ENDCAP_LAKE": f"{s3_url}/lake", "ENDCAP_THREADS": "1"}
    settings |= {"ENDCAP_ARTIFACTS": f"{s3_url}/artifacts"}

    def run(*words: str, home: str = "home", **more: Any) -> Any:
        return endcap(*words, home=tmp_path / home, **{**settings, **more})

    return run


def holding(bucket: Bucket, name: str) -> list[str]:
    return [o.key for o in bucket.objects() if name.encode() in bucket.get(o.key)]


def test_a_shop_in_a_bucket_from_its_first_file_to_a_purge(
    shop: Any, s3_url: str, tmp_path: Path
) -> None:
    bucket = Bucket(s3_url)
    made = f"{s3_url}/made"
    shop("generate", "--out", made, *SIZE)
    files = {found.key for found in bucket.objects("made/")}
    assert files >= {"made/users.csv", "made/items.csv", "made/interactions.csv"}
    report = json.loads(shop("import", made, "--json").stdout)
    events = report["quality"]["events"]
    assert events > 500
    assert not [*(tmp_path / "home").rglob("fetched-*")]
    assert [*bucket.objects("lake/default/manifest/")]
    assert [*bucket.objects("artifacts/default/snapshots/")]

    user = bucket.get("made/users.csv").splitlines()[1].split(b",")[0].strip(b'"').decode()
    shop("batch", f"{s3_url}/out/batch.jsonl")
    shop("export", f"{s3_url}/out/tables", "--format", "csv")
    assert len(holding(Bucket(f"{s3_url}/out"), user)) == 3
    receipt = json.loads(shop("erase-user", user, "--purge", "--json").stdout)[-1]
    assert receipt["purgedAt"]
    assert receipt["purged"]["written files"] == 3
    assert holding(Bucket(f"{s3_url}/out"), user) == []
    gone = shop("export", f"{s3_url}/x", "--lake-version", "1", check=False)
    assert (gone.returncode, "has no version" in gone.stderr) == (2, True)

    again = json.loads(shop("import", "--interactions", f"{made}/inter*.csv", "--json").stdout)
    assert again["tables"]["events"]["accepted"] == 0
    assert again["quality"]["events"] < events
    reasons = {reason["code"] for reason in again["tables"]["events"]["reasons"]}
    assert reasons == {"user_erased"}
    assert holding(Bucket(f"{s3_url}/artifacts"), user) == []


def test_what_denies_is_said_in_a_sentence_and_changes_nothing(
    shop: Any, s3_url: str, tmp_path: Path
) -> None:
    shop(
        "generate",
        "--out",
        f"{s3_url}/made",
        "--users",
        "100",
        "--items",
        "100",
        "--events",
        "1000",
    )
    shop("import", f"{s3_url}/made")
    before = {found.key for found in Bucket(s3_url).objects()}
    for settings, words, sentence in (
        ({"ENDCAP_LAKE": "s3://nobody-made-this/x"}, "import", "there is no bucket"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "import", "cannot be reached"),
        ({"ENDCAP_LAKE": "s3:/x"}, "import", "empty or s3://BUCKET/PREFIX"),
    ):
        failed = shop(words, f"{s3_url}/made", check=False, **settings)
        assert failed.returncode in (1, 2)
        assert sentence in failed.stderr
        assert "Traceback" not in failed.stderr
        assert "unexpected" not in failed.stderr
    missing = shop("import", "--users", f"{s3_url}/none/*.csv", check=False)
    assert (missing.returncode, "there is no file" in missing.stderr) == (2, True)
    assert {found.key for found in Bucket(s3_url).objects()} == before
    rows = shop("export", str(tmp_path / "tables"), "--lake-version", "1", "--json").stdout
    assert json.loads(rows)["users"] == 100
