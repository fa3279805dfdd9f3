"""Attributes as tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.domain.values import Attribute
from endcap.models.tokens import tokens_of


@pytest.mark.parametrize(
    ("field", "value", "tokens"),
    [
        ("department", "Produce", ["department=produce"]),
        ("Aisle", "fresh  fruits", ["aisle=fresh fruits"]),
        ("name", "Bio-Bananen, 1 kg (Bio)", ["name:bio", "name:bananen", "name:1", "name:kg"]),
        ("name", "Crème Brûlée 奶油", ["name:crème", "name:brûlée", "name:奶油"]),
        ("tags", ["Vegan", "new", "vegan"], ["tags=vegan", "tags=new"]),
        ("vegan", True, ["vegan=true"]),
        ("score", 0, ["score~0"]),
    ],
)
def test_tokens_of_one_field(field: str, value: Attribute, tokens: list[str]) -> None:
    assert tokens_of({field: value}) == {field.lower(): tokens}


@pytest.mark.parametrize("value", [None, "", "  ", [], [""], float("nan"), float("inf")])
def test_no_value_no_field(value: Attribute) -> None:
    assert tokens_of({"colour": value}) == {}


def test_what_is_only_a_state_says_nothing() -> None:
    assert tokens_of({"available": True, "created": 5, "stock": 3}) == {}


def test_a_long_value_is_a_text() -> None:
    told = tokens_of({"care": "wash at thirty degrees and dry flat"})
    assert told["care"][0] == "care:wash"


def test_a_whole_number_may_be_a_code() -> None:
    assert "category=17" in tokens_of({"category": 17})["category"]


@given(st.floats(1e-3, 1e9), st.floats(1.0, 1.2))
def test_near_prices_share_a_bucket_and_far_ones_do_not(price: float, factor: float) -> None:
    here = set(tokens_of({"price": price})["price"])
    assert here & set(tokens_of({"price": price * factor})["price"])
    assert not here & set(tokens_of({"price": price * 1.6})["price"])
    assert not here & set(tokens_of({"price": -price})["price"])
