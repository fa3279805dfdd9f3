"""A process beside the server that compiles what training needs, where nobody has yet.

The first training of a new home would otherwise wait for the compiler. It begins when somebody
first asks the control plane for work, runs at low priority and ends with whoever started it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from endcap import __version__
from endcap.bootstrap import kernel_cache, prepare_kernels
from endcap.settings import Settings

DONE = f"training-compiled-{__version__}"  # a file in the folder of compiled code
NICE = 5
PROGRAM = "from endcap.entrypoints.compiling import main; main()"


class Compiler:
    """The process, from the first ``begin`` to ``end``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._asked = False
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Once; nothing where everything was compiled before, or no code can be kept."""
        if self._asked:
            return
        self._asked = True
        prepare_kernels(self._settings)
        cache = kernel_cache(self._settings)
        if cache is None or (cache / DONE).exists():
            return
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(cache / DONE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> None:
        """Whether or not it is done."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()


def main() -> None:
    from threading import Thread

    os.nice(NICE)
    Thread(target=_end_with_parent, daemon=True).start()
    from endcap.models.warming import compile_training

    compile_training()
    Path(sys.argv[1]).touch()
    os._exit(0)


def _end_with_parent() -> None:
    """Its standard input ends when the parent does."""
    os.read(0, 1)
    os._exit(0)
