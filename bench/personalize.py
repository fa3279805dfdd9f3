"""How long a client of the Personalize API waits: python bench/personalize.py [--again].

Starts a server on an empty home and lets ``examples/personalize_client.py`` (boto3 alone, three
variables) go all the way with 100,000 interactions; prints its lines, each with the seconds since
its first call. ``--again``: a second time on the same server, whose kernels are compiled by then.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from probes import stop

EXAMPLE = Path(__file__).parents[1] / "examples" / "personalize_client.py"
READY = "ready "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--again", action="store_true", help="go all the way twice")
    again = parser.parse_args().again
    with tempfile.TemporaryDirectory(prefix="endcap-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        began = time.perf_counter()
        server, url = start(Path(folder) / "home", data)
        print(f"server ready: {time.perf_counter() - began:.1f} s", flush=True)
        try:
            for run in range(1 + again):
                print(f"run {run + 1}", flush=True)
                walk(url, data)
        finally:
            stop(server)


def start(home: Path, data: Path) -> tuple[subprocess.Popen[str], str]:
    """(the server, its URL)"""
    variables = {"ENDCAP_HOME": str(home), "ENDCAP_IMPORT_ROOTS": str(data)}
    process = subprocess.Popen(
        [sys.executable, "-m", "endcap", "serve", "--port", "0"],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(READY):
            return process, line.removeprefix(READY).strip()
    raise SystemExit("the server did not get ready")


def walk(url: str, data: Path) -> None:
    base = f"{url}/personalize"
    services = ("PERSONALIZE", "PERSONALIZE_EVENTS", "PERSONALIZE_RUNTIME")
    keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    variables = {
        **{f"AWS_ENDPOINT_URL_{name}": base for name in services},
        "AWS_DEFAULT_REGION": "us-east-1",
        **keys,
    }
    name = f"shop-{time.time_ns()}"
    subprocess.run(
        [sys.executable, str(EXAMPLE), str(data), "--name", name],
        env={**os.environ, **variables},
        check=True,
    )


if __name__ == "__main__":
    main()
