"""How a setting is declared, and texts that nothing prints."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Hidden(str):
    """A secret: as text it is itself, but no printed Settings shows it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'" if self else "''"


class Setting(Struct, frozen=True):
    """How one setting is read: its default, what is permitted, and what it is for."""

    default: Any
    least: float | None
    most: float | None
    about: str


def number(default: float, least: float, most: float, about: str) -> Setting:
    return Setting(default, least, most, about)


def text(default: str, about: str) -> Setting:
    return Setting(default, None, None, about)
