"""The doctor beside a real server: sound, stale, and sound again."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

pytestmark = pytest.mark.server

WORKER = "endcap.entrypoints.worker"


def told(endcap: Any, server: Any) -> tuple[int, str]:
    done = endcap("doctor", home=server.home, check=False)
    return done.returncode, done.stdout


def until(endcap: Any, server: Any, words: str) -> tuple[int, str]:
    deadline = time.monotonic() + 60
    while True:
        code, text = told(endcap, server)
        if words in text:
            return code, text
        assert time.monotonic() < deadline, text


def test_a_worker_that_stands_still_is_found(serve: Any, endcap: Any) -> None:
    server = serve(workers=2)
    code, text = until(endcap, server, "✓ server: keeper, supervisor, worker-0, worker-1")
    assert code == 0, text
    assert "✗" not in text
    assert "✓ freshness: all applied" in text
    stopped = server.children(WORKER)[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        body = {"userId": "U1", "itemId": "I1", "event_type": "view"}
        with server.client() as client:
            assert client.post("/v1/events", json=body).status_code == 202
        code, text = until(endcap, server, "is up but stale")
        assert code == 1
        assert f"kill -9 {stopped} starts it anew" in text
        _, text = until(endcap, server, "it hangs")
    finally:
        os.kill(stopped, signal.SIGCONT)
    code, text = until(endcap, server, "✓ freshness")
    assert server.stop() == 0
    code, text = told(endcap, server)
    assert (code, "✓ server: no server runs on this home" in text) == (0, True), text
