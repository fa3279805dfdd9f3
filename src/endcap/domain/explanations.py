"""Why an item is in an answer, and why it is not. Members are named as on the wire."""

from __future__ import annotations

from msgspec import Struct

# Where a score comes from.
MODEL, COLD, CONTENT, EMBEDDING, AFFINITY, NEWCOMER, POPULAR, TRENDING, UNKNOWN = (
    "model", "cold", "content", "embedding", "affinity", "newcomer", "popular", "trending",
    "unknown",
)  # fmt: skip
SOURCES = (MODEL, COLD, CONTENT, EMBEDDING, AFFINITY, NEWCOMER, POPULAR, TRENDING, UNKNOWN)

# Why-not: exactly one of these for every item.
IN_LIST, UNKNOWN_ITEM, NOT_IN_CATALOGUE, UNAVAILABLE, EXCLUDED, FILTERED, NO_SCORE, OUTRANKED = (
    "in_list", "unknown_item", "not_in_catalogue", "unavailable", "excluded_by_seen_policy",
    "filtered_out", "no_score", "outranked",
)  # fmt: skip
VERDICTS = (
    IN_LIST, UNKNOWN_ITEM, NOT_IN_CATALOGUE, UNAVAILABLE, EXCLUDED, FILTERED, NO_SCORE, OUTRANKED,
)  # fmt: skip


class Cause(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One event of the history, or the item that was asked about, and what it gave to the score.

    ``amount`` may be negative; ``share`` is its part of all amounts by size, 0 to 1. ``through``
    names the known item that spoke for an event with an item no model knows.
    """

    item_id: str
    amount: float
    share: float
    event_type: str | None = None
    age_seconds: float | None = None
    through: str | None = None


class DataVersion(Struct, frozen=True, rename="camel"):
    """What the model was trained on."""

    lake_version: int
    log_offset: int


class RankerAccount(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the ranker said of an item. ``average`` (an average candidate's) + the explanation's
    ``features`` + ``other_features`` = ``log_odds``.

    ``order``: whose order is served, ``recipe``, ``ranker`` or ``blend``. ``probability``: the
    log-odds, calibrated. ``values``: what the features were; null where there is none.
    """

    order: str
    probability: float
    log_odds: float
    average: float
    other_features: float
    recipe_score: float
    recipe_rank: int | None = None
    values: dict[str, float | None] = {}


class Explanation(Struct, frozen=True, rename="camel", omit_defaults=True):
    """``prior`` + the amounts of ``because`` + ``others`` = ``score``, for the sources model,
    cold, content, affinity and newcomer; with a ``ranker``, = its ``recipe_score``: a ranker
    exchanges the items among the scores.

    ``components``: the same amounts by part of the model; of a newcomer, by what is known of
    them. ``neighbours``: the known items that a
    cold one was placed by, with their weights. ``features``: those that moved the ranker's
    log-odds of the item most, and how far.
    """

    source: str
    score: float
    prior: float = 0.0
    because: tuple[Cause, ...] = ()
    others: float = 0.0
    components: dict[str, float] | None = None
    neighbours: dict[str, float] | None = None
    features: dict[str, float] | None = None
    ranker: RankerAccount | None = None
    rules: tuple[str, ...] = ()
    model_version: str = ""
    data_version: DataVersion | None = None


class Verdict(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What became of one item. ``stage`` is where it was dropped, ``lacks`` says what would have
    to be otherwise; ``gap`` is the last listed score less its own."""

    item_id: str
    verdict: str
    stage: str
    lacks: str = ""
    rank: int | None = None
    score: float | None = None
    last_score: float | None = None
    gap: float | None = None
    event_type: str | None = None
    event_age_seconds: float | None = None
    explanation: Explanation | None = None
