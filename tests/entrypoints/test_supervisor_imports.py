"""What the supervisor loads before it knows whether it may fork."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import endcap.entrypoints.server
print(sorted({"numpy", "pyarrow", "duckdb", "numba"} & set(sys.modules)))
"""


def test_nothing_that_starts_threads_is_imported_with_the_server() -> None:
    """Numpy's BLAS and Arrow start threads unless told not to: then children are not forked, start
    late and share no memory."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
