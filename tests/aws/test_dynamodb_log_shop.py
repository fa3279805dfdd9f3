"""A shop whose log lies in DynamoDB: processes that share no disk see each other's changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.dynamodb_log import DynamoLog
from endcap.adapters.dynamodb_tables import CHANGES, TABLES
from endcap.app import keys
from endcap.app.reloading import reload
from endcap.app.training import train
from endcap.app.versions import rollback
from endcap.bootstrap.documents import make_tables
from endcap.control import api_keys
from endcap.settings import load_settings

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

Open = Callable[..., Any]


@pytest.fixture
def variables(aws: Any, s3_url: str) -> dict[str, str]:
    """Of one shop; the homes of its machines differ."""
    return {
        "ENDCAP_DOCUMENTS": f"dynamodb://{aws.name('shop')}-",
        "ENDCAP_LOG": "dynamodb",
        "ENDCAP_ARTIFACTS": f"{s3_url}/artifacts",
        "ENDCAP_LAKE": f"{s3_url}/lake",
        "ENDCAP_THREADS": "1",
    }


@pytest.fixture
def machine(tmp_path: Path, variables: dict[str, str], make_board: Open) -> Open:
    """``machine("a")``: the shop as a process of one machine has it."""
    made = make_tables(load_settings(variables), "default")
    assert len(made) == len(TABLES)
    return lambda name: make_board(tmp_path / name, **variables)


def told(board: Any, user: str) -> list[str]:
    """What the live history of a shopper holds."""
    state = board.shop.now.state
    return [state.items.id(int(row)) for row in state.history(user).items]


def hears(board: Any, of: Callable[[], bool]) -> None:
    """A second later at the latest, and the time that this machine needs."""
    until = time.monotonic() + 20
    while not of():
        assert time.monotonic() < until
        time.sleep(0.05)
        board.shop.refresh()


def test_machines_see_what_others_wrote_and_a_restart_holds_the_same(machine: Open) -> None:
    a, b = machine("a"), machine("b")
    assert isinstance(a.shop.log, DynamoLog)
    a.put("x", name="a thing")
    a.post(("u", "x", "view"))
    assert told(a, "u") == ["x"]
    hears(b, lambda: told(b, "u") == ["x"])
    b.at = a.at
    b.post(("u", "y", "view"), ("other", "y", "view"))
    hears(a, lambda: told(a, "u") == ["x", "y"])
    again = machine("c")
    for board in (a, b, again):
        assert (told(board, "u"), told(board, "other")) == (["x", "y"], ["y"])
        assert board.shop.now.state.offset == a.shop.now.state.offset
        assert not [*board.home.rglob("*.log")]
    repeated = again.record(("u", "z", "view"), key=b"k" * 16, body=b"b" * 16)
    outcomes = [keys.write(board.shop, repeated).repeats for board in (again, b, a)]
    assert outcomes == [0, 1, 1]  # whoever has not heard of it yet is told when it writes
    a.erase("u")
    hears(b, lambda: told(b, "u") == [])
    assert told(machine("d"), "u") == []


def test_keys_and_versions_are_announced_to_every_machine(machine: Open) -> None:
    a, b = machine("a"), machine("b")
    moved = b.shop.keys_moved
    words: dict[str, Any] = {"name": "till", "scopes": ["read"]}
    keys.change(
        a.shop, a.at, lambda: api_keys.create(a.shop.documents, b"123456", b"x" * 32, 1, **words)
    )
    hears(b, lambda: b.shop.keys_moved == moved + 1)
    for shopper in range(12):
        a.post(*((f"s{shopper}", f"i{(shopper + n) % 8}", "view") for n in range(4)))
    for version in ("v0001", "v0002"):
        a.at += 1_000_000
        made = train(a.shop, a.at, progress=lambda *_: None, budget_s=0.5, force="to see it")
        assert made.name == version
        hears(b, lambda: "campaign" in b.shop.moved)
        reload(b.shop)
        assert b.shop.now.serving.version == version
    rollback(a.shop, a.at)
    hears(b, lambda: "campaign" in b.shop.moved)
    assert reload(b.shop).live.serving.version == "v0001"
    reload(a.shop)
    b.at = a.at
    assert b.answer(user_id="s3").items == a.answer(user_id="s3").items


def test_a_server_runs_on_it_and_commands_of_other_homes_reach_it(
    endcap: Any, serve: Any, aws: Any, variables: dict[str, str], tmp_path: Path
) -> None:
    settings = {**aws.environment, **variables, "ENDCAP_AUTH": "required"}
    prefix = variables["ENDCAP_DOCUMENTS"].removeprefix("dynamodb://")

    def command(*words: str, check: bool = True, **more: str) -> Any:
        return endcap(*words, home=tmp_path / "desk", check=check, **{**settings, **more})

    lacking = command("keys", "list", check=False, ENDCAP_DOCUMENTS="")
    assert "ENDCAP_LOG=dynamodb keeps the log beside the documents" in lacking.stderr
    early = command("keys", "list", check=False)
    assert "endcap dynamodb makes those that are missing" in early.stderr
    assert f"{prefix}{CHANGES}" in json.loads(command("dynamodb", "--json").stdout)["made"]
    home = tmp_path / "server"
    event = {"userId": "u", "itemId": "x", "event_type": "view"}

    server = serve(home, workers=2, **settings)
    key = command("keys", "create", "--name", "till", "--rate", "0").stdout.strip()
    time.sleep(1.5)  # until then it may not have heard
    with server.client(headers={"x-api-key": key}) as client:
        for n in (0, 1, 2, 3, 1):
            told = client.post("/v1/events", json=event, headers={"Idempotency-Key": f"key-{n}"})
            assert told.status_code == 202, told.text
    server.kill_everything()
    server = serve(home, workers=2, **settings)
    with server.client(headers={"x-api-key": key}) as client:
        assert client.get("/v1/recommendations/popular").status_code == 200
    assert server.stop() == 0
    seen = command("doctor", check=False).stdout
    assert "✓ log:" in seen
    assert "5 records" in seen  # one key, four events
    assert not [*home.rglob("groups/default/log")]
