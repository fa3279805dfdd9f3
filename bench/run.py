"""Wall time and peak memory of each offline step on a generated shop: ``make bench``.

The steps run as commands, each in its own process, in a home that is thrown away. Figures go to
stdout as a table; ``--json`` prints them for a program. Sizes are options: see ``--help``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def steps(shop: Path, sizes: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    """(name, words of the command) in order."""
    yield (
        "generate",
        ["generate", "--out", str(shop), "--users", str(sizes.users), "--items", str(sizes.items),
         "--events", str(sizes.events)],
    )  # fmt: skip
    files = {name: str(shop / f"{name}.parquet") for name in ("users", "items", "interactions")}
    words = [word for name, file in files.items() for word in (f"--{name}", file)]
    yield "import", ["import", *words]
    yield "train", ["train"]
    yield "evaluate", ["evaluate"]
    yield "batch", ["batch", str(shop / "batch.jsonl")]


def measure(words: list[str], home: Path) -> tuple[float, float]:
    """(seconds, peak MB) of one command. Ends the run when it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENDCAP_")}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "endcap", *words],
        env={**kept, "ENDCAP_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"endcap {' '.join(words)} failed")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return time.perf_counter() - begun, usage.ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    sizes = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory(prefix="endcap-bench-") as folder:
        for name, words in steps(Path(folder) / "shop", sizes):
            seconds, megabytes = measure(words, Path(folder) / "home")
            figures[name] = {"seconds": round(seconds, 2), "peak_mb": round(megabytes)}
            if not sizes.json:
                print(f"{name:10} {seconds:8.1f} s {megabytes:8.0f} MB", flush=True)
    if sizes.json:
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
