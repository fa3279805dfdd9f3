"""What a recommender's name promises is what it answers: held against counts made by hand."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import combinations
from typing import Any

import pytest

from endcap.app.shop import Shop
from endcap.app.version_training import train_version
from endcap.control.registry.recommenders import Recommender
from endcap.control.registry.statuses import PENDING

USERS, ITEMS, MINUTE_US = 40, 15, 60_000_000
Event = tuple[str, str, str]


def silent(_: str, __: float) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def events() -> list[list[Event]]:
    """Visits, one after another: who looked at and bought what."""
    draw = random.Random(5)
    visits = []
    for _ in range(300):
        user = f"u{draw.randrange(USERS)}"
        looked = {f"i{min(draw.randrange(ITEMS), draw.randrange(ITEMS))}" for _ in range(5)}
        bought = {item for item in sorted(looked) if draw.random() < 0.5}
        visit = [(user, item, "view") for item in sorted(looked)]
        visits.append(visit + [(user, item, "purchase") for item in sorted(bought)])
    return visits


@pytest.fixture
def answers(make_board: Any, make_wire: Any, tmp_path: Any, events: list[list[Event]]) -> Any:
    """``answers(recipe)``: a function that asks a recommender of that recipe, just trained."""
    board = make_board(tmp_path / "home")
    for visit in events:
        board.at += 120 * MINUTE_US  # another basket
        board.post(*visit)
    wire = make_wire(board.home)
    wire.at = board.at
    group = wire.group("g")

    def of(recipe: str) -> Any:
        arn = wire.recommender(group, recipe, "")
        wire.registry.move(Recommender, arn, board.at, PENDING)
        shop: Shop = board.open()
        train_version(shop, wire.registry, arn, board.at, silent)
        wire.trained = wire.registry.find(Recommender, arn)
        assert wire.trained.status == "ACTIVE", wire.trained.failure_reason
        return lambda **given: wire.ids(arn, **given)

    of.wire, of.board, of.group = wire, board, group  # type: ignore[attr-defined]
    return of


def counted(events: list[list[Event]], kind: str) -> Counter[str]:
    return Counter(item for visit in events for _, item, what in visit if what == kind)


def pairs(groups: list[set[str]]) -> dict[str, Counter[str]]:
    """How many groups hold both, by item."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for group in groups:
        for one, other in combinations(sorted(group), 2):
            found[one][other] += 1
            found[other][one] += 1
    return found


def best(counts: Counter[str], ids: list[str]) -> None:
    """``ids`` are those with the greatest counts, best first, whatever stands for equal ones."""
    told = [counts[item] for item in ids]
    assert told == sorted(counts.values(), reverse=True)[: len(ids)]
    assert len(set(ids)) == len(ids)


def seen_by(events: list[list[Event]], user: str, kind: str) -> set[str]:
    return {item for visit in events for who, item, what in visit if (who, what) == (user, kind)}


@pytest.mark.parametrize(
    ("recipe", "kind"),
    [
        ("aws-ecomm-popular-items-by-views", "view"),
        ("aws-ecomm-popular-items-by-purchases", "purchase"),
    ],
)
def test_popular_items_are_those_with_most_events(
    answers: Any, events: list[list[Event]], recipe: str, kind: str
) -> None:
    counts = counted(events, kind)
    ask = answers(recipe)
    best(counts, ask(numResults=10))
    assert len(ask(numResults=500)) == len(counts)


def test_items_bought_together_share_most_baskets(answers: Any, events: list[list[Event]]) -> None:
    together = pairs([{item for _, item, kind in v if kind == "purchase"} for v in events])
    ask = answers("aws-ecomm-frequently-bought-together")
    for item in ("i0", "i3", "i9"):
        found = ask(itemId=item, numResults=500)
        best(together[item], found)
        assert set(found) == set(together[item])
    assert ask(itemId="nothing") == []


def test_also_viewed_items_share_most_users(answers: Any, events: list[list[Event]]) -> None:
    by_user = [seen_by(events, f"u{n}", "view") for n in range(USERS)]
    ask = answers("aws-ecomm-customers-who-viewed-x-also-viewed")
    for user in ("u0", "u1", "nobody"):
        bought = seen_by(events, user, "purchase")
        counts = pairs(by_user)["i2"]
        for item in bought:
            del counts[item]
        found = ask(itemId="i2", userId=user, numResults=500)
        best(counts, found)
        assert not bought & set(found)


def test_recommended_for_you_leaves_out_what_was_bought(
    answers: Any, events: list[list[Event]]
) -> None:
    ask = answers("aws-ecomm-recommended-for-you")
    for user in ("u0", "u1"):
        bought = seen_by(events, user, "purchase")
        found = set(ask(userId=user, numResults=500))
        assert found == {f"i{n}" for n in range(ITEMS)} - bought


def test_a_purchase_leaves_the_lists_at_once(answers: Any, events: list[list[Event]]) -> None:
    ask = answers("aws-ecomm-recommended-for-you")
    first = ask(userId="u0", numResults=1)[0]
    answers.board.post(("u0", first, "purchase"))
    answers.wire.at = answers.board.at
    assert first not in ask(userId="u0", numResults=500)


def test_counts_are_filtered(answers: Any, events: list[list[Event]]) -> None:
    for n in range(ITEMS):
        answers.board.put(f"i{n}", price=float(n))
    cheap = answers.wire.filter(answers.group, "INCLUDE ItemID WHERE Items.price < 4")
    ask = answers("aws-ecomm-popular-items-by-views")
    counts = counted(events, "view")
    allowed = Counter({item: counts[item] for item in ("i0", "i1", "i2", "i3")})
    best(allowed, ask(numResults=500, filterArn=cheap))


def test_watched_videos_are_left_out(answers: Any) -> None:
    watched = [("u0", f"i{n}", "Watch") for n in range(3)]
    for user in ("u1", "u2", "u3"):
        answers.board.post(*((user, f"i{n}", "Watch") for n in range(8)))
    answers.board.post(*watched)
    answers.wire.at = answers.board.at
    ask = answers("aws-vod-because-you-watched-x")
    found = ask(itemId="i0", userId="u0", numResults=500)
    assert set(found) == {f"i{n}" for n in range(3, 8)}
    for recipe in ("aws-vod-more-like-x", "aws-vod-top-picks"):
        ask = answers(recipe)
        found = ask(itemId="i0", userId="u0", numResults=500)
        assert found
        assert not {"i0", "i1", "i2"} & set(found), recipe
