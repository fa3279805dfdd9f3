"""What filters permit, seen on a shop of eight products whose right answers are visible."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.domain.errors import InvalidInput
from endcap.domain.filter_parser import parse
from endcap.domain.filter_values import filtering
from endcap.domain.records import EventsPosted, ItemsPut, UsersPut
from endcap.domain.values import Event, Item, Query, User
from endcap.engine.answer import answer
from endcap.engine.moment import Live, live
from endcap.engine.serving import UNTRAINED
from endcap.engine.state import LiveState, StateLimits

DAY_US = 86_400_000_000
NOW = 1_750_000_000_000_000  # 2025-06-15T15:06:40Z

ITEMS: dict[str, dict[str, Any]] = {
    "milk": {"department": "dairy", "price": 1.2, "stock": 10, "genre": ["organic", "fresh"],
             "name": "Whole Milk", "created": NOW - DAY_US, "on_sale": True, "list_price": 1.5,
             "brand": "acme"},
    "cheese": {"department": "dairy", "price": 6, "stock": 0, "genre": "hard",
               "name": "Blue Cheese", "on_sale": False, "list_price": 6, "brand": "BLU"},
    "bread": {"department": "bakery", "price": "2.5", "stock": 3, "genre": "fresh|vegan",
              "name": 'Rye "Dark" Bread', "created": (NOW - 10 * DAY_US) // 1_000_000},
    "cake": {"department": "bakery", "price": 12, "stock": 5, "genre": ["sweet"], "brand": "acme",
             "name": "Milk Cake", "list price": 10},
    "apple": {"department": "produce", "price": 0.5, "stock": 100, "genre": ["organic", "fruit"],
              "on_sale": "true", "name": "Apple", "created": "2025-06-14"},
    "pear": {"department": "produce", "price": 0.7, "genre": [], "name": "pear", "COLOUR": "green"},
    "soap": {"department": "household", "price": 3, "stock": 7, "name": "soap", "year": 1999,
             "brand": "Acme"},
    "ghost": {"name": "ghost", "year": "1999", "creationTimestamp": NOW // 1000},
}  # fmt: skip
USERS: dict[str, dict[str, Any]] = {
    "ann": {"country": "DE", "budget": 3, "favourite": ["dairy", "produce"], "member": True,
            "brand": "acme", "age": 34},
    "bob": {"country": "FR", "age": "17"},
}  # fmt: skip
# (user, item, event type, days ago)
EVENTS = [
    ("ann", "milk", "view", 40), ("ann", "milk", "purchase", 39), ("ann", "bread", "purchase", 3),
    ("ann", "apple", "add_to_cart", 1), ("bob", "soap", "view", 2),
]  # fmt: skip

ALL = set(ITEMS)


def without(*gone: str) -> set[str]:
    return ALL - set(gone)


# (expression, what stays), in the form that Personalize's clients write
PERSONALIZE: list[tuple[str, set[str]]] = [
    ('INCLUDE ItemID WHERE Items.department IN ("dairy")', {"milk", "cheese"}),
    ('include itemid where ITEMS.DEPARTMENT in ("dairy", "bakery")',
     {"milk", "cheese", "bread", "cake"}),
    ("INCLUDE ItemID WHERE Items.DEPARTMENT IN ('dairy')", {"milk", "cheese"}),
    ('INCLUDE ItemID WHERE Items.department IN ("Dairy")', set()),
    ('EXCLUDE ItemID WHERE Items.department IN ("dairy")', without("milk", "cheese")),
    ('EXCLUDE ItemID WHERE Items.department NOT IN ("dairy")', {"milk", "cheese"}),
    ('INCLUDE ItemID WHERE Items.department NOT IN ("dairy")', without("milk", "cheese")),
    ('INCLUDE ItemID WHERE Items.genre IN ("organic")', {"milk", "apple"}),
    ('INCLUDE ItemID WHERE Items.genre NOT IN ("organic", "hard")',
     without("milk", "apple", "cheese")),
    ('INCLUDE ItemID WHERE Items.genre IN ("fresh|vegan")', {"bread"}),
    ('INCLUDE ItemID WHERE Items.colour IN ("green")', {"pear"}),
    ('INCLUDE ItemID WHERE Items.nothing IN ("green")', set()),
    ("INCLUDE ItemID WHERE Items.PRICE < 3", {"milk", "bread", "apple", "pear"}),
    ("INCLUDE ItemID WHERE Items.PRICE <= 3", {"milk", "bread", "apple", "pear", "soap"}),
    ("INCLUDE ItemID WHERE Items.price > 3", {"cheese", "cake"}),
    ("INCLUDE ItemID WHERE Items.price >= 3", {"cheese", "cake", "soap"}),
    ("INCLUDE ItemID WHERE Items.price = 6", {"cheese"}),
    ("INCLUDE ItemID WHERE Items.price = 6.0", {"cheese"}),
    ("INCLUDE ItemID WHERE Items.price != 6", without("cheese")),
    ("INCLUDE ItemID WHERE Items.price = 25e-1", {"bread"}),
    ("INCLUDE ItemID WHERE Items.price > -1", without("ghost")),
    ('INCLUDE ItemID WHERE Items.year IN ("1999")', {"soap", "ghost"}),
    ("INCLUDE ItemID WHERE Items.year = 1999", {"soap", "ghost"}),
    ('INCLUDE ItemID WHERE Items.price < 3 AND Items.department IN ("produce")',
     {"apple", "pear"}),
    ('INCLUDE ItemID WHERE Items.price > 5 OR Items.department IN ("produce") AND Items.stock > 50',
     {"cheese", "cake", "apple"}),
    ('INCLUDE ItemID WHERE Items.department IN ("produce") AND Items.stock > 50 OR Items.price > 5',
     {"cheese", "cake", "apple"}),
    ('INCLUDE ItemID WHERE Items.department IN ("dairy") | INCLUDE ItemID WHERE Items.price > 10',
     {"milk", "cheese", "cake"}),
    ('EXCLUDE ItemID WHERE Items.stock = 0 | INCLUDE ItemID WHERE Items.department IN ("dairy")',
     {"milk"}),
    ('EXCLUDE ItemID WHERE Items.stock = 0 | EXCLUDE ItemID WHERE Items.price > 10',
     without("cheese", "cake")),
    ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase")', without("milk", "bread")),
    ('EXCLUDE itemId WHERE INTERACTIONS.event_type in ("Purchase")', without("milk", "bread")),
    ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', without("milk", "bread", "apple")),
    ('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("*")', {"milk", "bread", "apple"}),
    ('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("view", "add_to_cart")', {"milk", "apple"}),
    ('INCLUDE ItemID WHERE Interactions.EVENT_TYPE NOT IN ("purchase")', without("milk", "bread")),
    ('INCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("watch")', set()),
    ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase") | '
     'INCLUDE ItemID WHERE Items.department IN ("dairy", "bakery")', {"cheese", "cake"}),
    ("INCLUDE ItemID WHERE Items.department IN CurrentItem.department", {"milk", "cheese"}),
    ("INCLUDE ItemID WHERE Items.genre IN (CurrentItem.GENRE)", {"milk", "apple"}),
    ("INCLUDE ItemID WHERE Items.price > CurrentItem.price", {"cheese", "bread", "cake", "soap"}),
    ("EXCLUDE ItemID WHERE Items.brand IN CurrentItem.brand", without("milk", "cake")),
    ('INCLUDE ItemID WHERE Items.price < 1 IF CurrentUser.country IN ("DE")', {"apple", "pear"}),
    ('INCLUDE ItemID WHERE Items.price < 1 IF CurrentUser.country IN ("FR")', ALL),
    ('EXCLUDE ItemID WHERE Items.price < 1 IF CurrentUser.age > 18 AND CurrentUser.budget <= 3',
     without("apple", "pear")),
    ('EXCLUDE ItemID WHERE Items.price < 1 IF CurrentUser.age > 34', ALL),
    ('INCLUDE ItemID WHERE Items.price < 1 IF CurrentUser.country NOT IN ("FR") | '
     'INCLUDE ItemID WHERE Items.price > 10', {"apple", "pear", "cake"}),
    ("INCLUDE ItemID WHERE Items.CREATION_TIMESTAMP > 1749999000", {"ghost"}),
]  # fmt: skip

# Beyond Personalize's: the extended form
EXTENDED: list[tuple[str, set[str]]] = [
    ('department = "dairy"', {"milk", "cheese"}),
    ("price < 1", {"apple", "pear"}),
    ('NOT department = "dairy"', without("milk", "cheese")),
    ('department != "dairy"', without("milk", "cheese")),
    ("NOT (price < 3 OR stock > 5)", {"cheese", "cake", "ghost"}),
    ("NOT NOT price < 1", {"apple", "pear"}),
    ('(price > 5 OR department = "produce") AND stock > 50', {"apple"}),
    ('price > 5 OR (department = "produce" AND stock > 50)', {"cheese", "cake", "apple"}),
    ("on_sale = TRUE", {"milk", "apple"}),
    ("on_sale", {"milk", "apple"}),
    ("on_sale AND price < 1", {"apple"}),
    ("on_sale = FALSE", {"cheese"}),
    ("NOT on_sale", without("milk", "apple")),
    ("on_sale IN (TRUE, FALSE)", {"milk", "apple", "cheese"}),
    ("on_sale = 1", set()),
    ("stock IS NULL", {"pear", "ghost"}),
    ("stock IS NOT NULL", without("pear", "ghost")),
    ("genre IS NULL", {"pear", "soap", "ghost"}),
    ("stock = 0", {"cheese"}),
    ("stock > 0", without("cheese", "pear", "ghost")),
    ('name CONTAINS "milk"', {"milk", "cake"}),
    ('CONTAINS(name, "milk")', {"milk", "cake"}),
    ('name STARTSWITH "milk"', {"cake"}),
    ('ENDSWITH(Items.name, "MILK")', {"milk"}),
    ('name CONTAINS "\\"dark\\""', {"bread"}),
    ("name CONTAINS '\"dark\"'", {"bread"}),
    ('genre CONTAINS "fr"', {"milk", "bread", "apple"}),
    ('price CONTAINS "2"', {"bread"}),
    ("Items.price < Items.list_price", {"milk"}),
    ("price = list_price", {"cheese"}),
    ("price > Items.`list price`", {"cake"}),
    ("price <= list_price AND NOT on_sale", {"cheese"}),
    ("created > NOW() - 7 days", {"milk", "apple"}),
    ("created > NOW() - 2 weeks", {"milk", "apple", "bread"}),
    ("created < NOW() - 1 day", {"apple", "bread"}),
    ("created <= NOW() - 1 day", {"apple", "bread", "milk"}),
    ("created <= NOW() - 36 hours", {"apple", "bread"}),
    ("created < NOW() + 1 hour", {"milk", "apple", "bread"}),
    ('created >= DATE("2025-06-14")', {"milk", "apple"}),
    ('created = DATE("2025-06-14")', {"apple"}),
    ('creation_timestamp >= DATE("2025-06-15T15:00:00Z")', {"ghost"}),
    ('created < DATE("2025-06-10T00:00:00+02:00")', {"bread"}),
    ("brand = CurrentUser.brand", {"milk", "cake"}),
    ("price <= CurrentUser.budget", {"milk", "bread", "apple", "pear", "soap"}),
    ("CurrentUser.budget > price", {"milk", "bread", "apple", "pear"}),
    ("department IN CurrentUser.favourite", {"milk", "cheese", "apple", "pear"}),
    ("department NOT IN CurrentUser.favourite", without("milk", "cheese", "apple", "pear")),
    ('CurrentUser.country = "DE" AND price < 1', {"apple", "pear"}),
    ('CurrentUser.country = "FR" AND price < 1', set()),
    ("CurrentUser.nothing IS NULL", ALL),
    ("brand = CurrentUser.nothing", set()),
    ("price < 1 IF CurrentUser.member", {"apple", "pear"}),
    ('price < 1 IF country = "FR" OR (age > 30 AND NOT budget > 5)', {"apple", "pear"}),
    ('EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("purchase") WITHIN 30 days',
     without("bread")),
    ('Interactions.EVENT_TYPE = "purchase" AND Interactions.EVENT_TYPE = "view"', {"milk"}),
    ('Interactions.EVENT_TYPE IN ("*") WITHIN 2 days', {"apple"}),
    ('Interactions.EVENT_TYPE != "purchase" AND price > 2', {"cheese", "cake", "soap"}),
    ('NOT Interactions.EVENT_TYPE IN ("purchase") AND Items.department = "dairy"', {"cheese"}),
    ('department < "c"', {"bread", "cake"}),
    ('price < "3"', {"milk", "bread", "apple", "pear"}),
    ('year = "1999" AND stock = 7', {"soap"}),
    ("department IN (CurrentItem.department, \"bakery\")", {"milk", "cheese", "bread", "cake"}),
    ("CurrentItem.price < 2 AND on_sale", {"milk", "apple"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def now() -> Live:
    state = LiveState(None, StateLimits())
    items = tuple(Item(name, attributes) for name, attributes in ITEMS.items())
    users = tuple(User(name, attributes) for name, attributes in USERS.items())
    events = tuple(
        Event(user, item, kind, NOW - days * DAY_US, f"e{place}")
        for place, (user, item, kind, days) in enumerate(EVENTS)
    )
    state.apply(ItemsPut(NOW, items=items), 1)
    state.apply(UsersPut(NOW, users=users), 2)
    state.apply(EventsPosted(NOW, events=events), 3)
    return live(state, UNTRAINED)


def permitted(now: Live, text: str, extended: bool = True, **values: Any) -> set[str]:
    """By the whole engine: everything popular that the filter leaves, for ann beside milk."""
    asked = filtering(parse(text, extended=extended), values, extended=extended)
    query = Query("popular", NOW, k=50, user_id="ann", item_id="milk", seen="none", filter=asked)
    return {item.id for item in answer(now, query).items}


@pytest.mark.parametrize(("text", "kept"), PERSONALIZE)
@pytest.mark.parametrize("extended", [False, True])
def test_what_personalize_permits(now: Live, text: str, kept: set[str], extended: bool) -> None:
    assert permitted(now, text, extended) == kept


@pytest.mark.parametrize(("text", "kept"), EXTENDED)
def test_what_the_extended_form_permits(now: Live, text: str, kept: set[str]) -> None:
    assert permitted(now, text) == kept


@pytest.mark.parametrize(("text", "_"), EXTENDED)
def test_the_extended_form_is_beyond_personalizes(text: str, _: object) -> None:
    with pytest.raises(InvalidInput):
        parse(text, extended=False)


@pytest.mark.parametrize(
    ("text", "values", "kept"),
    [
        ("INCLUDE ItemID WHERE Items.department IN ($D)", {"D": '"dairy"'}, {"milk", "cheese"}),
        ("INCLUDE ItemID WHERE Items.department IN ($D, 'produce')", {"D": "'bakery' , \"dairy\""},
         {"milk", "cheese", "bread", "cake", "apple", "pear"}),
        ("INCLUDE ItemID WHERE Items.price <= $MOST", {"MOST": "1.2"}, {"milk", "apple", "pear"}),
        ("INCLUDE ItemID WHERE Items.price <= $MOST", {"MOST": '"1.2"'}, {"milk", "apple", "pear"}),
        ("INCLUDE ItemID WHERE Items.year IN ($Y)", {"Y": "1999"}, {"soap", "ghost"}),
        ("EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ($T)", {"T": '"PURCHASE"'},
         without("milk", "bread")),
        ("INCLUDE ItemID WHERE Items.price < $A AND Items.stock > $B", {"A": "2", "B": "50"},
         {"apple"}),
        ("INCLUDE ItemID WHERE Items.price > 5 IF CurrentUser.country IN ($C)", {"C": '"DE"'},
         {"cheese", "cake"}),
    ],
)  # fmt: skip
def test_values_as_personalizes_clients_give_them(
    now: Live, text: str, values: dict[str, str], kept: set[str]
) -> None:
    assert permitted(now, text, False, **values) == kept
    assert permitted(now, text, True, **values) == kept


@pytest.mark.parametrize(
    ("text", "values", "kept"),
    [
        ("department IN ($d)", {"d": ["dairy", "bakery"]}, {"milk", "cheese", "bread", "cake"}),
        ("department = $d", {"d": "dairy"}, {"milk", "cheese"}),
        ("department NOT IN ($d)", {"d": "dairy"}, without("milk", "cheese")),
        ("price < $p", {"p": 1}, {"apple", "pear"}),
        ("price < $p", {"p": "1"}, {"apple", "pear"}),
        ("on_sale = $yes", {"yes": True}, {"milk", "apple"}),
        ("name CONTAINS $words", {"words": ["blue", "rye"]}, {"cheese", "bread"}),
        ("stock = $s OR price = $s", {"s": [3, 5]}, {"bread", "cake", "soap"}),
        ("department IN ($d)", {"d": []}, set()),
    ],
)
def test_values_of_the_extended_form(
    now: Live, text: str, values: dict[str, Any], kept: set[str]
) -> None:
    assert permitted(now, text, **values) == kept
