"""The dated table of AWS prices, ``prices.toml`` beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

TABLE = Path(__file__).with_name("prices.toml")


class Price(Struct, frozen=True, forbid_unknown_fields=True):
    """USD for one ``unit``. ``page``: where AWS states it; ``seen``: when it was found again in a
    text of others, empty where it was not."""

    service: str
    unit: str
    usd: float
    page: str
    seen: str = ""


class Prices(Struct, frozen=True, forbid_unknown_fields=True):
    """All prices of one region, as of a date (ISO 8601)."""

    region: str
    as_of: str
    price: dict[str, Price]


@cache
def prices() -> Prices:
    return msgspec.toml.decode(TABLE.read_bytes(), type=Prices)
