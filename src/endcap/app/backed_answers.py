"""What a campaign, recommender or solution version answers to one question, with its shares."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from msgspec.structs import replace

from endcap.app.asked_filters import leaving_out, speaks_of_events
from endcap.app.backing import Backing
from endcap.app.families import answered, surface_of, version_of
from endcap.app.shares import over_catalogue, over_list
from endcap.app.shop import Shop
from endcap.control.registry.recipes import PERSONAL, RERANK
from endcap.domain.event_types import event_type_of
from endcap.domain.filters import Filtering
from endcap.domain.values import (
    EXCLUDE_NONE,
    EXCLUDE_PURCHASED,
    PURCHASE,
    Answer,
    Attributes,
    Query,
)
from endcap.engine.guarding import Deadline

# Of so many items at least the engine says how they score: shares hang on little else.
LEAST_SCORED = 200


class Question(NamedTuple):
    """``item_ids``: a list to order. ``filtering``: in the shop's own terms."""

    n: int
    user_id: str | None = None
    item_id: str | None = None
    item_ids: tuple[str, ...] = ()
    filtering: Filtering | None = None
    context: Attributes = {}  # noqa: RUF012 - never changed in place


class Found(NamedTuple):
    """``share``: see ``shares``; None where the recipe's answers carry no scores."""

    item_id: str
    share: float | None


def items_for(
    shop: Shop,
    kept: dict[str, object],
    backing: Backing,
    question: Question,
    at: int,
    deadline: Deadline | None = None,
    avoid: Collection[str] = (),
) -> list[Found]:
    """At most ``question.n`` items, best first, none of ``avoid``. ``kept``: what is held open of
    the shop's versions. The caller has caught up with the log. Never raises."""
    family = backing.recipe.family
    version = version_of(shop, kept, backing.model, family)
    query = query_of(backing, question, at, len(avoid))
    answer = answered(shop, version, query, deadline)
    if family == RERANK:
        return ranked(shop, answer)
    items = [item for item in answer.items if item.id not in avoid][: question.n]
    if not backing.recipe.scored:
        return [Found(item.id, None) for item in items]
    whole = answer
    if query.filter is not None:  # a share is the same whatever else is permitted
        whole = answered(shop, version, replace(query, filter=None), deadline, counts=False)
        whole = whole if whole.strategy == answer.strategy else answer
    scores = [item.score for item in whole.items]
    shares = over_catalogue(scores, len(version.live.state.items)).of([i.score for i in items])
    return [Found(item.id, share) for item, share in zip(items, shares, strict=True)]


def ranked(shop: Shop, answer: Answer) -> list[Found]:
    """A list in its order: shares of what the shop knows, 0 for what it does not."""
    row = shop.now.state.items.row
    known = [item for item in answer.items if row(item.id) >= 0]
    scores = [item.score for item in known]
    found = [
        Found(item.id, share)
        for item, share in zip(known, over_list(scores).of(scores), strict=True)
    ]
    return found + [Found(item.id, 0.0) for item in answer.items if row(item.id) < 0]


def query_of(backing: Backing, question: Question, at: int, more: int = 0) -> Query:
    """What the engine is asked; ``more`` items than are wanted."""
    recipe = backing.recipe
    asked = question.filtering
    seen: str | None = EXCLUDE_NONE
    if recipe.family == RERANK:
        seen = None  # nothing is left out of a list unasked
    elif recipe.family == PERSONAL and event_type_of(recipe.leaves_out) == PURCHASE:
        seen = EXCLUDE_PURCHASED
    elif recipe.leaves_out:
        asked = leaving_out(asked, recipe.leaves_out)
    elif recipe.family == PERSONAL and not (asked and speaks_of_events(asked.filter)):
        seen = None  # as was learnt of the shop
    wanted = question.n + more
    return Query(
        surface_of(recipe.family),
        at=at,
        k=max(wanted, LEAST_SCORED) if recipe.family == PERSONAL else wanted,
        user_id=question.user_id or None,
        item_id=question.item_id,
        item_ids=question.item_ids,
        seen=seen,
        context=question.context,
        filter=asked,
    )
