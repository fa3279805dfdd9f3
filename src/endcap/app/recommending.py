"""GetRecommendations and GetPersonalizedRanking: members of the request in, of the answer out.

What is right by shape was checked before: types, lengths, patterns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from endcap.app.answers import catch_up
from endcap.app.asked_filters import filtering_of
from endcap.app.backed_answers import Found, Question, items_for
from endcap.app.backing import Backing, backing_of
from endcap.app.families import made_ready
from endcap.app.metadata import metadata_of, wanted_columns
from endcap.app.promotions import Promotion, mixed, promotion_of
from endcap.app.shops import Opened, Shops
from endcap.app.visitors import asker
from endcap.control.registry.recipes import RANKING, SEGMENTATION
from endcap.control.registry.store import Registry
from endcap.domain.avro import Column
from endcap.domain.errors import InvalidInput, NotFound
from endcap.domain.values import OF_PAGE, OF_VISITOR, Attributes
from endcap.engine.guarding import Deadline

DEFAULT_RESULTS, MOST_RESULTS, MOST_INPUT = 25, 500, 500
Clock = Callable[[], float]  # s, for deadlines


class Asked(NamedTuple):
    """One request, with all that it speaks of."""

    registry: Registry
    opened: Opened
    backing: Backing
    given: Mapping[str, Any]
    at: int
    columns: tuple[Column, ...]
    deadline: Deadline | None

    def question(self, n: int, filters: Mapping[str, Any], items: tuple[str, ...] = ()) -> Question:
        """``filters``: with ``filterArn`` and ``filterValues``."""
        item_id = self.given.get("itemId")
        filtering = filtering_of(
            self.registry, self.opened, self.backing.group_arn, filters, self.at,
            about_item=item_id is not None,
        )  # fmt: skip
        context = context_of(self.given.get("context") or {})
        user_id = self.given.get("userId")
        user_id = asker(self.opened.shop, user_id) if user_id else None
        return Question(n, user_id, item_id, items, filtering, context)

    def answer(self, question: Question, avoid: frozenset[str] = frozenset()) -> list[Found]:
        return items_for(
            self.opened.shop, self.opened.kept, self.backing, question, self.at, self.deadline,
            avoid,
        )  # fmt: skip

    def shown(self, found: Found, promotion: str = "") -> dict[str, Any]:
        item: dict[str, Any] = {"itemId": found.item_id}
        if found.share is not None:
            item["score"] = found.share
        if promotion:
            item["promotionName"] = promotion
        if self.columns:
            state = self.opened.shop.now.state
            item["metadata"] = metadata_of(state, found.item_id, self.columns)
        return item


async def recommend(
    shops: Shops,
    registry: Registry,
    given: Mapping[str, Any],
    at: int,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Of GetRecommendations. ``at``: now, µs. ``clock``: with it an answer takes no longer than
    ``ENDCAP_DEADLINE_MS``.

    Raises NotFound (no_resource), InvalidInput: one_of_two, not_active, recipe_ranks,
    recipe_segments, recipe_needs, results_out_of_range, and what filters, promotions and
    metadata raise.
    """
    backing = backing_of(shops, registry, given)
    check_recipe(backing, given)
    n = results_of(given)
    promotion = promotion_of(given)
    asked = await asked_of(shops, registry, backing, given, at, clock)
    question = asked.question(n, given)
    catch_up(asked.opened.shop, question.user_id)
    recommendation = recommendation_id(registry, backing.arn)
    if promotion is None:
        items = [asked.shown(found) for found in asked.answer(question)]
    else:
        items = with_promotion(asked, question, promotion, recommendation)
    return {"itemList": items, "recommendationId": recommendation}


def with_promotion(
    asked: Asked, question: Question, promotion: Promotion, recommendation: str
) -> list[dict[str, Any]]:
    """The request's filter does not speak of promoted items, nor theirs of the others."""
    wanted = asked.question(promotion.count(question.n), promotion.given)
    promoted = asked.answer(wanted) if wanted.n else []
    usual = asked.answer(
        question._replace(n=question.n - len(promoted)),
        frozenset(found.item_id for found in promoted),
    ) if question.n > len(promoted) else []  # fmt: skip
    return mixed(
        [asked.shown(found) for found in usual],
        [asked.shown(found, promotion.name) for found in promoted],
        int(hashlib.sha256(recommendation.encode()).hexdigest()[:16], 16),
    )


async def rerank(
    shops: Shops,
    registry: Registry,
    given: Mapping[str, Any],
    at: int,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Of GetPersonalizedRanking. Raises as ``recommend``, and InvalidInput: recipe_ranks_not,
    input_too_long."""
    backing = backing_of(shops, registry, given)
    if backing.recipe.type != RANKING:
        raise InvalidInput("recipe_ranks_not", field="campaignArn", value=backing.recipe.name)
    items = tuple(given["inputList"])
    if len(items) > MOST_INPUT:
        raise InvalidInput("input_too_long", field="inputList", most=MOST_INPUT, count=len(items))
    asked = await asked_of(shops, registry, backing, given, at, clock)
    question = asked.question(len(items), given, items)
    catch_up(asked.opened.shop, question.user_id)
    ranking = [asked.shown(found) for found in asked.answer(question)] if items else []
    return {
        "personalizedRanking": ranking,
        "recommendationId": recommendation_id(registry, backing.arn),
    }


async def asked_of(
    shops: Shops,
    registry: Registry,
    backing: Backing,
    given: Mapping[str, Any],
    at: int,
    clock: Clock | None,
) -> Asked:
    opened = await shops.get(backing.shop or backing.group_arn)
    if not backing.model and not opened.shop.now.serving.version:
        raise NotFound("no_resource", field="campaignArn", value=backing.arn, kind="campaign")
    catch_up(opened.shop, given.get("userId"))
    columns = wanted_columns(registry, opened, backing.group_arn, backing.config, given, at)
    family = backing.recipe.family
    await made_ready(opened.shop, opened.kept, backing.model, family, at)
    deadline = None  # time begins with what is open
    if clock is not None:
        deadline = Deadline(clock, clock() + opened.shop.settings.deadline_ms / 1000)
    return Asked(registry, opened, backing, given, at, columns, deadline)


def check_recipe(backing: Backing, given: Mapping[str, Any]) -> None:
    """That the recipe answers such questions, and that this one names what it needs."""
    recipe = backing.recipe
    field = "recommenderArn" if given.get("recommenderArn") else "campaignArn"
    if recipe.type == RANKING:
        raise InvalidInput("recipe_ranks", field=field, value=recipe.name)
    if recipe.type == SEGMENTATION:
        raise InvalidInput("recipe_segments", field=field, value=recipe.name)
    for needed, member in ((recipe.user, "userId"), (recipe.item, "itemId")):
        if needed and not given.get(member):
            raise InvalidInput("recipe_needs", field=member, value=recipe.name)


def results_of(given: Mapping[str, Any]) -> int:
    """Raises InvalidInput (results_out_of_range). 0 stands for the default, as a client that has
    no numbers without a value sends it."""
    n = given.get("numResults")
    if n is None or n == 0:
        return DEFAULT_RESULTS
    if not 1 <= n <= MOST_RESULTS:
        raise InvalidInput("results_out_of_range", field="numResults", value=n, most=MOST_RESULTS)
    return int(n)


def context_of(given: Mapping[str, str]) -> Attributes:
    """What of the request's context the engine knows: by the columns of interactions, in any case.
    Others are accepted and change nothing."""
    said = {name.lower(): value for name, value in given.items()}
    return {name: said[name] for name in (*OF_PAGE, *OF_VISITOR) if name in said}


def recommendation_id(registry: Registry, arn: str) -> str:
    """40 characters, as PutEvents takes them back."""
    drawn, mark = registry.draw(22), hashlib.sha256(arn.encode()).hexdigest()[:6]
    return f"RID-{drawn[:2]}-{drawn[2:6]}-{drawn[6:10]}-{drawn[10:]}-CID-{mark}"
