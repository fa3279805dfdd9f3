"""Event types of clients: the three that the engine knows, and the clients' own words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.domain.event_types import event_type_of, same_event_type
from endcap.domain.values import EVENT_TYPES


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("view", "view"),
        ("View", "view"),
        ("VIEW", "view"),
        ("Purchase", "purchase"),
        ("AddToCart", "add_to_cart"),
        ("addtocart", "add_to_cart"),
        ("add_to_cart", "add_to_cart"),
        ("Add To Cart", "add_to_cart"),
        ("ADD-TO-CART", "add_to_cart"),
        (" purchase ", "purchase"),
        (None, "view"),
        ("", "view"),
        ("  ", "view"),
        ("Watch", "Watch"),
        ("ProductViewed", "ProductViewed"),
        ("views", "views"),
        ("_", "_"),
    ],
)
def test_a_clients_word_is_one_of_the_known_or_stays(text: str | None, expected: str) -> None:
    assert event_type_of(text) == expected


@given(st.text())
def test_what_was_read_once_is_read_the_same_again(text: str) -> None:
    assert event_type_of(event_type_of(text)) == event_type_of(text)
    assert event_type_of(text) in EVENT_TYPES or event_type_of(text) == text.strip()


def test_types_compare_in_any_case_and_spelling() -> None:
    assert same_event_type("Watch", "WATCH")
    assert same_event_type("add to cart", "AddToCart")
    assert same_event_type(None, "View")
    assert not same_event_type("Watch", "view")
    assert not same_event_type("Watch", "Watched")
