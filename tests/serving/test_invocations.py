"""The inference container's routes: what they take, what they answer, what they refuse."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import httpx
import numpy as np
import pytest
import xgboost

from endcap.domain import npy
from endcap.models.calibration import Calibration, isotonic
from endcap.models.ranker import BY_RANKER, COLUMNS, Ranker
from endcap.models.trees import read_xgboost
from endcap.serving import invocations
from endcap.serving.invocations import Deployed, Invocations

N = len(COLUMNS)
JSON, CSV, NPY = "application/json", "text/csv", "application/x-npy"


@pytest.fixture(scope="module")
def deployed() -> Deployed:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(2000, N)).astype(np.float32)
    labels = rows[:, 0] + rows[:, 3] > 0
    model = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 4, "nthread": 1},
        xgboost.DMatrix(rows, labels), 10,
    )  # fmt: skip
    trees = read_xgboost(bytes(model.save_raw("json")))
    curve: Calibration = isotonic(trees.margins(rows), labels)
    products: Any = None  # scoring rows that are made already needs none
    return Deployed(Ranker(trees, curve, products, BY_RANKER, {}), "v0007")


@pytest.fixture
def rows() -> Any:
    found = np.random.default_rng(1).normal(size=(5, N)).astype(np.float32)
    found[1, 2] = np.nan
    return found


def ask(app: Invocations, method: str, path: str, **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


@pytest.fixture
def app(deployed: Deployed) -> Invocations:
    made = Invocations(most_bytes=200_000, threads=2)
    made.deployed = deployed
    return made


def as_json(rows: Any) -> bytes:
    body = {"instances": [[None if np.isnan(n) else n for n in row] for row in rows.tolist()]}
    return json.dumps(body).encode()


def as_csv(rows: Any) -> bytes:
    lines = [",".join("" if np.isnan(n) else repr(n) for n in row) for row in rows.tolist()]
    return "\n".join(lines).encode()


BODIES = {JSON: as_json, CSV: as_csv, NPY: npy.encode}


def read(kind: str, raw: bytes) -> Any:
    """(n, 2) float32: probability and margin."""
    if kind == NPY:
        return npy.decode(raw)
    if kind == CSV:
        pairs = [line.split(",") for line in raw.decode().splitlines()]
        return np.array(pairs, np.float64).astype(np.float32)
    told = json.loads(raw)
    assert told["version"] == "v0007"
    pairs = [[one["probability"], one["margin"]] for one in told["predictions"]]
    return np.array(pairs, np.float32)


@pytest.mark.parametrize("accept", [JSON, CSV, NPY])
@pytest.mark.parametrize("kind", [JSON, CSV, NPY])
def test_every_form_says_the_same_to_the_last_bit(
    app: Invocations, deployed: Deployed, rows: Any, kind: str, accept: str
) -> None:
    told = ask(app, "POST", "/invocations", content=BODIES[kind](rows),
               headers={"content-type": kind, "accept": accept})  # fmt: skip
    assert told.status_code == 200
    assert told.headers["content-type"] == accept
    found = read(accept, told.content)
    margins = deployed.ranker.trees.margins(rows)
    np.testing.assert_array_equal(found[:, 1], margins)
    np.testing.assert_array_equal(found[:, 0], deployed.ranker.probabilities(rows))
    attributes = told.headers["x-amzn-sagemaker-custom-attributes"]
    assert attributes == f"version=v0007;trees={deployed.ranker.trees.fingerprint}"


@pytest.mark.parametrize("accept", [None, "*/*", "application/*;q=0.5", "text/html, */*"])
def test_json_where_any_form_will_do(app: Invocations, rows: Any, accept: str | None) -> None:
    headers = {"content-type": NPY} | ({"accept": accept} if accept else {})
    told = ask(app, "POST", "/invocations", content=npy.encode(rows), headers=headers)
    assert told.headers["content-type"] == JSON


BAD: dict[str, tuple[str, bytes, int, str]] = {
    "no body": (JSON, b"", 400, "empty_body"),
    "no JSON": (JSON, b"{", 400, "bad_json"),
    "no instances": (JSON, b"{}", 400, "missing_member"),
    "no rows": (JSON, b'{"instances": []}', 400, "empty_list"),
    "another member": (JSON, b'{"instances": [], "x": 1}', 400, ""),
    "texts": (JSON, b'{"instances": [["a"]]}', 400, ""),
    "a short row": (JSON, b'{"instances": [[1, 2]]}', 400, "bad_row_length"),
    "a huge number": (JSON, as_json(np.full((1, N), 1e39)), 400, "number_out_of_range"),
    "not UTF-8": (JSON, b'{"instances": [["\xff"]]}', 400, ""),
    "deep": (JSON, b"[" * 5000, 400, "nested_too_deep"),
    "a short line": (CSV, b"1,2\n", 400, "bad_row_length"),
    "a word": (CSV, b"x" + b"," * (N - 1), 400, "bad_csv"),
    "infinity": (CSV, b"inf" + b"," * (N - 1), 400, "number_out_of_range"),
    "Python's numbers": (CSV, b"1_0" + b"," * (N - 1), 400, "bad_csv"),
    "CSV not UTF-8": (CSV, b"\xff", 400, "bad_encoding"),
    "no npy": (NPY, b"PK\x03\x04", 400, "bad_npy"),
    "a narrow table": (NPY, npy.encode(np.zeros((2, 3), np.float32)), 400, "bad_row_length"),
    "a table of nothing": (NPY, npy.encode(np.zeros((0, N), np.float32)), 400, "empty_list"),
    "too large": (CSV, b"1" * 200_001, 413, "body_too_large"),
    "another type": ("text/html", b"x", 415, "bad_feature_content"),
    "no type": ("", b"x", 415, "bad_feature_content"),
    "another charset": ("text/csv; charset=latin-1", b"1", 415, "bad_feature_content"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_in_our_form(app: Invocations, name: str) -> None:
    kind, body, status, code = BAD[name]
    told = ask(app, "POST", "/invocations", content=body, headers={"content-type": kind})
    assert told.status_code == status
    assert set(told.json()) == {"error"}
    assert told.headers["endcap-error-code"] == (code or told.headers["endcap-error-code"])


def test_more_rows_than_are_scored_at_once(deployed: Deployed) -> None:
    app = Invocations(most_bytes=10_000_000, threads=1)
    app.deployed = deployed
    body = (b"," * (N - 1) + b"1\n") * 10_001
    told = ask(app, "POST", "/invocations", content=body, headers={"content-type": CSV})
    assert (told.status_code, told.headers["endcap-error-code"]) == (400, "too_many_entries")


def test_an_answer_that_cannot_be_given(app: Invocations, rows: Any) -> None:
    headers = {"content-type": NPY, "accept": "image/png"}
    told = ask(app, "POST", "/invocations", content=npy.encode(rows), headers=headers)
    assert (told.status_code, told.headers["endcap-error-code"]) == (406, "bad_accept")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/ping", 200), ("HEAD", "/ping", 200), ("POST", "/ping", 405),
     ("GET", "/invocations", 405), ("GET", "/", 404)],
)  # fmt: skip
def test_routes(app: Invocations, method: str, path: str, status: int) -> None:
    told = ask(app, method, path)
    assert told.status_code == status
    if status == 405:
        assert told.headers["allow"] in ("GET, HEAD", "POST")


def test_until_the_model_is_there(rows: Any) -> None:
    app = Invocations(200_000, 1)
    for method, path in (("GET", "/ping"), ("POST", "/invocations")):
        told = ask(app, method, path, headers={"content-type": NPY})
        assert told.status_code == 503
        assert told.headers["endcap-error-code"] == "model_not_loaded"
        assert int(told.headers["retry-after"]) > 0


def test_what_fails_inside_is_a_500_without_its_text(
    app: Invocations, rows: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("user-17 bought a hammer")

    monkeypatch.setattr(invocations, "score", broken)
    told = ask(app, "POST", "/invocations", content=npy.encode(rows), headers={"content-type": NPY})
    assert (told.status_code, told.headers["endcap-error-code"]) == (500, "internal_error")
    assert "hammer" not in told.text + caplog.text


def test_more_than_can_wait_is_refused(
    deployed: Deployed, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, gate = Invocations(200_000, 1), threading.Event()
    app.deployed = deployed

    def slow(*_: Any) -> bytes:
        gate.wait(20)
        return b"{}"

    monkeypatch.setattr(invocations, "score", slow)
    monkeypatch.setattr(app, "_most_waiting", 2)

    async def send() -> list[int]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://model") as client:
            body, headers = npy.encode(rows), {"content-type": NPY}
            calls = [
                asyncio.create_task(client.post("/invocations", content=body, headers=headers))
                for _ in range(3)
            ]
            done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            (refused,) = done
            assert refused.result().headers["endcap-error-code"] == "endpoint_busy"
            gate.set()
            return [(await call).status_code for call in calls]

    assert sorted(asyncio.run(send())) == [200, 200, 503]
