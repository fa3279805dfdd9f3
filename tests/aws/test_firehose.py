"""Recorded Firehose events through the transformation function, run as Lambda runs it, from the
zip of the functions."""

from __future__ import annotations

import json
import os
import shutil
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict

from endcap.app.vectors import ITEMS, USERS, load, switch
from endcap.bootstrap import open_shop
from endcap.entrypoints.lambdas import surroundings
from endcap.settings import load_settings

HERE = Path(__file__).parent
HANDLER = "endcap.entrypoints.lambdas.firehose.handler"
MOST_BYTES = 6 * 2**20


def payload(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "payloads" / f"{name}.json").read_text("utf-8"))
    return found


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("NUMBA_CACHE_DIR",) if name in os.environ}
    return {"ENDCAP_HOME": str(home), **kept}


@pytest.fixture(scope="module")
def function(
    checkerboard_home: Path,
    functions_code: Path,
    tmp_path_factory: pytest.TempPathFactory,
    lambda_host: Any,
) -> Iterator[tuple[Any, Path]]:
    """The function of the checkerboard shop, and the file of its output."""
    folder = tmp_path_factory.mktemp("lambda")
    shutil.copytree(checkerboard_home, folder / "home")
    told = folder / "output"
    variables = {**environment(folder / "home"), "PYTHONPATH": str(functions_code)}
    with lambda_host(HANDLER, variables, told, timeout_s=250) as host:
        yield host, told


@pytest.fixture
def transform(function: tuple[Any, Path]) -> Any:
    """Event in, records out: each answer is held against Firehose's contract."""

    def call(event: dict[str, Any]) -> list[dict[str, Any]]:
        host, told = function
        answer = host.invoke(event)
        assert not answer.failed, (answer.payload, told.read_text("utf-8")[-2000:])
        assert answer.size <= MOST_BYTES
        assert set(answer.payload) == {"records"}
        records: list[dict[str, Any]] = answer.payload["records"]
        check(event, records)
        return records

    return call


def check(event: dict[str, Any], records: list[dict[str, Any]]) -> None:
    """The record contract of Firehose's data transformation."""
    assert [r["recordId"] for r in records] == [r["recordId"] for r in event["records"]]
    for record in records:
        assert set(record) <= {"recordId", "result", "data", "metadata"}
        assert record["result"] in ("Ok", "Dropped", "ProcessingFailed")
        assert ("data" in record) == (record["result"] == "Ok")
        if record["result"] == "Ok":
            assert b64decode(record["data"], validate=True).endswith(b"\n")
            keys = record["metadata"]["partitionKeys"]
            assert all(isinstance(value, str) and value for value in keys.values())


def line(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b64decode(record["data"]))
    return found


def colours(record: dict[str, Any]) -> set[str]:
    return {item["id"].split("-")[0] for item in line(record)["items"][:4]}


@pytest.mark.server
def test_normal(transform: Any) -> None:
    records = transform(payload("normal"))
    assert {record["result"] for record in records} == {"Ok"}
    assert [line(record)["userId"] for record in records] == ["s0", "s1", "s2", "s3"]
    assert [colours(r) for r in records] == [{"black"}, {"white"}, {"black"}, {"white"}]
    assert {line(r)["modelVersion"] for r in records} == {"v0001"}
    assert records[0]["metadata"] == {"partitionKeys": {"date": "2025-10-09"}}


@pytest.mark.server
def test_empty(transform: Any) -> None:
    assert transform(payload("empty")) == []


@pytest.mark.server
def test_poison(transform: Any) -> None:
    results = [record["result"] for record in transform(payload("poison"))]
    failed = "ProcessingFailed"
    assert results == ["Ok", failed, failed, failed, failed, "Dropped", failed, failed, "Ok"]


@pytest.mark.server
def test_unknown_users(transform: Any) -> None:
    records = transform(payload("unknown_user"))
    told = [line(record) for record in records]
    assert [t["strategy"] for t in told] == ["popular", "personal", "personal", "popular"]
    assert (colours(records[1]), colours(records[2])) == ({"white"}, {"black"})
    assert told[0]["userId"] == "покупатель-1"


@pytest.mark.server
def test_what_does_not_fit_into_an_answer_comes_back_as_failed(transform: Any) -> None:
    event = payload("oversize")
    (one,) = event["records"]
    event["records"] = [{**one, "recordId": f"{one['recordId']}{n:05d}"} for n in range(6_000)]
    results = [record["result"] for record in transform(event)]
    answered = results.count("Ok")
    assert 1_000 < answered < 6_000
    assert results == ["Ok"] * answered + ["ProcessingFailed"] * (6_000 - answered)


@pytest.mark.server
def test_the_output_names_no_shopper_and_counts(function: tuple[Any, Path], transform: Any) -> None:
    transform(payload("unknown_user"))
    told = function[1].read_text("utf-8")
    assert "visitor-2" not in told
    log, metrics = [json.loads(text) for text in told.splitlines() if text.startswith("{")][-2:]
    assert (log["recordsOk"], log["reasons"], log["modelVersion"]) == (4, {}, "v0001")
    assert (metrics["recordsOk"], metrics["recordsProcessingFailed"]) == ([4.0], [0.0])
    assert metrics["answers_total"] == [4.0]


@pytest.mark.server
def test_a_missing_model_fails_the_records_so_that_they_are_kept(
    tmp_path: Path, lambda_host: Any
) -> None:
    event = payload("model_missing")
    told = tmp_path / "output"
    with lambda_host(HANDLER, environment(tmp_path / "home"), told, 250) as host:
        answer = host.invoke(event)
        assert not answer.failed, told.read_text("utf-8")
        check(event, answer.payload["records"])
        assert {r["result"] for r in answer.payload["records"]} == {"ProcessingFailed"}
        assert '"no_model":2' in told.read_text("utf-8")


@pytest.mark.server
def test_stores_out_of_reach_fail_the_call_so_that_it_is_tried_again(
    tmp_path: Path, lambda_host: Any
) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    with lambda_host(HANDLER, environment(home), tmp_path / "told", 250) as host:
        answer = host.invoke(payload("normal"))
    assert answer.failed
    assert answer.payload["errorType"] == "InvalidInput"


@pytest.mark.server
def test_candidates_come_from_pgvector(
    board: Any, postgres: str, lambda_host: Any, tmp_path: Path
) -> None:
    found = conninfo_to_dict(postgres)
    url = (
        f"postgresql://{found['user']}@/{found['dbname']}?host={quote(str(found['host']), safe='')}"
    )
    wanted = {"ENDCAP_VECTORS": url, "ENDCAP_STREAM_NEIGHBOURS": "on"}
    shop = open_shop(load_settings({**environment(board.home), **wanted}))
    for kind in (ITEMS, USERS):
        load(shop, kind, "v0001", board.at, progress=lambda *_: None)
        switch(shop, kind, "v0001")
    event, told = payload("unknown_user"), tmp_path / "told"
    with lambda_host(HANDLER, {**environment(board.home), **wanted}, told, 250) as host:
        answer = host.invoke(event)
    assert not answer.failed, told.read_text("utf-8")
    check(event, answer.payload["records"])
    lines = [line(record) for record in answer.payload["records"]]
    assert [t["strategy"] for t in lines] == ["popular", "embedding", "embedding", "popular"]
    assert [colours(r) for r in answer.payload["records"][1:3]] == [{"white"}, {"black"}]
    assert not any("fallback" in t for t in lines)


def test_a_warm_function_follows_what_is_published(
    board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: who trains publishes, and the next call answers from it."""
    monkeypatch.setenv("ENDCAP_HOME", str(board.home))
    forget()
    published = surroundings.published()
    first = published.look()
    assert published.look() is first
    board.shop.documents.put("campaign", "default", {"name": "default", "version": ""})
    assert published.look() is not first
    assert published.look().serving.version == ""
    forget()


def forget() -> None:
    """What the functions of one process open once."""
    for opened in (surroundings.settings, surroundings.published):
        opened.cache_clear()
