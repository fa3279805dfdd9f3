"""Tables of numbers as .npy bytes: what goes in comes out, and nothing else is taken."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from endcap.domain import npy


def saved(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


@given(arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(1, 4))))
def test_a_table_comes_back(table: np.ndarray) -> None:
    found = npy.decode(npy.encode(table))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, table)


def test_float64_is_narrowed() -> None:
    found = npy.decode(saved(np.array([[0.1, np.nan]])))
    np.testing.assert_array_equal(found, np.array([[0.1, np.nan]], np.float32))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x93NUMPY",
        b"PK\x03\x04 a zip",
        saved(np.zeros(3, np.float32)),
        saved(np.zeros((2, 2), np.int64)),
        saved(np.zeros((2, 2), ">f4")),
        saved(np.asfortranarray(np.ones((2, 3), np.float32))),
        saved(np.ones((2, 2), np.float32))[:-1],
        saved(np.ones((2, 2), np.float32)) + b"\0",
        saved(np.ones((2, 2), np.float32)).replace(b"(2, 2)", b"(9, 9)"),
        saved(np.array([["a", None]], object)),
    ],
)
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\.npy|float32|numbers"):
        npy.decode(raw)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_value_error(raw: bytes) -> None:
    head = saved(np.ones((1, 2), np.float32))
    for given_bytes in (raw, head[: len(head) // 2] + raw):
        try:
            npy.decode(given_bytes)
        except ValueError:
            continue
