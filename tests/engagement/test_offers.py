"""Offers of a toy catalogue, where the right ones are visible."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.app.compaction import settle
from endcap.app.preferences import offers_for, record_preference, stated_interests

CATALOGUE = {
    "banana": {"name": "Organic Bananas", "department": "produce", "aisle": "fresh fruits"},
    "oats": {"name": "Rolled Oats", "department": "pantry", "description": "Organic, from Wales"},
    "soap": {"name": "Soap", "department": "household", "brand": "Organic & Co"},
    "crisps": {"name": "Crisps", "department": "snacks", "aisle": "chips pretzels"},
    "dogfood": {"name": "Dry dog food", "department": "pets", "aisle": "dog food care"},
    "catfood": {"name": "Cat food", "department": "pets", "aisle": "cat food care"},
    "wors": {"name": "Organic Boerewors", "department": "meat", "city": ["Cape Town", "Durban"]},
    "gone": {"name": "Organic Milk", "department": "dairy", "available": False},
}


@pytest.fixture
def shop(empty_board: Any) -> Any:
    for item_id, attributes in CATALOGUE.items():
        empty_board.put(item_id, **attributes)
    return empty_board


def offers(board: Any, customer: str = "C", k: int = 3) -> Any:
    stated = stated_interests(board.shop, customer)
    return offers_for(board.shop, customer, stated, k, board.at)


def ids(found: Any) -> list[str]:
    return [offer.id for offer in found.offers]


def state_interest(
    board: Any, interest: str, location: str = "London", customer: str = "C"
) -> None:
    board.at += 1
    record_preference(board.shop, "C", interest, location, board.at)


@pytest.mark.parametrize("interest", ["organic_food", "Organic Foods", "organics", "ORGANIC"])
def test_an_interest_finds_products_by_their_words(shop: Any, interest: str) -> None:
    state_interest(shop, interest)
    found = offers(shop)
    assert set(ids(found)) == {"soap", "banana", "oats"}
    assert found.answer.strategy == "interest"
    assert [o.score for o in found.offers] == sorted((o.score for o in found.offers), reverse=True)
    assert found.offers[0].name == CATALOGUE[found.offers[0].id]["name"]
    words = " ".join(interest.replace("_", " ").split())
    assert {o.reason for o in found.offers} == {f"matches the interest {words}"}


@pytest.mark.parametrize(
    ("interest", "expected"),
    [("pets", {"dogfood", "catfood"}), ("Pet", {"dogfood", "catfood"}), ("fruit", {"banana"}),
     ("chips", {"crisps"}), ("wales", {"oats"})],
)  # fmt: skip
def test_departments_aisles_and_descriptions_count(
    shop: Any, interest: str, expected: set[str]
) -> None:
    state_interest(shop, interest)
    assert set(ids(offers(shop, k=len(expected)))) == expected


def test_products_of_other_places_are_left_out_whatever_found_them(shop: Any) -> None:
    state_interest(shop, "organic meat", "Cape Town")
    assert "wors" in ids(offers(shop))
    state_interest(shop, "organic meat", "London")
    assert "wors" not in ids(offers(shop, k=100))
    shop.post(("C", "banana", "view"), *[(f"u{i}", "wors", "purchase") for i in range(5)])
    assert len(ids(offers(shop, k=100))) == 6
    assert "wors" not in ids(offers(shop, k=100))


def test_withdrawn_products_are_no_offer(shop: Any) -> None:
    state_interest(shop, "milk")
    assert "gone" not in ids(offers(shop, k=100))


@pytest.mark.parametrize("colour", ["black", "white"])
def test_equal_matches_come_in_the_customers_own_order(board: Any, colour: str) -> None:
    for item_id in ("black-1", "white-1"):
        board.put(item_id, kind="widget")
    board.post(("C", f"{colour}-5", "view"))
    state_interest(board, "widgets")
    found = offers(board)
    assert found.answer.strategy == "interest"
    assert ids(found)[0] == f"{colour}-1"
    assert set(ids(found)[:2]) == {"black-1", "white-1"}
    assert found.offers[2].id.startswith(colour)
    assert found.offers[2].reason == "suits what the customer did lately"


def test_the_newest_interest_counts_most(shop: Any) -> None:
    state_interest(shop, "pets")
    state_interest(shop, "chips")
    assert ids(offers(shop))[0] == "crisps"
    assert set(ids(offers(shop))) == {"crisps", "dogfood", "catfood"}
    state_interest(shop, "pet")
    assert set(ids(offers(shop, k=2))) == {"dogfood", "catfood"}


def test_an_unknown_interest_is_answered_by_history_or_popularity(shop: Any) -> None:
    state_interest(shop, "quantum chromodynamics")
    shop.post(("someone", "crisps", "purchase"))
    found = offers(shop)
    assert (found.answer.strategy, ids(found)[0]) == ("popular", "crisps")
    assert found.offers[0].reason == "popular in the shop"
    shop.post(("C", "dogfood", "view"))
    assert offers(shop).answer.strategy == "affinity"


def test_a_customer_who_said_nothing_gets_offers_too(shop: Any) -> None:
    found = offers(shop, "silent", 2)
    assert (found.answer.strategy, len(found.offers)) == ("popular", 2)


def test_a_product_is_found_at_once_when_it_comes_changes_or_goes(shop: Any) -> None:
    state_interest(shop, "vegan cheese")
    assert offers(shop).answer.strategy == "popular"
    shop.put("cheese", name="Vegan Cheese", department="dairy")
    assert ids(offers(shop))[0] == "cheese"
    settle(shop.shop, shop.at)  # now it stands in a snapshot
    assert ids(offers(shop))[0] == "cheese"
    shop.put("cheese", name="Blue Cheddar")
    assert offers(shop).answer.strategy == "popular"
    shop.put("crisps", description="taste of cheese")
    assert ids(offers(shop))[0] == "crisps"
