"""Compiling kernels where numba can keep the code; where it cannot, numpy forms run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

try:
    from numba import njit as _njit
except ModuleNotFoundError:  # as in a function of Lambda, which has no room for it
    njit: Any = None
else:
    njit = _njit


def _probe() -> int:
    return 0


def _compiles() -> bool:
    """Whether there is numba, and it finds a folder to keep compiled code in."""
    if njit is None:
        return False
    try:
        njit(cache=True)(_probe)
    except RuntimeError as problem:
        warnings.warn(f"numba cannot keep compiled code, numpy runs: {problem}", stacklevel=2)
        return False
    return True


COMPILED = _compiles()


def jit(loops: Callable[..., Any]) -> Callable[..., Any]:
    """``loops`` compiled where numba can keep the code."""
    return njit(cache=True, nogil=True)(loops) if COMPILED else loops
