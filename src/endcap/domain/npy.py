"""Tables of numbers as the bytes of an .npy file: what programs hand to one another.

numpy's own reader evaluates the header as Python and makes room for any shape that it claims; this
one takes plain two-dimensional floats, whose bytes must be there, and nothing else.
Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import re

import numpy as np

from endcap.domain.arrays import Float32s

_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    rb"\{'descr': '<f([48])', 'fortran_order': False, 'shape': \((\d{1,9}), (\d{1,9})\), \} *\n?"
)


def encode(table: Float32s) -> bytes:
    """(rows, columns) as the bytes of an .npy file."""
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(table, "<f4"), allow_pickle=False)
    return out.getvalue()


def decode(raw: bytes) -> Float32s:
    """(rows, columns) of float32 or float64, as float32. Raises ValueError, which quotes nothing
    of the numbers."""
    if raw[:6] != _MAGIC or len(raw) < 10 or raw[6] not in (1, 2):
        raise ValueError("it is no .npy file of version 1 or 2")
    wide = 2 if raw[6] == 1 else 4
    begin = 8 + wide + int.from_bytes(raw[8 : 8 + wide], "little")
    header = _HEADER.fullmatch(raw, 8 + wide, min(begin, len(raw)))
    if header is None:
        raise ValueError("it must hold little-endian float32 or float64 in two dimensions, by rows")
    size, rows, columns = (int(found) for found in header.groups())
    if len(raw) - begin != size * rows * columns:
        raise ValueError("it does not hold as many numbers as it says")
    table = np.frombuffer(raw, f"<f{size}", offset=begin).reshape(rows, columns)
    with np.errstate(over="ignore"):  # what does not fit is infinite, and refused as that
        return np.ascontiguousarray(table, np.float32)
