"""Where a product may be offered: its own location attributes against the customer's."""

from __future__ import annotations

from endcap.domain.values import Attributes
from endcap.engagement.words import words_of

# Attributes that restrict a product to places; a text or a list of texts.
PLACES = frozenset(
    ("location", "locations", "city", "cities", "region", "regions", "country", "countries")
)


def offered_at(attributes: Attributes, location: str) -> bool:
    """Whether a product may be offered at ``location`` ("" where it is not known).

    ``Cape Town, South Africa`` names three places: the whole and its parts. A product that names
    places is offered where one of them is the customer's; one that names none, everywhere.
    """
    limits = [limit for name in attributes if name.lower() in PLACES
              for limit in texts(attributes[name])]  # fmt: skip
    if not limits or not location:
        return True
    here = {key(part) for part in (location, *location.split(","))}
    return any(key(limit) in here for limit in limits)


def texts(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(member) for member in value if str(member).strip()]
    return [value] if isinstance(value, str) and value.strip() else []


def key(place: str) -> str:
    return " ".join(words_of(place))
