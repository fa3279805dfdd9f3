"""Import of millions of generated events: rows/s and peak memory, from Parquet and from CSV.

``python bench/imports.py --events 20000000``; files and homes go to a folder that is thrown away.
The seconds are those of ``endcap import`` as a process, with the snapshot that follows; rows/s
of the lake alone are what its last reading line says.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measured(words: list[str], home: Path) -> tuple[float, float, str]:
    """(seconds, peak MB of the process, stdout) of one command; ends the run when it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "endcap", *words],
        env={**os.environ, "ENDCAP_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        sys.exit(f"endcap {' '.join(words)} failed")
    return time.perf_counter() - begun, usage.ru_maxrss / 2**10, printed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--formats", default="parquet,csv")
    given = parser.parse_args()
    sizes = [str(word) for word in ("--events", given.events, "--users", given.users, "--items")]
    with tempfile.TemporaryDirectory(prefix="endcap-imports-") as scratch:
        for form in given.formats.split(","):
            shop, home = Path(scratch) / form, Path(scratch) / f"home-{form}"
            words = ["generate", "--out", str(shop), *sizes, str(given.items), "--format", form]
            seconds, peak, _ = measured(words, home)
            print(f"generate_{form}_seconds={seconds:.1f} generate_{form}_peak_mb={peak:.0f}")
            files = (f"--{t}={shop / t}.{form}" for t in ("users", "items", "interactions"))
            seconds, peak, printed = measured(["import", "--json", *files], home)
            rows = json.loads(printed)["tables"]["events"]["rows"]
            print(f"import_{form}_rows={rows}")
            print(f"import_{form}_seconds={seconds:.1f}")
            print(f"import_{form}_rows_per_s={rows / seconds:.0f}")
            print(f"import_{form}_peak_mb={peak:.0f}", flush=True)


if __name__ == "__main__":
    main()
