"""The bodies of requests and answers. The OpenAPI document is generated from these types.

Member names are the wire's: what the contract spells in camel case stays so.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from endcap.domain.values import (
    PERSONAL,
    POPULAR,
    RELATED,
    RERANK,
    TRENDING,
    Attribute,
    ScoredItem,
)
from endcap.engagement.offers import Offer
from endcap.serving.filter_shapes import FilterText, FilterValues

MOST_ID = 256
MOST_K = 100
DEFAULT_K = 5

PRINTABLE = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"


def _id(about: str) -> Meta:
    return Meta(
        min_length=1,
        max_length=MOST_ID,
        description=about,
        extra_json_schema={"pattern": PRINTABLE},
    )


UserId = Annotated[str, _id("A shopper: 1 to 256 characters, none of them control characters.")]
ItemId = Annotated[str, _id("A product: 1 to 256 characters, none of them control characters.")]
Reference = Annotated[str, _id("1 to 256 characters, none of them control characters.")]
Key = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MOST_ID,
        description="1 to 256 printable ASCII characters.",
        extra_json_schema={"pattern": "^[!-~]([ -~]*[!-~])?$"},
    ),
]
Count = Annotated[int, Meta(ge=1, le=MOST_K)]
MOST_ANSWER_ID = 120
AnswerIdText = Annotated[
    str,
    Meta(min_length=1, max_length=MOST_ANSWER_ID, extra_json_schema={"pattern": "^[A-Za-z0-9_-]+$"},
         description="What came in the header Endcap-Answer-Id."),
]  # fmt: skip
# The surfaces as their routes are called.
SURFACE_WORDS = {
    "personalized": PERSONAL,
    "related": RELATED,
    "trending": TRENDING,
    "popular": POPULAR,
    "rerank": RERANK,
}
SurfaceWord = Literal["personalized", "related", "trending", "popular", "rerank"]
ItemList = Annotated[str, Meta(min_length=2, description='JSON, for example ["I1","I2"].')]
EventType = Literal["view", "add_to_cart", "purchase"]
SeenPolicy = Literal["exclude_purchased", "exclude_seen", "none"]
Relation = Literal["behaviour", "embedding"]
YesNo = Literal["true", "false"]
Time = Annotated[
    str,
    Meta(
        description="ISO 8601, from 1970 to one day from now; without an offset it is UTC.",
        examples=["2025-08-16T18:30:00Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
# The schema of a free attribute's value; the document refers to it by name.
ATTRIBUTE = {
    "anyOf": [
        {"type": "string", "maxLength": 8192},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "string", "maxLength": 256}, "maxItems": 100},
        {"type": "null"},
    ]
}
_FREE = {
    "maxProperties": 100,
    "propertyNames": {"minLength": 1, "maxLength": 128, "pattern": PRINTABLE},
}
AttributesBody = Annotated[
    dict[str, Attribute],
    Meta(
        description="Free attributes: text, a finite number, true, false, null or a list of texts.",
        extra_json_schema=_FREE,
    ),
]


class EventBody(Struct, gc=False):
    """One thing a shopper did with one item."""

    userId: UserId
    itemId: ItemId
    event_type: EventType
    ts: Time | None = None
    event_id: Reference | None = None
    value: float | None = None
    session_id: Reference | None = None
    attributes: AttributesBody | None = None


class EventsBody(Struct):
    """Several events, in order. All are stored, or none."""

    events: Annotated[list[EventBody], Meta(extra_json_schema={"minItems": 1})]


def _entry(member: str, about: str) -> Meta:
    """An object with its id and, beside it, free attributes."""
    identity = {"type": "string", "minLength": 1, "maxLength": MOST_ID, "pattern": PRINTABLE}
    shape = _FREE | {"required": [member], "properties": {member: identity}}
    return Meta(description=about, extra_json_schema=shape)


ItemBody = Annotated[
    dict[str, Attribute],
    _entry(
        "itemId",
        "An item's id and, beside it, the attributes to set. Known to the engine: name, "
        "department, aisle, price, description, available (false: never recommended).",
    ),
]
UserBody = Annotated[
    dict[str, Attribute], _entry("userId", "A user's id and, beside it, the attributes to set.")
]


class ItemsBody(Struct):
    """Items to add or change. Attributes that are not named stay as they are."""

    items: Annotated[list[ItemBody], Meta(extra_json_schema={"minItems": 1})]


class UsersBody(Struct):
    """Users to add or change. Attributes that are not named stay as they are."""

    users: Annotated[list[UserBody], Meta(extra_json_schema={"minItems": 1})]


# To JSON Schema 5.0 is a whole number too; msgspec's ``int`` would refuse it.
_LIST_LENGTH = Meta(ge=1, le=MOST_K, multiple_of=1, description="Default: all of them.")


class RerankBody(Struct):
    """A list of items to put into the order that suits a user. Repeated ids count once."""

    userId: UserId
    items: Annotated[list[ItemId], Meta(extra_json_schema={"minItems": 1})]
    k: Annotated[float, _LIST_LENGTH] | None = None
    seen: SeenPolicy | None = None
    filter: FilterText | None = None
    filterValues: FilterValues | None = None


class SubmitBody(Struct):
    """A shopper asks for recommendations."""

    user_id: UserId
    event: Literal["get_recommendations"]
    k: Annotated[float, Meta(ge=1, le=MOST_K, multiple_of=1)] | None = None


class PersonalizedAnswer(Struct):
    userId: str
    items: tuple[ScoredItem, ...]


class RelatedAnswer(Struct):
    itemId: str
    related: tuple[ScoredItem, ...]


class SubmittedProduct(Struct):
    """``product_name`` is the id where the catalogue has no name; what it lacks is empty."""

    product_id: str
    probability: Annotated[float, Meta(gt=0, lt=1)]
    product_name: str
    department: str
    aisle: str


class SubmitAnswer(Struct):
    message: str
    recommendations: tuple[SubmittedProduct, ...]


class PreferenceBody(Struct):
    """What a customer is interested in, and where."""

    customer_id: UserId
    interest: Reference
    location: Reference


class PreferenceAnswer(Struct):
    """``offers`` only where they were asked for."""

    message: str
    offers: tuple[Offer, ...] | UnsetType = UNSET


class OffersAnswer(Struct):
    customer_id: str
    offers: tuple[Offer, ...]


class ItemAnswer(Struct):
    """What the catalogue says of one item."""

    itemId: str
    attributes: dict[str, Attribute]


class ListAnswer(Struct):
    items: tuple[ScoredItem, ...]


class ReplayAnswer(Struct):
    """The items and scores of an answer that was given before."""

    answerId: str
    answeredAt: str
    logOffset: int
    modelVersion: str
    strategy: str
    items: tuple[ScoredItem, ...]


class EventAnswer(Struct):
    ok: bool


class EventsAnswer(Struct):
    """``repeats``: how many of the accepted were known already and changed nothing."""

    ok: bool
    accepted: int
    repeats: int


class UpsertAnswer(Struct):
    ok: bool
    accepted: int


class ErasedAnswer(Struct):
    """From this answer on, nothing the user did is used. ``purgeAt``: when no store holds a byte of
    it any more. ``forgotten``: by place, how many entries went; ``untilPurge``: by place, how many
    lie on disk until then. ``pending``: places that are looked through, and counted in the receipt,
    within seconds. ``receipt``: names this proof, and not the user."""

    ok: bool
    userId: str
    erased: bool
    purgeAt: str
    receipt: str = ""
    forgotten: dict[str, int] = {}
    untilPurge: dict[str, int] = {}
    pending: tuple[str, ...] = ()


class HealthAnswer(Struct):
    ok: bool
    version: str


class ErrorAnswer(Struct):
    error: str


class StoredAnswer(Struct):
    """What the last batch run stored for this user."""

    user_id: str
    recommendations: list[str]
    scores: list[float] = []
    model_version: str = ""
    stored_at: int = 0  # µs since 1970


Document = dict[str, Any]
