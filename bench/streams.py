"""Events through a stream into recommendations in the lake: the local log and emulated Kinesis.

    python bench/streams.py [--events 100000] [--streams folder kinesis] [--home FOLDER]

For each stream: all events are put by ``endcap stream put``; a consumer is killed (SIGKILL) when
half of them are answered, another one finishes. Then every record of the stream is looked for in
the lake: lost, twice. At last a consumer that waits gets records at a steady rate: the time from
``put`` to the answer's file. ``--home``: a shop that is trained already (it is copied); without it
one is generated and trained.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

USERS, ITEMS, SHOP_EVENTS = 2_000, 1_000, 60_000
VISITS = 20  # at the same time
RATE, LATENCY_S = 50, 20

Environment = Mapping[str, str]


def endcap(environment: Environment, *words: str) -> str:
    command = [sys.executable, "-m", "endcap", *words]
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def consumer(environment: Environment, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "endcap", "stream", "run", *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def trained(folder: Path, environment: Environment) -> None:
    """A generated shop, imported and trained."""
    out = str(folder / "shop")
    sizes = ("--users", str(USERS), "--items", str(ITEMS), "--events", str(SHOP_EVENTS))
    endcap(environment, "generate", "--out", out, *sizes)
    tables = [(f"--{t}", f"{out}/{t}.parquet") for t in ("users", "items", "interactions")]
    endcap(environment, "import", *(word for pair in tables for word in pair))
    endcap(environment, "train", "--budget", "10")


def written(home: Path) -> Iterator[Path]:
    root = home / "groups" / "default" / "lake" / "stream" / "recommendations"
    yield from root.glob("recommendations/date=*/*.jsonl")


def lines(home: Path, counted: dict[Path, int]) -> int:
    """How many answers there are. ``counted``: files that were read before; they are written
    whole, so they are read once."""
    for path in written(home):
        if path not in counted:
            counted[path] = path.read_bytes().count(b"\n")
    return sum(counted.values())


def events(path: Path, count: int) -> None:
    """Visits of 5 to 15 events, twenty at a time."""
    draw = random.Random(5)
    visits: list[list[Any]] = []
    with path.open("w") as file:
        for number in range(count):
            if len(visits) < VISITS:
                visits.append([f"u{draw.randrange(USERS) + 1:04d}", draw.randrange(5, 16)])
            visit = draw.choice(visits)
            visit[1] -= 1
            visits = [v for v in visits if v[1]]
            body = {
                "userId": visit[0],
                "itemId": f"p{min(draw.randrange(ITEMS), draw.randrange(ITEMS)) + 1:04d}",
                "event_type": "view",
                "event_id": f"stream-{number}",
            }
            file.write(json.dumps(body) + "\n")


@contextmanager
def processor_seconds() -> Iterator[list[float]]:
    """Of the child processes that end meanwhile."""
    told: list[float] = []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    yield told
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def through(
    home: Path, environment: Environment, file: Path, count: int, batch: int
) -> dict[str, Any]:
    """Put everything, consume it with a kill in the middle, and look for every record."""
    began = time.perf_counter()
    endcap(environment, "stream", "put", str(file))
    put_s = time.perf_counter() - began
    began = time.perf_counter()
    with processor_seconds() as used:
        counted: dict[Path, int] = {}
        first = consumer(environment, "--batch", str(batch))
        while lines(home, counted) < count / 2:
            time.sleep(0.2)
        first.send_signal(signal.SIGKILL)
        first.wait()
        at_kill = lines(home, counted)
        second = consumer(environment, "--until-empty", "--batch", str(batch))
        second.communicate()
    seconds = time.perf_counter() - began
    return {
        "records": count,
        "shoppers": len({json.loads(line)["userId"] for line in file.read_bytes().splitlines()}),
        "put a second": round(count / put_s),
        "answered when killed": at_kill,
        **compared(home, environment),
        "answered a second, restart included": round(count / seconds),
        "processor ms a record": round(used[0] / count * 1000, 2),
        "users": users_agree(home, file),
    }


def compared(home: Path, environment: Environment) -> dict[str, int]:
    """Records of the stream against lines in the lake, by their ids."""
    program = (
        "import os, time; from endcap.settings import load_settings\n"
        "from endcap.bootstrap import stores_of\n"
        "from endcap.bootstrap.streams import stream_of\n"
        "s = load_settings(os.environ); d = stores_of(s, s.group).documents()\n"
        "stream = stream_of(s, s.group, d)\n"
        "for shard in stream.shards():\n"
        "    at = ''\n"
        "    while records := stream.read(shard.name, at, 5000).records:\n"
        "        at = records[-1].position\n"
        "        for r in records: print(f'{shard.name}:{r.position}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    wanted = done.stdout.split()
    found = [json.loads(x)["recordId"] for p in written(home) for x in p.read_bytes().splitlines()]
    return {
        "in the stream": len(wanted),
        "lost": len(set(wanted) - set(found)),
        "twice": len(found) - len(set(found)),
        "not in the stream": len(set(found) - set(wanted)),
    }


def users_agree(home: Path, file: Path) -> str:
    """Whether each shopper has as many answers as events."""
    counts: dict[str, int] = {}
    for path in written(home):
        for line in path.read_bytes().splitlines():
            user = json.loads(line)["userId"]
            counts[user] = counts.get(user, 0) + 1
    for line in file.read_bytes().splitlines():
        user = json.loads(line)["userId"]
        counts[user] = counts.get(user, 0) - 1
    return "agree" if not any(counts.values()) else "differ"


def latency(home: Path, environment: Environment) -> dict[str, float]:
    """ms from a put to the answer's file, at a steady rate."""
    os.environ.update({k: v for k, v in environment.items() if k.startswith(("AWS_", "ENDCAP_"))})
    from endcap.bootstrap import stores_of
    from endcap.bootstrap.streams import stream_of
    from endcap.settings import load_settings

    settings = load_settings(environment)
    stream = stream_of(settings, settings.group, stores_of(settings, settings.group).documents())
    running = consumer(environment, "--poll", "0.05")
    put_at: dict[str, float] = {}
    before = {path.name for path in written(home)}

    def put(number: int) -> None:
        user = f"late-{number}"
        body = {"userId": user, "itemId": "p0001", "event_type": "view", "event_id": user}
        put_at[user] = time.time()
        stream.put([(user, json.dumps(body).encode())])

    put(-1)
    while len({path.name for path in written(home)} - before) == 0:
        time.sleep(0.1)  # it has started and answers
    for number in range(RATE * LATENCY_S):
        put(number)
        time.sleep(max(0.0, 1 / RATE - (time.time() - put_at[f"late-{number}"])))
    until = time.time() + 60
    while time.time() < until and len(seen(home, before)) < len(put_at):
        time.sleep(0.2)
    running.send_signal(signal.SIGTERM)
    running.communicate()
    found = seen(home, before)
    del put_at["late--1"]
    times = sorted(found[user] - at for user, at in put_at.items() if user in found)
    return {
        "records": len(times),
        "p50 ms": round(times[len(times) // 2] * 1000),
        "p99 ms": round(times[int(len(times) * 0.99)] * 1000),
    }


def seen(home: Path, before: set[str]) -> dict[str, float]:
    """When the answer of each shopper came under its name: the file's change time."""
    return {
        json.loads(line)["userId"]: path.stat().st_ctime
        for path in written(home)
        if path.name not in before
        for line in path.read_bytes().splitlines()
    }


def emulator() -> Any:
    path = Path(__file__).parents[1] / "tests" / "aws" / "emulator.py"
    spec = spec_from_file_location("emulator", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["emulator"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.emulator()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--streams", nargs="+", default=["folder", "kinesis"])
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        base = {k: v for k, v in os.environ.items() if not k.startswith(("ENDCAP_", "AWS_"))}
        shop = given.home or folder / "trained"
        if given.home is None:
            trained(folder, {**base, "ENDCAP_HOME": str(shop)})
        file = folder / "events.jsonl"
        events(file, given.events)
        for kind in given.streams:
            home = folder / kind
            shutil.copytree(shop, home)
            environment = {**base, "ENDCAP_HOME": str(home)}
            if kind == "kinesis":
                aws = opened.enter_context(emulator())
                aws.client("kinesis").create_stream(StreamName="events", ShardCount=4)
                environment |= {"ENDCAP_STREAM": "kinesis://events", **aws.environment}
            told = through(home, environment, file, given.events, given.batch)
            print(json.dumps({"stream": kind, **told}), flush=True)
            print(json.dumps({"stream": kind, "latency": latency(home, environment)}), flush=True)


if __name__ == "__main__":
    main()
