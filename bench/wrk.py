"""One run of ``wrk`` and what it said."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from itertools import count
from typing import NamedTuple

UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}

# Each request asks for the next user; every run begins somewhere else, so that none is warm.
SCRIPT = """
local n = {first}
request = function()
  n = (n + 7919) % {users}
  return wrk.format("GET", "{path}?userId=user-" .. n .. "&k=10")
end
"""


class Run(NamedTuple):
    rps: float
    p50_ms: float
    p99_ms: float
    failures: int  # answers that are not 200, and connections that broke
    requests: int


_runs = count(1)


def wrk(url: str, path: str, users: int, given: argparse.Namespace, seconds: int = 0) -> Run:
    """``users`` 0: one path without parameters."""
    words = ["wrk", "--latency", "-t1", f"-c{given.connections}", f"-d{seconds or given.seconds}s"]
    if shutil.which("taskset"):
        words = ["taskset", "-c", str(given.cores[1]), *words]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if users:
            script.write(SCRIPT.format(first=next(_runs) * 104_729 % users, users=users, path=path))
            script.flush()
            words += ["-s", script.name, url]
        else:
            words.append(url + path)
        return parse(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def parse(told: str) -> Run:
    def number(pattern: str) -> float:
        found = re.search(pattern, told)
        return float(found[1]) if found else 0.0

    def time_ms(share: int) -> float:
        found = re.search(rf"\b{share}%\s+([\d.]+)(us|ms|s|m)\b", told)
        return float(found[1]) * UNITS_MS[found[2]] if found else float("nan")

    broken = re.findall(r"(?:connect|read|write|timeout) (\d+)", told)
    failures = number(r"Non-2xx or 3xx responses: (\d+)") + sum(map(int, broken))
    return Run(
        number(r"Requests/sec:\s+([\d.]+)"),
        time_ms(50),
        time_ms(99),
        int(failures),
        int(number(r"(\d+) requests in")),
    )
