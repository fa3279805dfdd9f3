"""What a training job of SageMaker asks of AWS is what its role lets it do, and all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from endcap.app.nightly import Nightly
from endcap.app.versions import promote
from endcap.bootstrap.documents import make_tables
from endcap.bootstrap.pipelines import import_files
from endcap.entrypoints.sagemaker.train import DONE, main
from endcap.settings import load_settings

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

AT = 1_755_369_000_000_000
RIGHTS = Path(__file__).parents[2] / "infra" / "modules" / "training" / "rights.tf"
ACTIONS = {
    "ListObjectsV2": "ListBucket",
    "HeadObject": "GetObject",
    "DeleteObjects": "DeleteObject",
}
Asked = dict[str, set[str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """By what is asked (documents_table, artifacts_bucket …) the actions, as IAM calls them."""
    found: Asked = {}
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(client: Any, operation: str, given: dict[str, Any]) -> Any:
        service = client.meta.service_model.service_name
        tables = [given["TableName"]] if "TableName" in given else [*given.get("RequestItems", ())]
        keys = [given.get("Key"), given.get("Prefix"), *given.get("Delete", {}).get("Objects", ())]
        places = [f"{table.rpartition('-')[2]}_table" for table in tables] or [
            f"{str(key['Key'] if isinstance(key, dict) else key).split('/')[2]}_bucket"
            for key in keys if key
        ]  # fmt: skip
        for place in places or ["?"]:
            action = f"{service}:{ACTIONS.get(operation, operation)}"
            found.setdefault(place, set()).add(action)
        return call(client, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return found


def night_before(board: Any) -> dict[str, str]:
    """A shop with events whose lake is settled and whose next version is reserved, as the nightly
    steps before the training do; the job's hyper-parameters."""
    for thing in range(40):
        board.put(f"thing-{thing}", department="ab"[thing % 2], name=f"thing {thing}")
    for shopper in range(100):
        steps = [(f"s{shopper}", f"thing-{shopper * 7 % 40 ^ n}", "purchase") for n in range(12)]
        board.post(*steps)
    work = Nightly(board.shop, lambda: AT, lambda *_: None, import_files, lambda _: None)
    settled = work.settle({})
    told = work.check(settled)
    return {"version": told["version"], "lake_version": str(settled["lake_version"])}


def test_the_role_lets_it_do_what_it_does_and_no_more(
    aws: Any, s3_url: str, tmp_path: Path, make_board: Callable[..., Any], asked: Asked,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    variables = {
        "ENDCAP_DOCUMENTS": f"dynamodb://{aws.name('shop')}-",
        "ENDCAP_ARTIFACTS": f"{s3_url}/artifacts",
        "ENDCAP_LAKE": f"{s3_url}/lake",
    }
    make_tables(load_settings({**variables, "ENDCAP_HOME": str(tmp_path / "any")}), "default")
    board = make_board(tmp_path / "host", ENDCAP_LOG="dynamodb", **variables)
    chosen = night_before(board)
    job = tmp_path / "ml"
    config = job / "input" / "config" / "hyperparameters.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({**chosen, "budget_s": "1"}))
    for name, value in {**variables, "ENDCAP_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)
    asked.clear()
    assert main(["--root", str(job)]) == DONE
    by_the_job = dict(asked)
    promote(board.shop, chosen["version"], AT)
    asked.clear()
    assert main(["--root", str(job)]) == DONE  # once more: what there was is replaced
    for place, actions in by_the_job.items():
        asked[place] |= actions
    (written,) = re.findall(r"\n  asked = \{\n(.*?)\n  \}\n", RIGHTS.read_text("utf-8"), re.DOTALL)
    permitted = {
        place: set(re.findall(r'"([\w:]+)"', listed))
        for place, listed in re.findall(r"(\w+)\s*=\s*\[(.*?)\]", written, re.DOTALL)
    }
    assert asked == permitted
