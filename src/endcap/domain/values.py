"""The values that the rest of Endcap speaks of. Frozen; behaviour is functions elsewhere.

Times are integers: microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from msgspec import Struct, field

from endcap.domain.explanations import Explanation
from endcap.domain.filters import Filtering

Attribute = str | int | float | bool | list[str] | None
Attributes = dict[str, Attribute]

# The three event types every shop has keep the codes 0, 1, 2 in arrays; others follow.
VIEW, ADD_TO_CART, PURCHASE = "view", "add_to_cart", "purchase"
EVENT_TYPES: tuple[str, ...] = (VIEW, ADD_TO_CART, PURCHASE)

# Seen policies: which items of the shopper's own history an answer leaves out.
EXCLUDE_PURCHASED, EXCLUDE_SEEN, EXCLUDE_NONE = "exclude_purchased", "exclude_seen", "none"
SEEN_POLICIES: tuple[str, ...] = (EXCLUDE_PURCHASED, EXCLUDE_SEEN, EXCLUDE_NONE)

# What the context of a query may say: of the page (items that share it come first), and of whoever
# asks (which counts as known of them, as these attributes of events do).
OF_PAGE, OF_VISITOR = ("department", "aisle"), ("country", "device")

PERSONAL, RELATED, TRENDING, POPULAR, RERANK = (
    "personal", "related", "trending", "popular", "rerank",
)  # fmt: skip
SURFACES: tuple[str, ...] = (PERSONAL, RELATED, TRENDING, POPULAR, RERANK)


class Event(Struct, frozen=True, omit_defaults=True, array_like=True, gc=False):
    """One thing a shopper did with one item. ``event_id`` decides whether it is a repeat.

    ``gc=False``: thousands live between two collections, and none can be part of a cycle.
    """

    user_id: str
    item_id: str
    event_type: str
    ts: int
    event_id: str
    value: float | None = None
    session_id: str | None = None
    attributes: Attributes | None = None


# Times of events, µs: what a date of four digits can say, in the state as in the lake.
LEAST_TS, MOST_TS = -62_135_596_800_000_000, 253_402_300_799_999_999


class Item(Struct, frozen=True, omit_defaults=True, array_like=True):
    """A product. An upsert replaces the attributes it names and keeps the others.

    Known to the engine: ``name``, ``department``, ``aisle``, ``price``, ``available``
    (false: never recommended), ``description``, ``created`` (µs).
    """

    item_id: str
    attributes: Attributes = field(default_factory=dict)


class User(Struct, frozen=True, omit_defaults=True, array_like=True):
    """A shopper. An upsert replaces the attributes it names and keeps the others."""

    user_id: str
    attributes: Attributes = field(default_factory=dict)


# What makes two items related: who combined them, or the places of both in the embeddings.
BEHAVIOUR, EMBEDDING = "behaviour", "embedding"
RELATIONS = (BEHAVIOUR, EMBEDDING)


class Query(Struct, frozen=True):
    """One question to the engine. ``at`` is its time; no code below the edge reads a clock."""

    surface: str
    at: int
    k: int = 5
    user_id: str | None = None
    item_id: str | None = None
    item_ids: tuple[str, ...] = ()  # rerank: the list to order
    event_type: str | None = None  # popular, trending: count this type only
    seen: str | None = None  # None: the shop's own default
    context: Attributes = field(default_factory=dict)  # e.g. {"department": "produce"}
    by: str | None = None  # related: one of RELATIONS; None: behaviour
    filter: Filtering | None = None  # what of the items may be in the answer
    likely: bool = False  # say of each item how likely it is bought, where a ranker knows


class ScoredItem(Struct, frozen=True, omit_defaults=True):
    id: str
    score: float
    explanation: Explanation | None = None  # only where it was asked for


class Answer(Struct, frozen=True):
    """What the engine answers, and how it came about."""

    items: tuple[ScoredItem, ...]
    strategy: str  # e.g. "personal", "popular", "content": documented in docs/engine.md
    model_version: str  # "" before the first training
    newest_event_age_s: float | None  # of the shopper's newest event used; None: none used
    fallback: str = ""  # "stage:reason" where something failed and less was done instead
    answer_id: str = ""  # by which the answer can be replayed
    likely: tuple[float, ...] = ()  # by item, where it was asked for and a ranker knows
