"""A laptop's shop brought to AWS, and a gateway before functions that answer from there."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import httpx

from endcap.adapters.dynamodb_calls import dynamodb_client
from endcap.adapters.dynamodb_tables import Names, create
from endcap.bootstrap import stores_of
from endcap.entrypoints.lambdas import api
from endcap.settings import load_settings
from endcap.telemetry import Telemetry

GROUP = "default"


def made_for(aws: Any) -> dict[str, str]:
    """Settings that name new tables, a new bucket and a new stream of the emulator."""
    names, bucket, stream = Names(aws.name("shop") + "-"), aws.name("shop"), aws.name("events")
    create(dynamodb_client(attempts=5), names)
    aws.client("s3").create_bucket(Bucket=bucket)
    aws.client("kinesis").create_stream(StreamName=stream, ShardCount=1)
    return {
        "ENDCAP_DOCUMENTS": f"dynamodb://{names.prefix}",
        "ENDCAP_LOG": "dynamodb",
        "ENDCAP_ARTIFACTS": f"s3://{bucket}/shop",
        "ENDCAP_STREAM": f"kinesis://{stream}",
        "ENDCAP_DEADLINE_MS": "60000",
    }


def bring(home: Path, settings: dict[str, str]) -> None:
    """Log, documents, models and snapshots of the shop in ``home``; the lake stays there."""
    here = stores_of(load_settings({"ENDCAP_HOME": str(home)}), GROUP)
    there = stores_of(load_settings({"ENDCAP_HOME": str(home), **settings}), GROUP)
    log = there.log()
    log.append(lambda _: [payload for _, payload in here.log().read(0)], 0)
    assert log.end() == here.log().end()
    root = home / "groups" / GROUP
    with closing(sqlite3.connect(root / "documents.sqlite")) as opened:
        kinds = [kind for (kind,) in opened.execute("SELECT DISTINCT kind FROM documents")]
    for kind in kinds:
        after = ""
        while page := here.documents().query(kind, after=after):
            there.documents().put_many(kind, {one.key: one.body for one in page})
            after = page[-1].key
    for kind in sorted(path.name for path in (root / "artifacts").iterdir() if path.is_dir()):
        if kind.startswith("."):
            continue
        for name in here.artifacts().names(kind):
            staged = Path(tempfile.mkdtemp()) / name
            shutil.copytree(here.artifacts().open(kind, name), staged)
            there.artifacts().publish(kind, name, staged)


@dataclass
class FunctionServer:
    """An HTTP server that hands each request to one of several instances of the function, as a
    gateway does. It stands in for a ``Server``."""

    url: str
    home: Path
    closing: list[Any] = field(default_factory=list)

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30.0, **options)

    def stop(self) -> int:
        for close in self.closing:
            close()
        self.closing.clear()
        return 0


def instance(home: Path, settings: dict[str, str]) -> Any:
    """One environment of the function: ``answer(event)``. ``home`` is its disk."""
    given = {**settings, "ENDCAP_HOME": str(home), "ENDCAP_AUTH": "gateway"}
    gateway, follower = api.built(load_settings(given), Telemetry())
    lock = Lock()

    def answer(event: Any) -> Any:
        with lock:  # one call at a time, as Lambda has it
            follower.look()
            return gateway(event)

    return answer


def serve_functions(
    home: Path, instances: Sequence[Any], make_event: Any, read_answer: Any
) -> FunctionServer:
    """``make_event``, ``read_answer``: of ``gateway_events``."""
    turns = cycle(instances)

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            event = make_event(self.command, self.path, body, self.headers.items())
            answer = read_answer(next(turns)(event))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.raw)))
            self.end_headers()
            self.wfile.write(answer.raw)

        do_GET = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_HEAD = do  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    ends = [server.shutdown, server.server_close, thread.join]
    return FunctionServer(f"http://127.0.0.1:{server.server_port}", home, ends)
