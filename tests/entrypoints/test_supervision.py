"""Pieces of the supervisor that need no process."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time

import pytest

from endcap.domain.errors import InvalidInput
from endcap.entrypoints.bonds import parse_statuses, tell
from endcap.entrypoints.children import Child, pause_s, single_threaded
from endcap.entrypoints.logs import JsonLines
from endcap.entrypoints.server import listen, url_of


def test_pauses_grow_to_a_limit() -> None:
    assert [pause_s(n) for n in (0, 1, 2, 3)] == [0.1, 0.2, 0.4, 0.8]
    assert pause_s(1000) == 30.0


def test_a_child_that_ends_at_once_is_started_later_and_later() -> None:
    child = Child("short", ["this"], [], os.environ)
    pauses = []
    for _ in range(3):
        child.start()
        assert child.process is not None
        child.process.wait()
        assert child.reap()
        pauses.append(child.due - time.monotonic())
        assert child.pid is None
    assert not child.reap()
    assert pauses == pytest.approx([0.1, 0.2, 0.4], abs=0.05)


def test_what_a_child_says_arrives() -> None:
    read, write = os.pipe()
    try:
        tell(write, ready=False, why='a "reason"\n')
        tell(write, ready=True)
        first, second = parse_statuses(os.read(read, 65536))
        assert (first.pid, first.ready, first.why) == (os.getpid(), False, 'a "reason"\n')
        assert second.ready
    finally:
        os.close(read)
    tell(write, ready=True)  # nobody listens: nothing happens
    os.close(write)


def test_a_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput) as caught:
            listen("127.0.0.1", port)
    assert (caught.value.code, caught.value.field, caught.value.value) == (
        "port_in_use", "--port", port,
    )  # fmt: skip


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        listen("192.0.2.1", 0)
    assert (caught.value.code, caught.value.field) == ("cannot_listen", "--host")


def test_the_url_names_the_port_that_was_found() -> None:
    with listen("127.0.0.1", 0) as sock:
        assert url_of(sock) == f"http://127.0.0.1:{sock.getsockname()[1]}"
        assert sock.getsockname()[1] > 0


def test_workers_use_one_thread_unless_told() -> None:
    found = single_threaded({"OMP_NUM_THREADS": "3"})
    assert found["OMP_NUM_THREADS"] == "3"
    assert found["OPENBLAS_NUM_THREADS"] == "1"


def test_an_exceptions_text_stays_out_of_the_log() -> None:
    try:
        raise ValueError("secret")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    record.__dict__["facts"] = {"code": "c"}
    line = json.loads(JsonLines().format(record))
    assert (line["kind"], line["code"], line["message"]) == ("ValueError", "c", "failed")
    assert "secret" not in json.dumps(line)
