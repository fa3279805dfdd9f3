"""A process beside the server that compiles what training needs, where nobody has yet.

The first training of a new home would otherwise wait for the compiler. It runs at low priority
and ends with whoever started it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from endcap.bootstrap import prepare_kernels
from endcap.settings import Settings

DONE = "training-compiled"  # a file in the folder of compiled code
NICE = 5
PROGRAM = "from endcap.entrypoints.compiling import main; main()"


def begin(settings: Settings) -> subprocess.Popen[bytes] | None:
    """Start it; None where everything was compiled before, or nothing can be kept."""
    prepare_kernels(settings)
    cache = os.environ.get("NUMBA_CACHE_DIR", "")
    if not cache or (Path(cache) / DONE).exists():
        return None
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def end(process: subprocess.Popen[bytes] | None) -> None:
    """Whether or not it is done."""
    if process is not None:
        process.kill()
        process.communicate()


def main() -> None:
    from threading import Thread

    os.nice(NICE)
    Thread(target=_end_with_parent, daemon=True).start()
    from endcap.models.warming import compile_training

    compile_training()
    (Path(os.environ["NUMBA_CACHE_DIR"]) / DONE).touch()
    os._exit(0)


def _end_with_parent() -> None:
    """Its standard input ends when the parent does."""
    os.read(0, 1)
    os._exit(0)
