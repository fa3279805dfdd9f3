"""Filters, promotions and metadata of the Personalize API, over the checkerboard shop."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from endcap.app.filter_terms import as_micros, rewritten
from endcap.app.intake import write
from endcap.app.promotions import Promotion, mixed
from endcap.app.shares import over_catalogue, over_list
from endcap.control.registry.datasets import Dataset
from endcap.control.registry.filters import Filter
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.filter_parser import parse
from endcap.domain.filter_text import text
from endcap.domain.filter_values import filtering
from endcap.domain.records import UsersPut
from endcap.domain.values import User

PERSONAL = "aws-user-personalization"
DEPARTMENT = {"name": "DEPARTMENT", "type": ["null", "string"], "categorical": True}
PRICE = {"name": "PRICE", "type": "float"}
ITEM_ID = {"name": "ITEM_ID", "type": "string"}
CREATION = {"name": "CREATION_TIMESTAMP", "type": "long"}
ABOUT = {"name": "ABOUT", "type": "string", "textual": True}
STOCK = {"name": "STOCK", "type": "int"}


@pytest.fixture(scope="module")
def shop(
    checkerboard_home: Path, make_board: Any, make_wire: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:  # fmt: skip
    """A group with a schema of items, some of which have prices. For all tests together: each
    changes users and items of its own alone."""
    home = tmp_path_factory.mktemp("filters") / "home"
    shutil.copytree(checkerboard_home, home)
    board, wire = make_board(home), make_wire(home)
    wire.board, group = board, wire.group("g")
    wire.dataset("g", "ITEMS", ITEM_ID, DEPARTMENT, PRICE, CREATION, ABOUT, STOCK)
    wire.of_group = group
    for place in range(12):
        created = 1_700_000_000_000_000 + place * 1_000_000
        board.put(f"black-{place}", price=float(place), created=created, stock=place)
    board.put("white-0", department="white|cheap", about="of stone")
    wire.campaign_arn = wire.campaign(group, PERSONAL, enableMetadataWithRecommendations=True)
    return wire


def ids(shop: Any, expression: str, user: str = "s0", **more: Any) -> set[str]:
    arn = shop.filter(shop.of_group, expression)
    return set(shop.ids(shop.campaign_arn, userId=user, filterArn=arn, numResults=500, **more))


def blacks(*places: int) -> set[str]:
    return {f"black-{place}" for place in places}


def test_columns_are_those_of_the_schema_in_any_case(shop: Any) -> None:
    assert ids(shop, "INCLUDE ItemID WHERE Items.price < 2") == blacks(0, 1)
    assert ids(shop, "include itemid where ITEMS.Price >= 10") == blacks(10, 11)


def test_times_of_creation_are_in_seconds(shop: Any) -> None:
    late = "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP > 1700000009"
    assert ids(shop, f"{late} AND Items.PRICE > 0") == blacks(10, 11)
    same = "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP = $THEN"
    assert ids(shop, same, filterValues={"THEN": "1700000003"}) == blacks(3)


def test_one_value_may_stand_for_a_time_and_a_number(shop: Any) -> None:
    either = "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP = $X OR Items.PRICE = $X"
    assert ids(shop, either, filterValues={"X": "5"}) == blacks(5)
    assert ids(shop, either, filterValues={"X": "1700000004"}) == blacks(4)


def test_categories_are_several_values(shop: Any) -> None:
    assert ids(shop, 'INCLUDE ItemID WHERE Items.DEPARTMENT IN ("cheap")') == {"white-0"}


def test_values_come_as_clients_of_personalize_write_them(shop: Any) -> None:
    chosen = "INCLUDE ItemID WHERE Items.DEPARTMENT IN ($D) AND Items.PRICE <= $MOST"
    given = {"D": '"black","none"', "MOST": "1"}
    assert ids(shop, chosen, filterValues=given) == blacks(0, 1)


@pytest.mark.parametrize("word", ["Purchase", "PURCHASE", "purchase"])
def test_what_the_user_bought_is_left_out_and_found(shop: Any, word: str) -> None:
    x = f"buyer {word}"
    shop.board.post((x, "white-4", "purchase"), (x, "white-5", "add_to_cart"))
    bought = f'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("{word}")'
    assert ids(shop, bought, x) == {"white-4"}
    assert "white-4" not in ids(shop, bought.replace("INCLUDE", "EXCLUDE"), x)
    touched = 'INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")'
    assert ids(shop, touched, x) == {"white-4", "white-5"}


@pytest.mark.parametrize("word", ["AddToCart", "add_to_cart", "Add To Cart"])
def test_event_types_are_read_as_events_are(shop: Any, word: str) -> None:
    x = f"carrier {word}"
    shop.board.post((x, "white-5", "add_to_cart"))
    assert ids(shop, f'INCLUDE ItemID WHERE Interactions.EVENT_TYPE = "{word}"', x) == {"white-5"}
    by_value = "INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($T)"
    assert ids(shop, by_value, x, filterValues={"T": f'"{word}"'}) == {"white-5"}


def test_what_is_put_holds_from_the_next_answer_on(shop: Any) -> None:
    sold = "INCLUDE ItemID WHERE Items.STOCK > 10"
    assert ids(shop, sold) == blacks(11)
    shop.board.put("white-7", stock=40)
    assert ids(shop, sold) == {"black-11", "white-7"}


def test_a_condition_on_the_user_decides(shop: Any) -> None:
    adult = "EXCLUDE ItemID WHERE Items.PRICE > 0 IF CurrentUser.AGE < 18"
    assert blacks(5) <= ids(shop, adult)
    write(shop.board.shop, UsersPut(shop.board.at, users=(User("young", {"age": 12}),)))
    assert not blacks(5) & ids(shop, adult, "young")


@pytest.mark.parametrize(
    ("expression", "values", "code"),
    [
        ("INCLUDE ItemID WHERE Items.PRICE < $MOST", {}, "filter_value_missing"),
        ("INCLUDE ItemID WHERE Items.PRICE < 2", {"MOST": "1"}, "filter_value_unknown"),
        ("INCLUDE ItemID WHERE Items.PRICE < $MOST", {"MOST": "cheap"}, "filter_value"),
        ("INCLUDE ItemID WHERE Items.NOTHING = 2", {}, "filter_unknown_column"),
        ('INCLUDE ItemID WHERE Items.ABOUT = "of stone"', {}, "filter_column_type"),
        ("INCLUDE UserID WHERE Users.AGE < 2", {}, "filter_of_users"),
        ("INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE", {}, "filter_needs_item"),
    ],
)
def test_filters_that_cannot_be_used_are_refused(
    shop: Any, expression: str, values: dict[str, str], code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        ids(shop, expression, filterValues=values)
    assert refused.value.code == code


def test_the_current_item_is_the_one_asked_about(shop: Any) -> None:
    cheaper = shop.filter(shop.of_group, "INCLUDE ItemID WHERE Items.PRICE < CurrentItem.PRICE")
    arn = shop.campaign(shop.of_group, "aws-similar-items")
    found = shop.ids(arn, itemId="black-3", filterArn=cheaper, numResults=500)
    assert set(found) == blacks(0, 1, 2)


def test_a_filter_must_be_there_active_and_of_the_group(shop: Any) -> None:
    there = shop.filter(shop.group("elsewhere"), "INCLUDE ItemID WHERE Items.PRICE < 2")
    made = shop.filter(shop.of_group, "INCLUDE ItemID WHERE Items.PRICE < 2")
    shop.registry.move(Filter, made, shop.at, "DELETE PENDING")
    gone = made + "-gone"
    for arn, kind, code in (
        (there, InvalidInput, "filter_of_other_group"),
        (made, InvalidInput, "not_active"),
        (gone, NotFound, "no_resource"),
        (shop.of_group, InvalidInput, "arn_of_other_kind"),
        ("price < 2", InvalidInput, "bad_arn"),
    ):
        with pytest.raises(kind) as refused:
            shop.recommend(shop.campaign_arn, userId="s0", filterArn=arn)
        assert refused.value.code == code


def test_values_without_a_filter_are_refused(shop: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        shop.recommend(shop.campaign_arn, userId="s0", filterValues={"X": "1"})
    assert refused.value.code == "filter_without_text"
    assert shop.ids(shop.campaign_arn, userId="s0", filterValues={})


def test_an_exchanged_schema_holds_soon(shop: Any) -> None:
    """What was a category may be one text."""
    group, column = shop.group("changing"), {"name": "DEPARTMENT", "type": "string"}
    shop.dataset("changing", "ITEMS", ITEM_ID, DEPARTMENT)
    shop.dataset("plain", "ITEMS", ITEM_ID, column)
    arn = shop.campaign(group, PERSONAL)
    only = shop.filter(group, 'INCLUDE ItemID WHERE Items.DEPARTMENT IN ("cheap")')
    assert shop.ids(arn, userId="s0", filterArn=only) == ["white-0"]
    schema = shop.registry.arn("schema", "plain-ITEMS")
    shop.registry.change(
        Dataset,
        shop.registry.arn("dataset", "changing/ITEMS"),
        lambda found: replace(found, schema_arn=schema),
    )
    shop.at += 5_000_000
    assert shop.ids(arn, userId="s0", filterArn=only) == []


def promoted(shop: Any, percent: int, n: int, name: str = "sale") -> list[dict[str, Any]]:
    promotion = {
        "name": name,
        "percentPromotedItems": percent,
        "filterArn": shop.filter(shop.of_group, "INCLUDE ItemID WHERE Items.PRICE < $MOST"),
        "filterValues": {"MOST": "6"},
    }
    only = shop.filter(shop.of_group, 'INCLUDE ItemID WHERE Items.DEPARTMENT IN ("white")')
    found: list[dict[str, Any]] = shop.recommend(
        shop.campaign_arn, userId="s1", numResults=n, promotions=[promotion], filterArn=only
    )["itemList"]
    return found


@pytest.mark.parametrize(("percent", "n", "expected"), [(20, 10, 2), (50, 5, 3), (1, 10, 0)])
def test_a_share_of_the_items_is_promoted(shop: Any, percent: int, n: int, expected: int) -> None:
    found = promoted(shop, percent, n)
    named = [item["itemId"] for item in found if item.get("promotionName") == "sale"]
    assert len(named) == expected
    assert set(named) <= blacks(*range(6))  # whatever the request's filter says
    others = [item["itemId"] for item in found if "promotionName" not in item]
    assert len(others) == n - expected
    assert all(item_id.startswith("white") for item_id in others)


def test_promoted_items_are_in_their_own_order(shop: Any) -> None:
    found = promoted(shop, 60, 10)
    for named in (True, False):
        scores = [item["score"] for item in found if ("promotionName" in item) == named]
        assert scores == sorted(scores, reverse=True)


def test_a_score_is_the_same_whatever_is_permitted(shop: Any) -> None:
    """Also of what is promoted, and of what stands beside it."""

    def scores(**more: Any) -> dict[str, float]:
        asked = {"userId": "s0", "numResults": 24, **more}
        items = shop.recommend(shop.campaign_arn, **asked)["itemList"]
        return {item["itemId"]: item["score"] for item in items}

    cheap = shop.filter(shop.of_group, "INCLUDE ItemID WHERE Items.PRICE < 6")
    promotion = {"name": "p", "percentPromotedItems": 20, "filterArn": cheap}
    whole = scores()
    for found in (scores(filterArn=cheap), scores(promotions=[promotion])):
        likely = [item for item in found if whole[item] > 1e-3]
        assert len(likely) > 2
        assert [found[item] for item in likely] == [pytest.approx(whole[item]) for item in likely]


def test_an_answer_is_counted_once(shop: Any) -> None:
    arn = shop.filter(shop.of_group, "INCLUDE ItemID WHERE Items.PRICE < 6")

    def counted() -> float:
        (opened,) = shop.shops.held()
        found = opened.shop.telemetry.reading().counters
        return sum(value for (name, _), value in found.items() if name == "answers_total")

    shop.recommend(shop.campaign_arn, userId="s0")
    before = counted()
    shop.recommend(shop.campaign_arn, userId="s0", filterArn=arn)
    assert counted() == before + 1


def test_everything_may_be_promoted(shop: Any) -> None:
    found = promoted(shop, 100, 5)
    assert [item["promotionName"] for item in found] == ["sale"] * 5


def test_missing_promoted_items_leave_their_places_to_others(shop: Any) -> None:
    found = promoted(shop, 100, 10)  # only six are cheap
    assert sum("promotionName" in item for item in found) == 6
    assert len(found) == 10


@pytest.mark.parametrize(
    ("promotions", "code"),
    [
        ([{"percentPromotedItems": 5}], "promotion_lacks"),
        ([{"filterArn": "arn:aws:personalize:us-east-1:123456789012:filter/x"}], "promotion_lacks"),
        ([{}, {}], "too_many_promotions"),
    ],
)
def test_promotions_that_cannot_be_are_refused(shop: Any, promotions: Any, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        shop.recommend(shop.campaign_arn, userId="s0", promotions=promotions)
    assert refused.value.code == code


@given(st.lists(st.integers(), max_size=20), st.lists(st.text(), max_size=20), st.integers(0))
def test_mixing_keeps_both_orders(usual: list[Any], other: list[Any], seed: int) -> None:
    found = mixed(usual, other, seed)
    assert [each for each in found if isinstance(each, int)] == usual
    assert [each for each in found if isinstance(each, str)] == other
    assert found == mixed(usual, other, seed)


def test_promoted_items_stand_at_many_places() -> None:
    places = {mixed(list("aaaa"), ["b"], seed).index("b") for seed in range(100)}
    assert places == set(range(5))


@given(st.integers(1, 100), st.integers(1, 500))
def test_a_share_is_rounded(percent: int, n: int) -> None:
    count = Promotion("", percent, {}).count(n)
    assert abs(count - n * percent / 100) <= 0.5
    assert 0 <= count <= n


def test_metadata_are_texts_by_column(shop: Any) -> None:
    wanted = {"ITEMS": ["PRICE", "CREATION_TIMESTAMP", "Department", "STOCK", "ABOUT", "PRICE"]}
    items = shop.recommend(shop.campaign_arn, userId="s0", metadataColumns=wanted)["itemList"]
    told = {item["itemId"]: item["metadata"] for item in items}
    assert told["black-3"] == {
        "price": "3.0", "creation_timestamp": "1700000003", "department": "black", "stock": "3",
    }  # fmt: skip
    assert told["white-0"]["department"] == "white|cheap"
    assert told["white-0"]["about"] == "of stone"


def test_a_ranking_tells_metadata_too(shop: Any) -> None:
    arn = shop.campaign(
        shop.of_group, "aws-personalized-ranking", enableMetadataWithRecommendations=True
    )
    ranking = shop.rerank(
        arn, userId="s0", inputList=["black-2", "nothing"], metadataColumns={"ITEMS": ["PRICE"]}
    )
    assert [item["metadata"] for item in ranking] == [{"price": "2.0"}, {}]


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"ITEMS": ["COLOUR"]}, "metadata_column"),
        ({"ITEMS": ["ITEM_ID"]}, "metadata_column"),
        ({"USERS": ["AGE"]}, "metadata_dataset"),
        ({"ITEMS": [f"C{n}" for n in range(11)]}, "too_many_columns"),
    ],
)
def test_metadata_that_cannot_be_are_refused(shop: Any, columns: Any, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        shop.recommend(shop.campaign_arn, userId="s0", metadataColumns=columns)
    assert refused.value.code == code


def test_metadata_need_a_campaign_that_permits_them(shop: Any) -> None:
    arn = shop.campaign(shop.of_group, PERSONAL)
    with pytest.raises(InvalidInput) as refused:
        shop.recommend(arn, userId="s0", metadataColumns={"ITEMS": ["PRICE"]})
    assert refused.value.code == "metadata_disabled"
    assert "metadata" not in shop.recommend(arn, userId="s0", metadataColumns={})["itemList"][0]


@pytest.mark.parametrize(
    ("expression", "values", "own"),
    [
        (
            'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("AddToCart", "Watch", "*")', {},
            'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("add_to_cart", "Watch", "*")',
        ),
        (
            "INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP >= 5 AND Items.PRICE >= 5", {},
            "INCLUDE ItemID WHERE Items.created >= 5000000 AND Items.PRICE >= 5",
        ),
    ],
)  # fmt: skip
def test_filters_in_the_shops_own_terms(expression: str, values: Any, own: str) -> None:
    found = parse(expression, extended=False)
    told = rewritten(found).with_values(filtering(found, values, extended=False))
    assert text(told.filter) == text(parse(own, extended=False))


@pytest.mark.parametrize(
    ("given", "micros"), [(5, 5_000_000), ("5", 5_000_000), (1.5, 1_500_000), ("x", "x")]
)
def test_seconds_as_micros(given: Any, micros: Any) -> None:
    assert as_micros(given) == micros


SCORES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60).map(
    lambda found: sorted(found, reverse=True)
)


@given(SCORES, st.integers(0, 10**6))
def test_shares_are_parts_of_one_in_the_scores_order(scores: list[float], more: int) -> None:
    told = over_catalogue(scores, len(scores) + more).of(scores)
    assert told == sorted(told, reverse=True)
    assert all(0 < share <= 1 for share in told)
    assert sum(told) <= 1 + 1e-9
    assert sum(over_list(scores).of(scores)) == pytest.approx(1)
