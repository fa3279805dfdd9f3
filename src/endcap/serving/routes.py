"""The table of routes. Dispatch and the OpenAPI document are both made from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from endcap.domain.explanations import Verdict
from endcap.serving import pages, reads, reasons, shapes, site, writes
from endcap.serving.filter_shapes import FilterText, FilterValuesText
from endcap.serving.preferences import get_offers, recommend
from endcap.serving.requests import Desk, Reply, Request
from endcap.serving.submit import submit

Read = Callable[[Desk, Request], Reply]
Write = Callable[[Desk, Request], Awaitable[Reply]]


class Parameter(Struct, frozen=True):
    """One parameter of the query string, of the path or among the headers."""

    name: str
    type: Any
    about: str
    place: str = "query"
    required: bool = False
    default: Any = None


class Route(Struct, frozen=True):
    """``read`` answers at once; ``write`` waits for a body or for the disk. One of them is set.
    ``elsewhere`` takes the place of ``read`` where an endpoint or a campaign is asked.

    ``errors``: the statuses it may answer with beside 405, 500 and ``status`` itself.
    """

    method: str
    path: str
    name: str
    about: str
    answer: Any  # type of the answer's body; a str names a content type that is not JSON
    read: Read | None = None
    write: Write | None = None
    elsewhere: Write | None = None
    parameters: tuple[Parameter, ...] = ()
    body: Any = None
    status: int = 200
    errors: tuple[int, ...] = (400,)
    ranked: bool = False  # the answer tells model version, strategy and freshness in headers
    twin: bool = False  # also answers without /v1


USER = Parameter("userId", shapes.UserId, "The shopper.", required=True)
ITEM = Parameter("itemId", shapes.ItemId, "The item.", required=True)
USER_IN_PATH = Parameter("userId", shapes.UserId, "The shopper.", "path", True)
ITEM_IN_PATH = Parameter("itemId", shapes.ItemId, "The item.", "path", True)
K = Parameter("k", shapes.Count, "How many items.", default=shapes.DEFAULT_K)
SEEN = Parameter(
    "seen",
    shapes.SeenPolicy,
    "Which of the shopper's own items to leave out. Default: what suits the shop.",
)
TYPE = Parameter("eventType", shapes.EventType, "Count events of this type only.")
EXPLAIN = Parameter(
    "explain", bool, "With true every item says why it is in the answer.", default=False
)
BY = Parameter(
    "by",
    shapes.Relation,
    "What makes two items related: who combined them, or their places in the embeddings.",
    default="behaviour",
)
ANSWER_ID = Parameter("answerId", shapes.AnswerIdText, "Which answer.", required=True)
ASKED = (
    ANSWER_ID,
    Parameter("surface", shapes.SurfaceWord, "Which route gave it.", default="personalized"),
    Parameter("userId", shapes.UserId, "As asked then: personalized, rerank, or with a filter."),
    Parameter("itemId", shapes.ItemId, "As asked then: related."),
    Parameter("by", shapes.Relation, "As asked then: related."),
    Parameter("items", shapes.ItemList, "As asked then: rerank."),
)
DEPARTMENT = Parameter("department", shapes.Reference, "Items of this department come first.")
AISLE = Parameter("aisle", shapes.Reference, "Items of this aisle come first.")
COUNTRY = Parameter("country", shapes.Reference, "Where the shopper is: counts without a history.")
DEVICE = Parameter("device", shapes.Reference, "What they use: counts without a history.")
CONTEXT = (DEPARTMENT, AISLE, COUNTRY, DEVICE)
KEY = Parameter(
    "Idempotency-Key",
    shapes.Key,
    "A retry with the same key and body changes nothing and gets the same answer.",
    "header",
)

FILTERS = (
    Parameter("filter", FilterText, "Which items may be in the answer (docs/filters.md)."),
    Parameter("filterValues", FilterValuesText, "Values for the filter's $parameters."),
)
FILTERS_OF_USER = (
    *FILTERS,
    Parameter(
        "userId", shapes.UserId, "The shopper that the filter speaks of; counts for nothing else."
    ),
)
CUSTOMER = Parameter("customer_id", shapes.UserId, "The customer.", required=True)
OFFERS = Parameter("offers", shapes.YesNo, "Whether the answer also holds offers.")

READS = (400,)
WRITES = (400, 408, 413, 415, 422, 503)

ROUTES: tuple[Route, ...] = (
    Route(
        "GET", "/v1/recommendations/personalized", "personalized",
        "Items for one shopper, from what the shopper did up to now",
        shapes.PersonalizedAnswer, read=reads.personalized,
        elsewhere=reads.personalized_elsewhere,
        parameters=(USER, K, SEEN, *CONTEXT, *FILTERS, EXPLAIN), ranked=True, twin=True,
    ),
    Route(
        "GET", "/v1/recommendations/related", "related", "Items that go with one item",
        shapes.RelatedAnswer, write=reads.related,
        parameters=(ITEM, K, BY, *FILTERS_OF_USER, EXPLAIN), ranked=True, twin=True,
    ),
    Route(
        "GET", "/v1/recommendations/trending", "trending",
        "Items that are in demand now more than before",
        shapes.ListAnswer, read=reads.trending,
        parameters=(K, TYPE, DEPARTMENT, AISLE, *FILTERS_OF_USER, EXPLAIN),
        ranked=True,
    ),
    Route(
        "GET", "/v1/recommendations/popular", "popular", "Items that most shoppers choose",
        shapes.ListAnswer, read=reads.popular,
        parameters=(K, TYPE, DEPARTMENT, AISLE, *FILTERS_OF_USER, EXPLAIN),
        ranked=True,
    ),
    Route(
        "POST", "/v1/recommendations/rerank", "rerank",
        "A given list in the order that suits one shopper; unknown ids come last",
        shapes.PersonalizedAnswer, write=writes.rerank, parameters=(EXPLAIN,),
        body=shapes.RerankBody, errors=(400, 408, 413, 415), ranked=True,
    ),
    Route(
        "GET", "/v1/why-not", "whyNot",
        "Why an item is not in a shopper's personalized answer, or at which rank it is",
        Verdict, read=reasons.why_not, parameters=(USER, ITEM, K, SEEN, *CONTEXT, *FILTERS),
    ),
    Route(
        "GET", "/v1/replay", "replay",
        "An answer that was given before, once more: the query is given again",
        shapes.ReplayAnswer, write=reasons.replay,
        parameters=(*ASKED, K, SEEN, TYPE, *CONTEXT, *FILTERS), errors=(400, 404, 503), ranked=True,
    ),
    Route(
        "POST", "/v1/submit", "submit",
        "Products for one shopper with names and probabilities; the asking is recorded",
        shapes.SubmitAnswer, write=submit, parameters=(KEY,), body=shapes.SubmitBody,
        errors=WRITES, ranked=True, twin=True,
    ),
    Route(
        "POST", "/v1/recommend", "recommend", "Record what a customer is interested in, and where",
        shapes.PreferenceAnswer, write=recommend, parameters=(OFFERS, K),
        body=shapes.PreferenceBody, errors=(400, 408, 413, 415), twin=True,
    ),
    Route(
        "GET", "/v1/offers", "offers",
        "Products that fit what a customer said and did, and where the customer is",
        shapes.OffersAnswer, write=get_offers, parameters=(CUSTOMER, K),
        errors=(400, 503), ranked=True,
    ),
    Route(
        "POST", "/v1/events", "postEvent", "Something a shopper did; counts at once",
        shapes.EventAnswer, write=writes.post_event, parameters=(KEY,), body=shapes.EventBody,
        status=202, errors=WRITES, twin=True,
    ),
    Route(
        "POST", "/v1/events/batch", "postEvents", "Several events: all are stored, or none",
        shapes.EventsAnswer, write=writes.post_events, parameters=(KEY,), body=shapes.EventsBody,
        status=202, errors=WRITES,
    ),
    Route(
        "PUT", "/v1/items", "putItems", "Add or change items",
        shapes.UpsertAnswer, write=writes.put_items, parameters=(KEY,), body=shapes.ItemsBody,
        errors=WRITES,
    ),
    Route(
        "PUT", "/v1/items/{itemId}", "putItem", "Add or change one item",
        shapes.UpsertAnswer, write=writes.put_item, parameters=(ITEM_IN_PATH, KEY),
        body=shapes.AttributesBody, errors=WRITES,
    ),
    Route(
        "GET", "/v1/items/{itemId}", "getItem", "What the catalogue says of one item",
        shapes.ItemAnswer, read=reads.item, parameters=(ITEM_IN_PATH,), errors=(400, 404),
    ),
    Route(
        "PUT", "/v1/users", "putUsers", "Add or change users",
        shapes.UpsertAnswer, write=writes.put_users, parameters=(KEY,), body=shapes.UsersBody,
        errors=WRITES,
    ),
    Route(
        "PUT", "/v1/users/{userId}", "putUser", "Add or change one user",
        shapes.UpsertAnswer, write=writes.put_user, parameters=(USER_IN_PATH, KEY),
        body=shapes.AttributesBody, errors=WRITES,
    ),
    Route(
        "DELETE", "/v1/users/{userId}", "deleteUser", "Forget everything about one user",
        shapes.ErasedAnswer, write=writes.delete_user, parameters=(USER_IN_PATH, KEY),
        status=202, errors=(400, 422, 503),
    ),
    Route(
        "GET", "/v1/users/{userId}/recommendations", "storedRecommendations",
        "What the last batch run stored for one user",
        shapes.StoredAnswer, write=reads.stored, parameters=(USER_IN_PATH,), errors=(400, 404),
    ),
    Route(
        "GET", "/v1/health", "health", "Whether the server answers, and its version",
        shapes.HealthAnswer, read=reads.health, errors=(), twin=True,
    ),
    Route(
        "GET", "/", "page", "A page to try it: recommendations, preferences, events", site.HTML,
        read=site.page, errors=(),
    ),
    Route(
        "GET", "/site/site.css", "style", "The page's style", site.CSS, read=site.style, errors=(),
    ),
    Route(
        "GET", "/site/site.js", "script", "The page's script", site.SCRIPT, read=site.script,
        errors=(),
    ),
    Route(
        "GET", "/openapi.json", "openapi", "This document", dict[str, Any],
        read=pages.openapi, errors=(),
    ),
    Route(
        "GET", "/docs", "docs", "This document as a page", "text/html; charset=utf-8",
        read=pages.docs, errors=(),
    ),
    Route(
        "GET", "/metrics", "metrics", "Metrics of all workers and the keeper, for Prometheus",
        pages.PROMETHEUS, write=pages.metrics, errors=(),
    ),
)  # fmt: skip


def twin_path(route: Route) -> str:
    return route.path.removeprefix("/v1")
