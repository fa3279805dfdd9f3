"""The API's function in this process: who may ask, what it takes up, what it does without lake."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.app import following
from endcap.app.following import Follower
from endcap.app.keys import change
from endcap.app.published import published
from endcap.app.receipts import ON_DISK, complete_receipts, receipts_of
from endcap.app.training import train
from endcap.bootstrap.functions import Elsewhere, open_function_shop
from endcap.control import api_keys
from endcap.domain.errors import Damaged, InvalidInput, Unavailable
from endcap.entrypoints.lambdas import api, surroundings
from endcap.settings import load_settings
from endcap.telemetry import Telemetry

PERSONAL = "/v1/recommendations/personalized?userId=s0&k=3"
JSON = [("Content-Type", "application/json")]
SECRET = bytes(range(32))
Ask = Callable[..., Any]


@pytest.fixture
def call(board: Any, monkeypatch: pytest.MonkeyPatch, gateway_events: Any) -> Iterator[Ask]:
    """Asks the function as a new environment of it, over the checkerboard shop."""
    monkeypatch.setenv("ENDCAP_HOME", str(board.home))
    monkeypatch.setenv("ENDCAP_AUTH", "gateway")
    monkeypatch.setenv("ENDCAP_DEADLINE_MS", "60000")

    def ask(method: str, target: str, body: Any = None, headers: Any = ()) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        event = gateway_events.first(method, target, raw, [*JSON, *headers])
        return gateway_events.answer_of(api.handler(event, None))

    for one in (surroundings.settings, api.opened):
        one.cache_clear()
    yield ask
    for one in (surroundings.settings, api.opened):
        one.cache_clear()


def test_importing_it_opens_nothing_and_is_quick() -> None:
    program = """
import sys, time
began = time.perf_counter()
import app
print(time.perf_counter() - began)
print(sorted({"boto3", "numpy", "endcap.bootstrap", "endcap.serving.api"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2] / "infra" / "functions",
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    seconds, loaded = done.stdout.splitlines()
    print(f"importing the handler: {float(seconds):.3f} s")  # noqa: T201
    assert loaded == "[]"


def test_a_function_is_never_open(call: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENDCAP_AUTH")
    with pytest.raises(InvalidInput) as caught:
        call("GET", PERSONAL)
    assert caught.value.code == "function_open"


def test_behind_a_gateway_nothing_is_asked_for(call: Ask) -> None:
    assert call("GET", PERSONAL).status == 200
    foreign = [("Origin", "https://elsewhere.example")]
    event = {"userId": "u", "itemId": "black-1", "event_type": "view"}
    told = call("POST", "/v1/events", event, foreign)
    assert (told.status, told.body) == (202, {"ok": True})
    assert "access-control-allow-origin" not in told.headers
    assert call("DELETE", "/v1/users/u").status == 202


def test_keys_may_be_asked_for_here_too(
    board: Any, call: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDCAP_AUTH", "required")
    assert call("GET", "/v1/health").status == 200
    refused = call("GET", PERSONAL)
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="endcap"')
    terms = {"name": "till", "scopes": ("read",), "rate_per_s": 0.001, "burst": 2}
    key = api_keys.key_text((1).to_bytes(6, "big").hex(), SECRET)
    change(
        board.shop, board.at,
        lambda: api_keys.create(board.shop.documents, (1).to_bytes(6, "big"), SECRET, board.at,
                                **terms),
    )  # fmt: skip
    told = [call("GET", PERSONAL, headers=[("X-Api-Key", key)]) for _ in range(3)]
    assert [answer.status for answer in told] == [200, 200, 429]
    assert int(told[2].headers["retry-after"]) > 100


def test_metrics_are_left_to_cloudwatch(call: Ask) -> None:
    assert call("GET", "/metrics").status == 404


def test_a_new_version_is_taken_up_while_it_lives(
    board: Any, call: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LOOK_EVERY_S", 0.0)
    assert call("GET", PERSONAL).headers["endcap-model-version"] == "v0001"
    board.post(("s0", "black-3", "view"))
    train(board.shop, board.at, progress=lambda *_: None, budget_s=0.5, force="a test")
    assert call("GET", PERSONAL).headers["endcap-model-version"] == "v0002"


def test_a_store_that_cannot_be_reached_is_a_503(
    call: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise Unavailable("dynamodb_unavailable", field="documents", reason="t", retry_after_s=5)

    with monkeypatch.context() as patch:
        patch.setattr("endcap.bootstrap.functions.open_function_shop", away)
        refused = call("GET", PERSONAL)
    assert (refused.status, refused.headers["retry-after"]) == (503, "5")
    assert refused.headers["endcap-error-code"] == "dynamodb_unavailable"
    assert call("GET", PERSONAL).status == 200


def opened(board: Any) -> Any:
    settings = load_settings({"ENDCAP_HOME": str(board.home), "ENDCAP_AUTH": "gateway"})
    return open_function_shop(settings, Telemetry())


def test_pointers_are_looked_at_once_a_second_and_no_failure_stops_it(
    board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, _, names = opened(board)
    assert names == published(board.shop.documents)
    now, looks = [0.0], []
    monkeypatch.setattr(following, "published", lambda _: looks.append(now[0]) or names)
    follower = Follower(shop, names, lambda: now[0])
    for now[0] in (0.5, 1.0, 1.5, 2.5, 2.6, 0.0):  # the last: the clock was set back
        follower.look()
    assert looks == [1.0, 2.5, 0.0]
    serves = shop.now
    for error in (
        Unavailable("dynamodb_unavailable", field="x", reason="t"),
        Damaged("artifact_damaged", field="x", reason="t"),
    ):

        def fails(*_: Any, error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(following, "published", fails)
        now[0] += 10
        follower.look()
    assert shop.now is serves


def test_ages_are_told_once_a_minute(board: Any) -> None:
    shop, _, names = opened(board)
    now = [board.at / 1e6 + 100.0]
    follower, told = Follower(shop, names, lambda: now[0]), []
    for _ in range(5):
        follower.look()
        told.append({name: age for (name, _), age in shop.telemetry.gauges.items()})
        now[0] += 30
    ages = ("model_age_seconds", "snapshot_age_seconds", "newest_event_age_seconds")
    assert set(ages) <= set(told[0])
    for name in ages:
        first, *later = (ages[name] for ages in told)
        assert [age - first for age in later] == pytest.approx([0, 60, 60, 120])
        assert 0 < first < 1e9


def test_what_needs_a_lake_says_that_it_is_elsewhere() -> None:
    with pytest.raises(Unavailable) as caught:
        Elsewhere("lake").manifest()
    assert (caught.value.code, caught.value.field) == ("lake_elsewhere", "lake.manifest")


def test_an_erasure_is_completed_where_the_lake_is(board: Any, call: Ask) -> None:
    told = call("DELETE", "/v1/users/s1")
    assert told.status == 202
    assert told.body["forgotten"]["events of the history"] > 1
    assert set(told.body["pending"]) > set(ON_DISK)
    assert ON_DISK[0] not in told.body["untilPurge"]
    board.shop.refresh()
    assert len(board.shop.now.state.history("s1").items) == 0
    assert complete_receipts(board.shop) == 1
    (receipt,) = receipts_of(board.shop, "s1")
    assert (receipt.receipt, receipt.pending) == (told.body["receipt"], ())
    assert receipt.until_purge[ON_DISK[0]] > 0
    assert receipt.until_purge["events in the lake"] > 1


def test_a_home_of_its_own_is_enough(board: Any, tmp_path: Path) -> None:
    """Nothing but documents and what is published is read from elsewhere."""
    shutil.rmtree(Path(board.home) / "groups/default/lake")
    assert opened(board).shop.now.serving.version == "v0001"
