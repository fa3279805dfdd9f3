"""Recipes: every public name, and what of ours stands behind it."""

from __future__ import annotations

from typing import NamedTuple

# Types, as the API calls them.
PERSONALIZATION, POPULAR_ITEMS, RELATED_ITEMS = (
    "USER_PERSONALIZATION", "POPULAR_ITEMS", "RELATED_ITEMS",
)  # fmt: skip
RANKING, SEGMENTATION = "PERSONALIZED_RANKING", "USER_SEGMENTATION"

# Families: what is computed.
PERSONAL = "personal"  # the default recipe over the live history
RERANK = "rerank"  # the same, over a given list
RELATED = "related"  # items that go with one item, by behaviour
SEMANTIC = "semantic"  # items whose texts and attributes are like one item's
POPULAR = "popular"  # how often events of a type came
TRENDING = "trending"  # in demand now more than before
TOGETHER = "together"  # how often two items were bought in one basket
ALSO = "also"  # how many shoppers did the same with both
ITEM_AFFINITY = "item affinity"  # the users for an item
ATTRIBUTE_AFFINITY = "attribute affinity"  # the users for items with these attributes

ECOMMERCE, VIDEO = "ECOMMERCE", "VIDEO_ON_DEMAND"
VIEW, PURCHASE, WATCH = "View", "Purchase", "Watch"


class RecipeInfo(NamedTuple):
    """``counts``: the type of the events that it counts; "": of all. ``needs``: event types that
    must be there. ``leaves_out``: items with which the user did this are not answered; "": all
    may be. ``item``, ``user``: what a question must name."""

    name: str
    type: str
    family: str
    about: str
    domain: str = ""
    counts: str = ""
    needs: tuple[str, ...] = ()
    leaves_out: str = ""
    item: bool = False
    user: bool = False
    scored: bool = False  # answers carry scores


def _personal(name: str, about: str) -> RecipeInfo:
    return RecipeInfo(name, PERSONALIZATION, PERSONAL, about, user=True, scored=True)


def _shop(name: str, kind: str, family: str, about: str, **more: object) -> RecipeInfo:
    return RecipeInfo(f"aws-ecomm-{name}", kind, family, about, ECOMMERCE, **more)  # type: ignore[arg-type]


def _video(name: str, kind: str, family: str, about: str, **more: object) -> RecipeInfo:
    return RecipeInfo(f"aws-vod-{name}", kind, family, about, VIDEO, needs=(WATCH,), **more)  # type: ignore[arg-type]


_ALL = (
    _personal("aws-user-personalization", "What one user wants next"),
    _personal("aws-user-personalization-v2", "What one user wants next"),
    _personal("aws-hrnn", "What one user wants next; an older name"),
    _personal("aws-hrnn-metadata", "What one user wants next; an older name"),
    _personal("aws-hrnn-coldstart", "What one user wants next, new items too; an older name"),
    RecipeInfo("aws-personalized-ranking", RANKING, RERANK, "A given list in the order that suits "
               "one user", user=True, scored=True),
    RecipeInfo("aws-personalized-ranking-v2", RANKING, RERANK, "A given list in the order that "
               "suits one user", user=True, scored=True),
    RecipeInfo("aws-similar-items", RELATED_ITEMS, RELATED, "Items that go with one item, by what "
               "users did", item=True),
    RecipeInfo("aws-sims", RELATED_ITEMS, RELATED, "Items that go with one item; an older name",
               item=True),
    RecipeInfo("aws-semantic-similarity", RELATED_ITEMS, SEMANTIC, "Items whose texts and "
               "attributes are like one item's", item=True),
    RecipeInfo("aws-popularity-count", POPULAR_ITEMS, POPULAR, "Items with most events"),
    RecipeInfo("aws-trending-now", POPULAR_ITEMS, TRENDING, "Items in demand now more than before"),
    RecipeInfo("aws-item-affinity", SEGMENTATION, ITEM_AFFINITY, "The users for an item"),
    RecipeInfo("aws-item-attribute-affinity", SEGMENTATION, ATTRIBUTE_AFFINITY, "The users for "
               "items with these attributes"),
    _shop("recommended-for-you", PERSONALIZATION, PERSONAL, "What one shopper wants next, without "
          "what was bought", leaves_out=PURCHASE, user=True, scored=True),
    _shop("popular-items-by-views", POPULAR_ITEMS, POPULAR, "Items viewed most", counts=VIEW,
          needs=(VIEW,)),
    _shop("popular-items-by-purchases", POPULAR_ITEMS, POPULAR, "Items bought most",
          counts=PURCHASE, needs=(PURCHASE,)),
    _shop("frequently-bought-together", RELATED_ITEMS, TOGETHER, "Items bought with one item most "
          "often", counts=PURCHASE, needs=(PURCHASE,), item=True),
    _shop("customers-who-viewed-x-also-viewed", RELATED_ITEMS, ALSO, "Items viewed by most of "
          "those who viewed one item", counts=VIEW, needs=(VIEW,), leaves_out=PURCHASE, item=True,
          user=True),
    _video("top-picks", PERSONALIZATION, PERSONAL, "What one viewer wants next, without what was "
           "watched", leaves_out=WATCH, user=True, scored=True),
    _video("because-you-watched-x", RELATED_ITEMS, ALSO, "Videos watched by most of those who "
           "watched one video", counts=WATCH, leaves_out=WATCH, item=True, user=True),
    _video("more-like-x", RELATED_ITEMS, RELATED, "Videos that go with one video",
           leaves_out=WATCH, item=True, user=True),
    _video("most-popular", POPULAR_ITEMS, POPULAR, "Videos watched most", counts=WATCH),
    _video("trending-now", POPULAR_ITEMS, TRENDING, "Videos in demand now more than before"),
)  # fmt: skip

RECIPES = {recipe.name: recipe for recipe in _ALL}

# By name, and why there is no such thing here.
REFUSED = {
    "aws-next-best-action": "actions are not kept",
}
