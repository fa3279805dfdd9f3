"""Cold start, warm time and size of the functions of AWS Lambda, run by its own runtime client.

    python bench/functions.py [--calls 200] [--cold 3] [--only NAME …]

The zip is the one of ``make package``, of this machine's packages; what it lacks is hidden from the
functions. AWS is the emulator of the tests, on the same machine, so that calls of DynamoDB, S3 and
Kinesis cost what a Python program needs to answer them. A generated shop is imported, trained and
published first. Import: a new interpreter that imports the handler's module. Cold: from the start
of the runtime to its first answer, import and first call together. Warm: each call by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
USERS, ITEMS, EVENTS = 500, 300, 10_000
BATCH, FILE_USERS = 10, 100  # records of a stream, users of a file, in one call
ABSENT = ("numba", "llvmlite", "scipy", "duckdb", "pyarrow", "xgboost", "uvicorn", "fsspec")
FIRST = 49590338271490256608559692538361571095921575989136588898
JSON = ("Content-Type", "application/json")
ARRIVED_MS = 1_760_000_000_123
Event = dict[str, Any]


def beside(path: str) -> Any:
    name = f"bench_{Path(path).stem}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, ROOT / path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Cloud:
    """Everything that the functions speak to, with a published shop in it."""

    def __init__(self, aws: Any, folder: Path) -> None:
        from endcap.adapters.dynamodb_tables import Names, create

        self.aws, self.folder = aws, folder
        create(aws.client("dynamodb"), Names("bench-"), pause=lambda _: None)
        for bucket in ("artifacts", "lake", "users"):
            aws.client("s3").create_bucket(Bucket=bucket)
        aws.client("kinesis").create_stream(StreamName="events", ShardCount=1)
        topic = aws.client("sns").create_topic(Name="runs")["TopicArn"]
        self.shop = {
            **aws.environment,
            "ENDCAP_DOCUMENTS": "dynamodb://bench-",
            "ENDCAP_ARTIFACTS": "s3://artifacts/shop",
            "ENDCAP_LOG": "dynamodb",
        }
        self.functions = {
            **self.shop,
            "ENDCAP_AUTH": "gateway",
            "ENDCAP_LAKE": "s3://lake/shop",
            "ENDCAP_STREAM": "kinesis://events",
            "ENDCAP_SENDER": f"sns://{topic}",
            "CustomerInterestTable": "bench-CustomerInterest",
            "RunsUrl": "s3://users/runs",
        }
        self.publish()

    def publish(self) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ENDCAP_", "AWS_"))}
        environment = {**kept, **self.shop, "ENDCAP_HOME": str(self.folder / "host")}
        out = str(self.folder / "shop")

        def endcap(*words: str) -> None:
            command = [sys.executable, "-m", "endcap", *words]
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)

        sizes = ("--users", str(USERS), "--items", str(ITEMS), "--events", str(EVENTS))
        endcap("generate", "--out", out, *sizes)
        tables = [(f"--{t}", f"{out}/{t}.parquet") for t in ("users", "items", "interactions")]
        endcap("import", *(word for pair in tables for word in pair))
        endcap("train", "--budget", "1")
        users = [{"userId": user(n), "email": f"{n}@mail.example"} for n in range(FILE_USERS)]
        body = json.dumps(users).encode()
        self.aws.client("s3").put_object(Bucket="users", Key="users.json", Body=body)


def user(n: int) -> str:
    return f"u{n % USERS + 1:04d}"


def viewed(n: int) -> Event:
    item = f"p{n * 7 % ITEMS + 1:04d}"
    return {"userId": user(n), "itemId": item, "event_type": "view", "event_id": f"e-{n}"}


def packed(event: Event) -> str:
    return b64encode(json.dumps(event).encode()).decode()


def kinesis(n: int) -> Event:
    number = str(FIRST + n)
    told = {
        "kinesisSchemaVersion": "1.0", "partitionKey": user(n), "sequenceNumber": number,
        "data": packed(viewed(n)), "approximateArrivalTimestamp": ARRIVED_MS / 1000,
    }  # fmt: skip
    return {
        "kinesis": told, "eventSource": "aws:kinesis", "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{number}", "eventName": "aws:kinesis:record",
    }  # fmt: skip


def firehose(n: int) -> Event:
    told = {"recordId": str(FIRST + n), "approximateArrivalTimestamp": ARRIVED_MS}
    return {**told, "data": packed(viewed(n))}


def batch(record: Callable[[int], Event], n: int) -> list[Event]:
    return [record(n * BATCH + place) for place in range(BATCH)]


def request(method: str, target: str, body: Callable[[int], Event] | None = None) -> Any:
    """A request through an HTTP API."""

    def made(n: int) -> Event:
        raw = json.dumps(body(n)).encode() if body else b""
        target_of = target.replace("USER", user(n))
        found: Event = beside("tests/gateway_events.py").second(method, target_of, raw, [JSON])
        return found

    return made


def submitted(n: int) -> Event:
    return {"user_id": user(n), "event": "get_recommendations"}


def preferred(n: int) -> Event:
    return {"customer_id": user(n), "interest": "organic_food", "location": "Cape Town"}


def done(n: int) -> Event:
    names = [f"p{place + 1:04d}" for place in range(20)]
    return {"userId": user(n), "recommendations": names, "scores": [0.5] * 20}


def told(n: int) -> Event:
    plan = [{"step": "one", "result": "one", "when": ""}]
    return {"pipeline": "users", "run_id": f"run-{n}", "plan": plan, "facts": {"one": {"read": n}}}


# (function, what is asked of it, the event of the nth call)
CALLS: list[tuple[str, str, Callable[[int], Event]]] = [
    ("api", "personalized", request("GET", "/v1/recommendations/personalized?userId=USER&k=10")),
    ("api", "events", request("POST", "/v1/events", viewed)),
    ("api", "submit", request("POST", "/submit", submitted)),
    ("Submit", "submit", request("POST", "/submit", submitted)),
    ("RecordPreference", "recommend", request("POST", "/recommend", preferred)),
    ("ImportUsersFromS3", f"{FILE_USERS} users", lambda _: {"source": "s3://users/users.json"}),
    ("MockRecommendations", "passed on", lambda n: {"userId": user(n), "k": 20}),
    ("FetchRecommendations", "own model", lambda n: {"userId": user(n), "k": 20}),
    ("StoreToDynamoDB", "one user", done),
    ("NotifyCompletion", "a new run", told),
    ("Stream", f"{BATCH} records", lambda n: {"Records": batch(kinesis, n)}),
    ("Firehose", f"{BATCH} records", lambda n: {"records": batch(firehose, n)}),
    ("Nightly", "gate", lambda _: {"step": "gate", "version": "v0001", "due": True}),
]  # fmt: skip


class Measured:
    """One row of the table; times in ms."""

    def __init__(self, code: Path, cloud: Cloud, handler: str, whole: bool) -> None:
        self.cloud, self.handler = cloud, handler
        self.environment = {**cloud.functions, "PYTHONPATH": str(code)}
        if whole:  # an image: nothing is hidden, the lake and the log are the host's
            self.environment |= {"PYTHONPATH": str(ROOT / "src"), "ENDCAP_LAKE": ""}

    def imported(self, times: int) -> float:
        module = self.handler.rpartition(".")[0]
        clock = "time.perf_counter()"
        program = f"import time; began = {clock}; import {module}; print({clock} - began)"
        words = [sys.executable, "-c", program]
        environment = {**self.environment, "PATH": os.environ["PATH"]}
        took = [
            float(subprocess.run(words, env=environment, capture_output=True, check=True).stdout)
            for _ in range(times)
        ]
        return statistics.median(took) * 1000

    @contextmanager
    def host(self, number: int) -> Iterator[Any]:
        """A new environment with an empty disk."""
        home = self.cloud.folder / f"{self.handler}-{number}"
        environment = {**self.environment, "ENDCAP_HOME": str(home)}
        told = self.cloud.folder / "told"
        host = beside("tests/aws/lambda_host.py").LambdaHost(self.handler, environment, told, 900.0)
        with host:
            yield host

    def call(self, host: Any, event: Event) -> float:
        began = time.perf_counter()
        answer = host.invoke(event)
        took = (time.perf_counter() - began) * 1000
        status = answer.payload.get("statusCode", 200) if isinstance(answer.payload, dict) else 200
        if answer.failed or status >= 400:
            raise SystemExit(f"{self.handler}: {answer.payload}")
        return took


def row(
    measured: Measured, function: str, asked: str, event: Callable[[int], Event], given: Any
) -> str:
    cold: list[float] = []
    for number in range(given.cold):
        with measured.host(number) as host:
            cold.append(measured.call(host, event(number)))
            if number == given.cold - 1:
                warm = sorted(measured.call(host, event(n + 10)) for n in range(given.calls))
    p50, p99 = warm[len(warm) // 2], warm[min(len(warm) - 1, round(len(warm) * 0.99))]
    cells = (
        f"`{function}`", asked, f"{measured.imported(given.cold):.0f}",
        f"{statistics.median(cold):.0f}", f"{p50:.1f}", f"{p99:.1f}", f"{warm[-1]:.1f}",
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    words = argparse.ArgumentParser(description="Cold start and warm time of the functions.")
    words.add_argument("--calls", type=int, default=200)
    words.add_argument("--cold", type=int, default=3)
    words.add_argument("--only", nargs="*", default=[])
    given = words.parse_args()
    from endcap.entrypoints.lambdas.table import FUNCTIONS

    if lacking := set(FUNCTIONS) - {function for function, _, _ in CALLS}:
        raise SystemExit(f"no call is known of {', '.join(lacking)}")
    with tempfile.TemporaryDirectory() as name, beside("tests/aws/emulator.py").emulator() as aws:
        folder = Path(name)
        size = beside("infra/package.py").package(folder / "functions.zip", installed=True)
        zipped = (folder / "functions.zip").stat().st_size
        with zipfile.ZipFile(folder / "functions.zip") as file:
            file.extractall(folder / "code")
        for absent in ABSENT:
            text = f"raise ModuleNotFoundError(name={absent!r})"
            (folder / "code" / f"{absent}.py").write_text(text)
        cloud = Cloud(aws, folder)
        sizes = f"zip {zipped / 1e6:.1f} MB, {size / 1e6:.1f} MB unzipped"
        machine = f"{platform.machine()}, Python {platform.python_version()}"
        print(f"{sizes}; {machine}; load {os.getloadavg()[0]:.1f}\n")
        print("| function | call | import ms | cold ms | warm p50 ms | p99 ms | most ms |")
        print("|---|---|---|---|---|---|---|")
        for function, asked, event in CALLS:
            if function in FUNCTIONS and (not given.only or function in given.only):
                known = FUNCTIONS[function]
                measured = Measured(folder / "code", cloud, known.handler, known.package != "zip")
                print(row(measured, function, asked, event, given), flush=True)
        print(f"\nload at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
