"""The supervisor and its children, as real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.server

WORKER, KEEPER = "endcap.entrypoints.worker", "endcap.entrypoints.keeper"
REGISTRAR = "endcap.entrypoints.registra"  # a name in ``ps`` has 15 letters


def until(what: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_ready_on_an_empty_home_and_stopped_in_order(serve: Any) -> None:
    server = serve(workers=3)
    assert len(server.children(WORKER)) == 3
    until(lambda: len(server.children(KEEPER)) == 1)
    with server.client() as client:
        answer = client.get("/v1/health")
        assert answer.json() == {"ok": True, "version": "1.0.0"}
        empty = client.get("/v1/recommendations/personalized", params={"userId": "U1"})
        assert empty.json() == {"userId": "U1", "items": []}
        assert "endcap-newest-event-age" not in empty.headers
    assert server.stop() == 0
    assert server.children("endcap.entrypoints") == []


def test_every_worker_sees_every_event(serve: Any) -> None:
    server = serve(workers=3)
    with server.client(limits=httpx.Limits(max_keepalive_connections=0)) as client:
        for number in range(30):
            body = {"userId": "U1", "itemId": f"I{number}", "event_type": "view"}
            assert client.post("/v1/events", json=body).status_code == 202
            answer = client.get("/v1/recommendations/popular", params={"k": 100})
            assert len(answer.json()["items"]) == number + 1


def test_a_killed_worker_is_replaced_and_the_others_go_on(serve: Any) -> None:
    server = serve(workers=3)
    before = set(server.children(WORKER))

    async def ask_throughout() -> list[int]:
        """Each request on a fresh connection, tried again when the killed worker held it."""
        found = []
        async with httpx.AsyncClient(base_url=server.url, timeout=10) as client:
            for number in range(100):
                if number == 30:
                    os.kill(min(before), signal.SIGKILL)
                try:
                    answer = await client.get("/v1/health", headers={"Connection": "close"})
                except httpx.TransportError:
                    answer = await client.get("/v1/health", headers={"Connection": "close"})
                found.append(answer.status_code)
        return found

    assert set(asyncio.run(ask_throughout())) == {200}
    until(lambda: len(server.children(WORKER)) == 3)
    assert len(set(server.children(WORKER)) - before) == 1


@pytest.mark.parametrize("name", [KEEPER, REGISTRAR])
def test_a_killed_keeper_or_registrar_is_replaced(serve: Any, name: str) -> None:
    server = serve(workers=1)
    until(lambda: len(server.children(name)) == 1)
    (killed,) = server.children(name)
    os.kill(killed, signal.SIGKILL)
    until(lambda: server.children(name) not in ([], [killed]))


def test_children_end_with_a_killed_supervisor(serve: Any) -> None:
    server = serve(workers=2)
    until(lambda: [len(server.children(n)) for n in (WORKER, KEEPER, REGISTRAR)] == [2, 1, 1])
    children = server.children("endcap.entrypoints")
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_finished(serve: Any, number: int) -> None:
    server = serve(workers=1)
    host, port = server.url.removeprefix("http://").split(":")
    body = b'{"userId":"U1","itemId":"I1","event_type":"view"}'
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head + body[:20])
        time.sleep(0.3)  # the worker has begun to read it
        os.killpg(server.process.pid, number)  # as Ctrl-C does: the whole group gets it
        time.sleep(0.3)
        connection.sendall(body[20:])
        assert connection.recv(4096).startswith(b"HTTP/1.1 202")
    assert server.process.wait(10) == 0


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "endcap", "serve", "--port", str(port)],
            env={**os.environ, "ENDCAP_HOME": str(tmp_path)},
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        f"error: port {port} of 127.0.0.1 is in use; stop what uses it, or give another --port\n"
    )
    assert done.stdout == ""


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = subprocess.run(
        [sys.executable, "-m", "endcap", "serve", "--port", "0"],
        env={**os.environ, "ENDCAP_HOME": str(tmp_path / "file")},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: worker-0 cannot start: cannot write to")


def test_log_lines_are_json_without_personal_data(serve: Any, tmp_path: Path) -> None:
    server = serve(workers=1)
    with server.client() as client:
        client.get("/v1/recommendations/personalized", params={"userId": "secret-user", "k": "x"})
        client.post("/v1/events", content=b'{"userId":"secret-user"')
    server.stop()
    text = (tmp_path / "serve-0.log").read_text()
    assert "secret-user" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert {"started", "ready", "stopping", "stopped"} <= {line["message"] for line in lines}
    assert all({"at", "level", "pid"} <= set(line) for line in lines)


def test_a_large_body_is_refused_without_reading_it(serve: Any) -> None:
    server = serve(workers=1, ENDCAP_MAX_BODY_KB="64")
    with server.client() as client:
        answer = client.post("/v1/events", content=b"x" * 20_000_000)
        assert answer.status_code == 413

        def chunks() -> Any:
            for _ in range(200):
                yield b" " * 100_000

        assert client.post("/v1/events", content=chunks()).status_code == 413
        assert client.get("/v1/health").status_code == 200
