"""Routes that ask: each parses its parameters, asks the engine and shapes the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import endcap
from endcap.app.answers import NOT_ASKED, Asked, answer
from endcap.app.batch import stored as stored_of
from endcap.app.campaign_answers import Told
from endcap.app.explanations import explained
from endcap.app.shop import Shop
from endcap.domain.errors import NotFound
from endcap.domain.values import EMBEDDING, POPULAR, TRENDING, Answer, Query
from endcap.engine.guarding import Deadline
from endcap.serving.parameters import Parameters, check_id, read_flag
from endcap.serving.queries import listed_query, personal_query, related_query
from endcap.serving.requests import Desk, Reply, Request, answer_reply, json_reply
from endcap.serving.shapes import (
    HealthAnswer,
    ItemAnswer,
    ListAnswer,
    PersonalizedAnswer,
    RelatedAnswer,
)


def personalized(desk: Desk, request: Request) -> Reply:
    asked = request.query
    query = personal_query(asked, desk.now())
    found = asked_of(asked)(desk.shop, query, desk.deadline())
    return answer_reply(PersonalizedAnswer(query.user_id or "", found.items), found)


async def personalized_elsewhere(desk: Desk, request: Request) -> Reply:
    """As ``personalized``, where a campaign answers first or is compared, or an endpoint is asked
    how likely each candidate is. Reasons come from this process, so do answers with reasons, and
    filters: a campaign is not asked for what it would not filter."""
    if read_flag(request.query, "explain"):
        return personalized(desk, request)
    query, deadline = personal_query(request.query, desk.now()), desk.deadline()
    campaign, told = desk.campaign if query.filter is None else None, Told()
    if campaign is not None and not campaign.in_shadow:
        told = await campaign.ask(query, deadline)
    found = told.answer or await _ranked_elsewhere(desk, query, deadline, told.failed)
    if campaign is not None and campaign.in_shadow:
        await campaign.compare(query, found)
    return answer_reply(PersonalizedAnswer(query.user_id or "", found.items), found)


async def _ranked_elsewhere(desk: Desk, query: Query, deadline: Deadline, failed: str) -> Answer:
    """``failed``: what the answer names beside what the endpoint lacks."""
    asked = NOT_ASKED if desk.ranker is None else await desk.ranker.ask(query, deadline)
    lacking = ", ".join(filter(None, (failed, asked.failed)))
    return answer(desk.shop, query, deadline, asked=Asked(asked.judged, lacking))


async def related(desk: Desk, request: Request) -> Reply:
    """Where a vector database may know what is near, it is asked first. Reasons come from the
    model, hence so do answers with reasons."""
    asked = request.query
    query, deadline = related_query(asked, desk.now()), desk.deadline()
    if query.by == EMBEDDING and not read_flag(asked, "explain"):
        near = await desk.nearby.ask(query) if desk.nearby is not None else None
        found = answer(desk.shop, query, deadline, near)
    else:
        found = asked_of(asked)(desk.shop, query, deadline)
    return answer_reply(RelatedAnswer(query.item_id or "", found.items), found)


def trending(desk: Desk, request: Request) -> Reply:
    return _listed(desk, request, TRENDING)


def popular(desk: Desk, request: Request) -> Reply:
    return _listed(desk, request, POPULAR)


def _listed(desk: Desk, request: Request, surface: str) -> Reply:
    asked = request.query
    query = listed_query(asked, desk.now(), surface)
    found = asked_of(asked)(desk.shop, query, desk.deadline())
    return answer_reply(ListAnswer(found.items), found)


def item(desk: Desk, request: Request) -> Reply:
    item_id = check_id(request.ids["itemId"], "itemId")
    desk.shop.refresh()
    state = desk.shop.now.state
    attributes = state.item_attributes(state.items.row(item_id))
    if not attributes:
        raise NotFound("unknown_item", field="itemId", value=item_id)
    return json_reply(ItemAnswer(item_id, attributes))


def asked_of(asked: Parameters) -> Callable[[Shop, Query, Deadline], Answer]:
    """``answer``, or ``explained`` where reasons are asked for."""
    return explained if read_flag(asked, "explain") else answer


def health(_desk: Desk, _request: Request) -> Reply:
    return json_reply(HealthAnswer(ok=True, version=endcap.__version__))


async def stored(desk: Desk, request: Request) -> Reply:
    """In a thread: the store may be slow."""
    user_id = check_id(request.ids["userId"], "userId")
    found = await asyncio.to_thread(stored_of, desk.shop, user_id)
    if found is None:
        raise NotFound("no_stored_recommendations", field="userId", value=user_id)
    return json_reply(found)
