"""Words meet however people write them; places restrict only where a product names some."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.engagement.places import offered_at
from endcap.engagement.words import singular, words_of


@pytest.mark.parametrize(
    "text",
    ["organic_food", "Organic Food", "ORGANIC-FOODS", "organic  food", "Örganic, food!",
     "the organic foods", "organic_food_food"],
)  # fmt: skip
def test_spellings_of_one_interest(text: str) -> None:
    assert words_of(text) == ["organic", "food"]


@pytest.mark.parametrize(
    ("plural", "one"),
    [("berries", "berry"), ("boxes", "box"), ("dishes", "dish"), ("tomatoes", "tomato"),
     ("foods", "food"), ("glass", "glass"), ("bus", "bus"), ("gas", "gas"), ("basis", "basis"),
     ("glasses", "glass")],
)  # fmt: skip
def test_plurals(plural: str, one: str) -> None:
    assert singular(plural) == one


@settings(max_examples=40)
@given(st.text(max_size=60))
def test_words_are_distinct_and_stay_what_they_are(text: str) -> None:
    words = words_of(text)
    assert len(set(words)) == len(words)
    assert all(words_of(word.upper()) == words_of(word) for word in words if word.isascii())


@pytest.mark.parametrize(
    ("attributes", "location", "offered"),
    [
        ({}, "Cape Town", True),
        ({"location": "Cape Town"}, "", True),
        ({"location": "Cape Town"}, "cape_town", True),
        ({"location": "Durban"}, "Cape Town", False),
        ({"locations": ["Durban", "Cape Town"]}, "Cape Town", True),
        ({"country": "South Africa"}, "Cape Town, South Africa", True),
        ({"city": "Cape Town, South Africa"}, "Cape Town, South Africa", True),
        ({"Cities": ["Paris"]}, "Cape Town", False),
        ({"city": ""}, "Cape Town", True),
        ({"region": "Western Cape"}, "Cape Town", False),
        ({"department": "Paris"}, "Cape Town", True),
    ],
)
def test_places(attributes: Any, location: str, offered: bool) -> None:
    assert offered_at(attributes, location) is offered
