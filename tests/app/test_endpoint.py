"""The ranker through an endpoint: the inference container as a process, boto3 for real, and between
them a stand-in of SageMaker's InvokeEndpoint that forwards."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import numpy as np
import pytest
from msgspec.structs import replace

from endcap.adapters import aws_clients
from endcap.adapters.sagemaker import SagemakerEndpoint
from endcap.app.intake import Intake
from endcap.app.packing import pack
from endcap.app.versions import promote
from endcap.bootstrap.functions import open_function_shop
from endcap.domain import npy
from endcap.domain.values import Query
from endcap.engine.surfaces import ranker_question
from endcap.models.ranker import BY_RANKER
from endcap.serving.api import Api
from endcap.telemetry import Telemetry

pytestmark = pytest.mark.server
NPY = "application/x-npy"


@dataclass
class Model:
    """The inference container as a process."""

    url: str
    process: subprocess.Popen[bytes]


@dataclass
class Runtime:
    """SageMaker's side of InvokeEndpoint. ``endpoints``: name → where its container listens."""

    url: str
    endpoints: dict[str, str] = field(default_factory=dict)
    slow_s: float = 0.0
    calls: int = 0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def shop(ranked: Any) -> Any:
    """A shop whose ranker re-orders, and a shopper."""
    board = ranked("pair_views", BY_RANKER)
    board.post(*[("fan", f"black-{i}", "view") for i in (1, 2)])
    board.post(*[("fan", "black-7", "view")] * 6)
    board.at += 1
    return board


@pytest.fixture
def model(shop: Any, tmp_path: Path) -> Iterator[Model]:
    """The shop's version, as SageMaker unpacks it for the container."""
    (tmp_path / "ml" / "model").mkdir(parents=True)
    pack(shop.shop, "v0001", tmp_path / "ml" / "model")
    port = free_port()
    words = ["-m", "endcap.entrypoints.sagemaker", "serve", "--root", str(tmp_path / "ml")]
    process = subprocess.Popen(
        [sys.executable, *words, "--host", "127.0.0.1"],
        env={**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port), "ENDCAP_HOME": str(tmp_path / "h")},
    )
    found = Model(f"http://127.0.0.1:{port}", process)
    statuses = set()
    for _ in range(1200):
        try:
            statuses.add(httpx.get(f"{found.url}/ping").status_code)
        except httpx.TransportError:
            time.sleep(0.05)
        if 200 in statuses or process.poll() is not None:
            break
    assert 200 in statuses <= {200, 503}
    yield found
    if process.poll() is None:
        process.kill()
    process.wait(30)


@pytest.fixture
def runtime(model: Model, monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """Where this process finds SageMaker; the endpoint ``ranker`` is the model."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            known.calls += 1
            time.sleep(known.slow_s)
            self.reply(*forwarded(known, self.path.split("/")[2], dict(self.headers), body))

        def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    host = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.daemon_threads = True
    known = Runtime(f"http://127.0.0.1:{host.server_port}", {"ranker": model.url})
    Thread(target=host.serve_forever, args=(0.01,), daemon=True).start()
    for name, value in {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": known.url, "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    aws_clients.client.cache_clear()
    yield known
    aws_clients.client.cache_clear()
    host.shutdown()
    host.server_close()


def forwarded(
    runtime: Runtime, name: str, headers: dict[str, str], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """As SageMaker answers: what the container says, or which error it makes of it."""
    if name not in runtime.endpoints:
        said = {"message": f"Endpoint {name} of account 000000000000 not found."}
        return 400, {"x-amzn-errortype": "ValidationError"}, json.dumps(said).encode()
    passed = {name: headers[name] for name in ("Content-Type", "Accept") if name in headers}
    told = httpx.post(f"{runtime.endpoints[name]}/invocations", content=body, headers=passed)
    if told.status_code != 200:
        said = {"OriginalStatusCode": told.status_code, "OriginalMessage": told.text}
        return 424, {"x-amzn-errortype": "ModelError"}, json.dumps(said).encode()
    attributes = "x-amzn-sagemaker-custom-attributes"
    return 200, {n: told.headers[n] for n in ("content-type", attributes)}, told.content


def opened(board: Any, endpoint: str, ranker_ms: float = 30_000) -> Any:
    """The shop as a server opens it whose ranker is asked there; "": in this process."""
    named = f"sagemaker://{endpoint}" if endpoint else "inside"
    board.settings = replace(board.settings, ranker=named, ranker_ms=ranker_ms, deadline_ms=120_000)
    board.reopen()
    return board.shop


def asked(board: Any, shop: Any, method: str, path: str, **body: Any) -> httpx.Response:
    """One request to the shop's API, at the board's time."""

    async def send() -> httpx.Response:
        api = Api(shop, Intake(shop), lambda: board.at)
        transport = httpx.ASGITransport(app=api)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return await client.request(method, path, json=body or None)

    return asyncio.run(send())


PATH = "/v1/recommendations/personalized?userId=fan&k=10"


def test_the_ranker_through_the_endpoint_is_the_one_in_process(shop: Any, runtime: Runtime) -> None:
    here = asked(shop, opened(shop, ""), "GET", PATH)
    there = asked(shop, opened(shop, "ranker"), "GET", PATH)
    assert there.json() == here.json()
    assert there.json()["items"][0]["id"] == "black-7"
    assert "endcap-fallback" not in there.headers
    assert runtime.calls == 1
    counters = shop.shop.telemetry.counters
    assert counters["ranker_calls_total", (("outcome", "answered"),)] == 1

    live = shop.shop.now
    rows = ranker_question(live, Query("personal", at=shop.at, user_id="fan"))
    trees = live.serving.ranker.trees
    found = SagemakerEndpoint("ranker", 30.0).margins(rows, trees.fingerprint)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, trees.margins(rows))


def test_submissions_say_the_same_probabilities(shop: Any, runtime: Runtime) -> None:
    body = {"user_id": "fan", "event": "get_recommendations", "k": 5}
    here = asked(shop, opened(shop, ""), "POST", "/submit", **body)
    there = asked(shop, opened(shop, "ranker"), "POST", "/submit", **body)
    assert there.json() == here.json()
    assert there.headers["endcap-probability"] == "ranker"
    assert runtime.calls == 1


def test_the_function_asks_the_endpoint_too(shop: Any, runtime: Runtime) -> None:
    here = asked(shop, opened(shop, ""), "GET", PATH)
    for name, fallback in (("ranker", None), ("nobody", "endpoint:unknown_endpoint")):
        settings = replace(shop.settings, ranker=f"sagemaker://{name}", auth="gateway")
        there = asked(shop, open_function_shop(settings, Telemetry()).shop, "GET", PATH)
        assert there.json() == here.json()
        assert there.headers.get("endcap-fallback") == fallback
    assert runtime.calls == 2


def test_a_missing_endpoint_costs_nothing_but_is_told(shop: Any, runtime: Runtime) -> None:
    here = asked(shop, opened(shop, ""), "GET", PATH)
    there = asked(shop, opened(shop, "nobody"), "GET", PATH)
    assert there.json() == here.json()
    assert there.headers["endcap-fallback"] == "endpoint:unknown_endpoint"
    counters = shop.shop.telemetry.counters
    labels = (("reason", "unknown_endpoint"), ("stage", "endpoint"))
    assert counters["fallbacks_total", labels] == 1


def test_a_slow_endpoint_is_not_waited_for(shop: Any, runtime: Runtime) -> None:
    runtime.slow_s = 3.0
    here = asked(shop, opened(shop, ""), "GET", PATH)
    there = asked(shop, opened(shop, "ranker", ranker_ms=50), "GET", PATH)
    assert there.json() == here.json()
    assert there.headers["endcap-fallback"] in ("endpoint:late", "endpoint:endpoint_late")


def test_a_container_that_is_gone(shop: Any, runtime: Runtime, model: Model) -> None:
    runtime.endpoints["ranker"] = f"http://127.0.0.1:{free_port()}"  # a 500 of the stand-in
    here = asked(shop, opened(shop, ""), "GET", PATH)
    there = asked(shop, opened(shop, "ranker"), "GET", PATH)
    assert there.json() == here.json()
    assert there.headers["endcap-fallback"] == "endpoint:endpoint_unavailable"


def test_another_model_at_the_endpoint_is_not_believed(
    shop: Any, runtime: Runtime, second_version: Any
) -> None:
    from endcap.app.rankers import RANKERS

    name = second_version(shop)
    staged = shop.shop.artifacts.staging(RANKERS)
    ranker = shop.shop.now.serving.ranker
    leaves = (ranker.trees.leaves * 2).astype(np.float32)
    dataclasses.replace(ranker, trees=dataclasses.replace(ranker.trees, leaves=leaves)).save(staged)
    shop.shop.artifacts.publish(RANKERS, name, staged)
    promote(shop.shop, name, shop.at)
    there = asked(shop, opened(shop, "ranker"), "GET", PATH)
    assert there.headers["endcap-model-version"] == name
    assert there.headers["endcap-fallback"] == "endpoint:endpoint_differs"


def test_the_container_answers_many_at_once_and_ends_in_order(shop: Any, model: Model) -> None:
    live = shop.shop.now
    rows = ranker_question(live, Query("personal", at=shop.at, user_id="fan"))
    expected = live.serving.ranker.trees.margins(rows)

    def call(_: int) -> Any:
        told = httpx.post(f"{model.url}/invocations", content=npy.encode(rows),
                          headers={"content-type": NPY, "accept": NPY})  # fmt: skip
        return npy.decode(told.content)[:, 1]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(call, range(64)):
            np.testing.assert_array_equal(found, expected)
    refused = httpx.post(f"{model.url}/invocations", content=b"{", headers={"content-type": NPY})
    assert refused.status_code == 400
    assert refused.headers["endcap-error-code"] == "bad_npy"
    model.process.send_signal(signal.SIGTERM)
    assert model.process.wait(30) == 0


def test_a_damaged_model_ends_the_container(shop: Any, tmp_path: Path) -> None:
    folder = tmp_path / "ml" / "model"
    folder.mkdir(parents=True)
    pack(shop.shop, "v0001", folder)
    leaves = folder / "ranker" / "leaves.npy"
    leaves.write_bytes(leaves.read_bytes()[:-1] + b"\xff")
    done = subprocess.run(
        [sys.executable, "-m", "endcap.entrypoints.sagemaker", "serve", "--host", "127.0.0.1",
         "--root", str(tmp_path / "ml"), "--port", str(free_port())],
        env={**os.environ, "ENDCAP_HOME": str(tmp_path / "h")},
        capture_output=True, text=True, timeout=250, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "ranker/leaves.npy of the package is damaged" in done.stderr
