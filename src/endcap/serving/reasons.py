"""Routes that look behind an answer: why an item is not in it, and the same answer again."""

from __future__ import annotations

import asyncio

import msgspec

from endcap.app.explanations import why_not as why_not_of
from endcap.app.replaying import replay as replay_of
from endcap.domain.errors import InvalidInput, Unavailable
from endcap.domain.times import iso
from endcap.domain.values import PERSONAL, RELATED, RERANK, Query
from endcap.serving.parameters import Parameters, check_id, read_choice, read_id, read_k
from endcap.serving.queries import listed_query, personal_query, related_query
from endcap.serving.requests import Desk, Reply, Request, answer_reply, json_reply
from endcap.serving.shapes import MOST_ANSWER_ID, SURFACE_WORDS, ReplayAnswer


def why_not(desk: Desk, request: Request) -> Reply:
    asked = request.query
    query = personal_query(asked, desk.now())
    return json_reply(why_not_of(desk.shop, query, read_id(asked, "itemId")))


async def replay(desk: Desk, request: Request) -> Reply:
    """One at a time and beside the loop: a state of its own is built for it."""
    answer_id, query = read_answer_id(request.query), read_asked(request.query)
    if desk.replaying.locked():
        raise Unavailable("replay_busy")
    async with desk.replaying:
        found = await asyncio.to_thread(replay_of, desk.shop, answer_id, query)
    told = ReplayAnswer(
        answerId=answer_id,
        answeredAt=iso(found.made.at),
        logOffset=found.made.offset,
        modelVersion=found.made.version,
        strategy=found.answer.strategy,
        items=found.answer.items,
    )
    return answer_reply(told, found.answer)


def read_answer_id(asked: Parameters) -> str:
    """Raises InvalidInput: missing_member, bad_answer_id."""
    text = asked.get("answerId", "")
    if not text:
        raise InvalidInput("missing_member", field="answerId")
    if len(text) > MOST_ANSWER_ID:
        raise InvalidInput("bad_answer_id", field="answerId", value=text)
    return text


def read_asked(asked: Parameters) -> Query:
    """The query of then, from the parameters that it came with. Its time stands in the id."""
    word = read_choice(asked, "surface", tuple(SURFACE_WORDS)) or "personalized"
    surface = SURFACE_WORDS[word]
    if surface == PERSONAL:
        return personal_query(asked, at=0)
    if surface == RELATED:
        return related_query(asked, at=0)
    if surface == RERANK:
        return _rerank_query(asked)
    return listed_query(asked, 0, surface)


_OF_RERANK = ("userId", "seen", "filter", "filterValues")


def _rerank_query(asked: Parameters) -> Query:
    """Every listed item in its new order, unless ``k`` says fewer; a page has no part in it."""
    ids = read_list(asked)
    query = personal_query({name: asked[name] for name in _OF_RERANK if name in asked}, 0)
    k = read_k(asked) if "k" in asked else len(ids)
    return msgspec.structs.replace(query, surface=RERANK, item_ids=ids, k=k)


def read_list(asked: Parameters) -> tuple[str, ...]:
    """Raises InvalidInput: missing_member, not_a_list, and what ``check_id`` raises."""
    text = asked.get("items", "")
    if not text:
        raise InvalidInput("missing_member", field="items")
    try:
        given = msgspec.json.decode(text, type=list[str])
    except (msgspec.DecodeError, RecursionError):
        raise InvalidInput("not_a_list", field="items", value=text) from None
    return tuple(
        check_id(item_id, f"items[{place}]") for place, item_id in enumerate(dict.fromkeys(given))
    )
