"""The word lists of the synthetic shop, read from ``words.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from msgspec import Struct, convert


class AisleWords(Struct, frozen=True):
    """One line of ``words.toml``; see its head for the meaning."""

    name: str
    occasion: str
    season: str
    prices: tuple[float, float]
    kinds: str
    qualities: str
    sizes: str


class DepartmentWords(Struct, frozen=True):
    name: str
    consumable: bool
    blurb: str
    brands: tuple[str, ...]
    aisles: tuple[AisleWords, ...]


@cache
def departments() -> tuple[DepartmentWords, ...]:
    text = files(__package__).joinpath("words.toml").read_text(encoding="utf-8")
    return convert(tomllib.loads(text)["departments"], tuple[DepartmentWords, ...])


@cache
def aisles() -> tuple[tuple[DepartmentWords, AisleWords], ...]:
    """Every aisle with its department, in the order of the file: an aisle's number."""
    return tuple((d, a) for d in departments() for a in d.aisles)
