"""``endcap pipeline run`` that begins in a bucket."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

SIZE = ("--users", "100", "--items", "100", "--events", "1000", "--days", "5", "--format", "csv")
RUN = ("pipeline", "run", "--budget", "2")  # s of search: which model comes of it does not matter


def test_files_of_a_bucket_are_imported_once_and_tables_there_are_trained_on(
    endcap: Any, aws: Any, s3_url: str
) -> None:
    def shop(*words: str, check: bool = True) -> Any:
        return endcap(*words, check=check, ENDCAP_LAKE=f"{s3_url}/lake", **aws.environment)

    shop("generate", "--out", f"{s3_url}/made", *SIZE)
    record = json.loads(shop(*RUN, f"{s3_url}/made", "--json").stdout)
    assert record["status"] == "done"
    told = record["facts"]["imported"]
    assert told["users"]["accepted"] == told["items"]["accepted"] == 100
    assert told["events"]["accepted"] > 500
    shop("etl", "--tables", "neighbours,user_features")
    trained = shop("train", "--from-tables", "--force", "--reason", "to see it", "--json")
    assert json.loads(trained.stdout)["lineage"]["tables_version"] > 1
    assert shop("recommend", "nobody").returncode == 0
    pattern = ("--interactions", f"{s3_url}/made/inter*.csv")
    again = json.loads(shop(*RUN, *pattern, "--json").stdout)
    assert again["facts"]["imported"]["events"]["accepted"] == 0
    none = ("--interactions", f"{s3_url}/made/none*.csv")
    assert json.loads(shop(*RUN, *none, "--json").stdout)["facts"]["imported"] == {}
    failed = shop(*RUN, f"{s3_url}/nothing", check=False)
    assert (failed.returncode, "there is no file" in failed.stderr) == (2, True)
    assert "attempt" not in failed.stderr
