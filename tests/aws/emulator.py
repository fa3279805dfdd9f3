"""An AWS of one's own: a real moto server on a free loopback port, spoken to by real boto3 clients.

``with emulator() as aws:`` starts the server as a process that ends with the block, and also when
the process that started it dies. Tests take the fixture ``aws`` of ``tests/conftest.py``: one
server for the session. Everything in it is forgotten when it ends; name things freshly
(``aws.name("orders")``) or empty it (``aws.reset()``) where another test's things would disturb.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

READY = "ready "
REGION = "us-east-1"
MAILS = "/endcap/mails"


@dataclass
class Emulator:
    """A running server. ``environment``: what a process needs to speak to it and nothing else."""

    url: str
    process: subprocess.Popen[str]
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client, e.g. ``aws.client("s3")``, whatever the environment holds."""
        import boto3

        session = boto3.session.Session("test", "test", region_name=REGION)
        return session.client(service, endpoint_url=self.url, **options)

    def name(self, stem: str) -> str:
        """A name that nothing in this server has yet: also good for a bucket."""
        return f"{stem}-{next(self.numbers)}"

    def reset(self) -> None:
        """Forget everything in it."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200

    def calls(self) -> set[tuple[str, str, str]]:
        """What functions have asked so far: (function, action, ARN), see ``calls.py``."""
        with urllib.request.urlopen(f"{self.url}/endcap/calls", timeout=10) as answer:  # noqa: S310
            return {(name, action, arn) for name, action, arn in json.load(answer)}

    def mails(self, sender: str) -> list[str]:
        """Subject and text of each mail that this address has sent through SES."""
        with urllib.request.urlopen(f"{self.url}{MAILS}", timeout=10) as answer:  # noqa: S310
            return [told for told_by, told in json.load(answer) if told_by == sender]


@contextmanager
def emulator() -> Iterator[Emulator]:
    """Start a server on a port that the system chooses; stop it at the end of the block."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    unpacked = tempfile.mkdtemp(prefix="functions-")
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__))],
        env={**kept, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "FUNCTIONS_FOLDER": unpacked},
        stdin=subprocess.PIPE,  # closed when this process ends, however that happens
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a line for each request
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith(READY), f"the emulator ended with {process.wait(10)}"
        yield Emulator(line.removeprefix(READY).strip(), process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # with the functions that it runs
        process.wait(10)
        process.stdin.close()
        process.stdout.close()
        shutil.rmtree(unpacked, ignore_errors=True)


def run_functions_for_real() -> None:
    """Whoever invokes a function, a client or Step Functions, has its zip run by ``LambdaHost``."""
    from functions import Functions
    from moto.awslambda.models import LambdaFunction
    from moto.awslambda_simple.models import LambdaSimpleBackend

    functions = Functions()

    def invoke(
        backend: Any, name: str, qualifier: Any, body: Any, _: Any, answered: dict[str, Any]
    ) -> Any:
        return functions.invoke(backend.get_function(name, qualifier), body, answered)

    def invoke_itself(function: Any, body: Any, _: Any = None, answered: Any = None) -> Any:
        return functions.invoke(function, body, {} if answered is None else answered)

    LambdaSimpleBackend.invoke = invoke
    LambdaFunction.invoke = invoke_itself


def with_mails(application: Any) -> Any:
    """moto keeps the mails that were sent, and has no way to ask for them."""

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != MAILS:
            return application(environ, start_response)
        from moto.ses.models import ses_backends

        backends = [b for regions in ses_backends.values() for b in regions.values()]
        sent = [(m.source, f"{m.subject}\n{m.body}") for b in backends for m in b.sent_messages]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(sent).encode()]

    return answer


def take_records_at_one_pace() -> None:
    """moto lists all sequence numbers of a shard for each record that it stores: the last is
    enough, and the 100,000th record then costs as much as the first."""
    from moto.kinesis.models import Shard

    def get_max_sequence_number(self: Shard) -> int:
        return next(reversed(self.records), 0)

    Shard.get_max_sequence_number = get_max_sequence_number  # type: ignore[method-assign]


def serve() -> None:
    """The server's own process: serves until stdin is closed."""
    from calls import Recorder
    from moto.core.config import default_user_config
    from moto.server import DomainDispatcherApplication, create_backend_app
    from terraform_answers import answer_as_told
    from terraform_calls import answer_terraform
    from werkzeug.serving import WSGIRequestHandler, make_server

    take_records_at_one_pace()
    answer_terraform()
    answer_as_told()
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    default_user_config["lambda"] = {"use_docker": False}
    WSGIRequestHandler.protocol_version = "HTTP/1.1"  # clients keep their connections
    WSGIRequestHandler.disable_nagle_algorithm = True  # else parts of an answer come 40 ms apart
    run_functions_for_real()
    application = Recorder(with_mails(DomainDispatcherApplication(create_backend_app)))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    os.environ["MOTO_PORT"] = str(server.server_port)  # stands in URLs that it answers
    Thread(target=server.serve_forever, daemon=True).start()
    print(f"{READY}http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    serve()
