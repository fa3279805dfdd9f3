"""Names for the array types that cross package borders. Shapes stand at the line."""

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
UInt8s = NDArray[np.uint8]
UInt64s = NDArray[np.uint64]
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]

# numpy reads the head of a file with ``ast``, and CPython 3.11 counts its depth for all threads
# together: two at once raise SystemError (github.com/python/cpython/issues/106905).
_one_at_a_time = Lock()


def load_array(path: Path, mmap: bool = True) -> NDArray[Any]:
    """An .npy file as a plain array, mapped read-only or in memory; never a pickle. From any
    thread. Raises OSError, ValueError, EOFError."""
    with _one_at_a_time:
        return np.asarray(np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False))
