"""A client of AWS whose every call fails: for how an adapter says so, where no server would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Refusing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**_: Any) -> Any:
            raise self.error

        return call
