"""Offers: products that fit what a customer said, in the order that suits what the customer did.

Pure: interests, matches and time are arguments. The two weights below are choices, not learnt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from endcap.domain.values import PERSONAL, RERANK, Answer, Query
from endcap.engagement.interests import Interest
from endcap.engagement.places import offered_at
from endcap.engagement.word_index import Matches
from endcap.engine.answer import answer
from endcap.engine.moment import Live
from endcap.engine.sellable import is_sellable

BY_INTEREST = "interest"  # the strategy of an answer that holds at least one match
FADE = 0.7  # each older interest counts this much of the one after it
MATCH, BEHAVIOUR = 0.7, 0.3  # shares of an offer's score
POOL = 200  # matches that are put into the customer's own order
SPARE = 100  # more candidates than asked: some may not be offered at the customer's place
REASONS = {
    "personal": "suits what the customer did lately",
    "content": "resembles what the customer did lately",
    "affinity": "from the departments the customer looks at",
    "popular": "popular in the shop",
}


class Offer(Struct, frozen=True):
    """``score`` orders the offers of one answer."""

    id: str
    name: str
    score: float
    reason: str


class Offers(NamedTuple):
    """Best first; ``answer`` says by what strategy, model and events."""

    offers: tuple[Offer, ...]
    answer: Answer


class Fit(NamedTuple):
    """How well a product (vocabulary row) fits, and which interest it fits."""

    row: int
    score: float
    interest: str


def offers(
    now: Live,
    customer_id: str,
    stated: Sequence[tuple[Interest, Matches]],
    k: int,
    at: int,
) -> Offers:
    """At most ``k`` offers. ``stated``: the interests with their matches, newest first; the
    newest one says where the customer is."""
    location = stated[0][0].location if stated else ""
    fits = list(shortlist(now, stated, location, at))
    chosen = blend(now, customer_id, fits, at)[:k]
    more = answer(now, Query(PERSONAL, at=at, k=k + SPARE, user_id=customer_id))
    taken = {offer.id for offer in chosen}
    floor = chosen[-1].score if chosen else None
    for item in more.items:
        if len(chosen) >= k:
            break
        row = now.state.items.row(item.id)
        if item.id in taken or not offered_at(now.state.item_attributes(row), location):
            continue
        floor = floor * 0.99 if floor is not None else None
        score = item.score if floor is None else floor
        reason = REASONS.get(more.strategy, REASONS["popular"])
        chosen.append(Offer(item.id, name_of(now, row), score, reason))
    strategy = BY_INTEREST if taken else more.strategy
    return Offers(tuple(chosen), replace(more, strategy=strategy))


def shortlist(
    now: Live, stated: Sequence[tuple[Interest, Matches]], location: str, at: int
) -> Iterator[Fit]:
    """At most ``POOL`` matches that can be offered, best first; of equal ones the more popular."""
    if not stated:
        return
    weights = [FADE**age for age in range(len(stated))]
    rows = np.concatenate([matches.rows for _, matches in stated])
    scores = np.concatenate([m.scores * w for (_, m), w in zip(stated, weights, strict=True)])
    source = np.repeat(np.arange(len(stated)), [len(m.rows) for _, m in stated])
    popularity = now.state.popularity(at, rows)
    seen: set[int] = set()
    yielded = 0
    for place in np.lexsort((-popularity, -scores)).tolist():
        row = int(rows[place])
        attributes = now.state.item_attributes(row)
        if row in seen or not is_sellable(attributes):
            continue
        seen.add(row)
        if offered_at(attributes, location):
            yield Fit(row, float(scores[place]), stated[int(source[place])][0].interest)
            yielded += 1
        if yielded == POOL:
            return


def blend(now: Live, customer_id: str, fits: Sequence[Fit], at: int) -> list[Offer]:
    """The matches by fit and by the customer's own history. What the shop's seen policy leaves
    out (bought before, where people do not buy again) is no offer."""
    by_id = {now.state.items.id(fit.row): fit for fit in fits}
    if not by_id:
        return []
    query = Query(
        RERANK, at=at, k=len(by_id), user_id=customer_id, item_ids=tuple(by_id),
        seen=now.serving.seen_policy,
    )  # fmt: skip
    ranked = answer(now, query).items
    made = []
    for place, item in enumerate(ranked):
        fit = by_id[item.id]
        score = MATCH * fit.score + BEHAVIOUR * (1 - place / len(ranked))
        reason = f"matches the interest {' '.join(fit.interest.replace('_', ' ').split())}"
        made.append(Offer(item.id, name_of(now, fit.row), round(score, 6), reason))
    return sorted(made, key=lambda offer: -offer.score)


def name_of(now: Live, row: int) -> str:
    """The product's name; its id where the catalogue has none."""
    name = now.state.item_attributes(row).get("name")
    return str(name) if name else str(now.state.items.id(row))
