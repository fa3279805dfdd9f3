"""Routes of preferences and offers. The store is asked in a thread: its disk may be slow."""

from __future__ import annotations

import asyncio

from msgspec import UNSET

from endcap.app.preferences import offers_for, record_preference, stated_interests
from endcap.domain.errors import InvalidInput
from endcap.engagement.offers import Offers
from endcap.serving.bodies import decode_body
from endcap.serving.parameters import check_id, read_choice, read_id, read_k
from endcap.serving.requests import Desk, Reply, Request, answer_reply, json_reply
from endcap.serving.shapes import OffersAnswer, PreferenceAnswer, PreferenceBody
from endcap.telemetry import traced

RECORDED = "Customer preference recorded."


async def recommend(desk: Desk, request: Request) -> Reply:
    """The preference is on disk before the answer."""
    asked = request.query
    wants_offers = read_choice(asked, "offers", ("true", "false")) == "true"
    k = read_k(asked)
    given = decode_body(await request.body(desk.most_body), PreferenceBody)
    customer_id = check_id(given.customer_id, "customer_id")
    interest = check_id(given.interest, "interest")
    location = check_id(given.location, "location")
    with traced("store"):
        await asyncio.to_thread(
            record_preference, desk.shop, customer_id, interest, location, desk.now()
        )
    if not wants_offers:
        return json_reply(PreferenceAnswer(RECORDED, UNSET))
    found = await _offers(desk, customer_id, k)
    return answer_reply(PreferenceAnswer(RECORDED, found.offers), found.answer)


async def record(desk: Desk, request: Request) -> Reply:
    """As ``recommend``, for who may write and not read. Raises InvalidInput (offers_elsewhere)
    before anything is stored."""
    if read_choice(request.query, "offers", ("true", "false")) == "true":
        raise InvalidInput("offers_elsewhere", field="offers", value="true")
    return await recommend(desk, request)


async def get_offers(desk: Desk, request: Request) -> Reply:
    customer_id, k = read_id(request.query, "customer_id"), read_k(request.query)
    found = await _offers(desk, customer_id, k)
    return answer_reply(OffersAnswer(customer_id, found.offers), found.answer)


async def _offers(desk: Desk, customer_id: str, k: int) -> Offers:
    desk.shop.refresh()
    with traced("store"):
        stated = await asyncio.to_thread(stated_interests, desk.shop, customer_id)
    return offers_for(desk.shop, customer_id, stated, k, desk.now())
