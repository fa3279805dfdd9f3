"""Preferences that customers state, and the offers that follow from them."""

from __future__ import annotations

from endcap.app.answers import catch_up
from endcap.app.shop import Shop
from endcap.domain.errors import EndcapError
from endcap.engagement.interests import Interest, history, remember
from endcap.engagement.offers import Offers, offers
from endcap.engagement.word_index import Matches
from endcap.engagement.words import words_of

MOST_INTERESTS = 5  # the newest different ones that offers follow
READ_BACK = 50  # newest records looked through for them

Stated = list[tuple[Interest, Matches]]


def record_preference(
    shop: Shop, customer_id: str, interest: str, location: str, at: int
) -> Interest:
    """Durable on return. Waits for the disk: keep it off the event loop.

    Counts ``InsertSuccess`` or ``InsertError``. Raises EndcapError (preference_not_stored).
    """
    try:
        record = remember(shop.documents, customer_id, interest, location, at)
    except EndcapError as error:
        shop.telemetry.count("InsertSuccess", 0)
        shop.telemetry.count("InsertError")
        raise EndcapError("preference_not_stored", field="customer_id", cause=error.code) from error
    shop.telemetry.count("InsertSuccess")
    shop.telemetry.count("InsertError", 0)
    return record


def stated_interests(shop: Shop, customer_id: str) -> Stated:
    """The customer's newest different interests, newest first, with what matches each.

    Reads the disk, and the catalogue at the first call: keep it off the event loop.
    """
    found: dict[str, Interest] = {}
    for record in history(shop.documents, customer_id, READ_BACK):
        found.setdefault(" ".join(words_of(record.interest)), record)
    newest = list(found.items())[:MOST_INTERESTS]
    state = shop.now.state
    return [(record, shop.words.match(state, words.split())) for words, record in newest]


def offers_for(shop: Shop, customer_id: str, stated: Stated, k: int, at: int) -> Offers:
    """On the thread that owns the shop."""
    catch_up(shop, customer_id)
    found = offers(shop.now, customer_id, stated, k, at)
    shop.telemetry.count("answers_total", surface="offers", strategy=found.answer.strategy)
    return found
