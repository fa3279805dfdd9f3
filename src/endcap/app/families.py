"""What each family of recipes answers, from the version that was trained for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from endcap.app.answers import count_answer, note, watch_of
from endcap.app.shop import Shop
from endcap.app.version_loading import COUNTING, Counted, OpenVersions, open_apart
from endcap.app.version_loading import Opened as Version
from endcap.control.registry.recipes import (
    ALSO,
    PERSONAL,
    RELATED,
    RERANK,
    SEMANTIC,
    TOGETHER,
    TRENDING,
)
from endcap.domain.values import PERSONAL as OF_USER
from endcap.domain.values import POPULAR as OF_ALL
from endcap.domain.values import RELATED as OF_ITEM
from endcap.domain.values import RERANK as OF_LIST
from endcap.domain.values import Answer, Query
from endcap.engine.answer import shown
from endcap.engine.counted import fill, trending
from endcap.engine.fallback import fall_back, told
from endcap.engine.guarding import CANDIDATES, SHOW, Deadline, reason_of
from endcap.engine.moment import NOTHING, Moment, Ranked, observe
from endcap.engine.surfaces import SURFACE, alike, in_vocabulary, without

# What the engine calls the question that a family answers; all others are about everybody.
SURFACES = {
    PERSONAL: OF_USER, RERANK: OF_LIST, RELATED: OF_ITEM, SEMANTIC: OF_ITEM, TOGETHER: OF_ITEM,
    ALSO: OF_ITEM,
}  # fmt: skip
Source = Callable[[Moment], Ranked]


def surface_of(family: str) -> str:
    return SURFACES.get(family, OF_ALL)


async def made_ready(shop: Shop, kept: dict[str, object], model: str, family: str, at: int) -> None:
    """Open a version that was not asked before, beside the loop: its files have to be read, and
    its kernels compiled, before an answer is in time. Raises nothing."""
    versions = versions_in(kept)
    if not model or family in COUNTING or model == shop.now.serving.version:
        return
    mark = f"opening {model} {family}"
    if versions.holds(model, family) or _failed(shop, kept, model, family):
        return
    task = kept.get(mark)
    if not isinstance(task, asyncio.Task):
        opening = asyncio.to_thread(open_apart, shop, model, family, at)
        task = kept[mark] = asyncio.get_running_loop().create_task(opening)
    try:
        versions.hold(await asyncio.shield(task))
    except Exception:
        return  # who answers meets it again, and tells
    finally:
        if kept.get(mark) is task and task.done():
            del kept[mark]


def versions_in(kept: dict[str, object]) -> OpenVersions:
    versions = kept.setdefault("versions", OpenVersions())
    assert isinstance(versions, OpenVersions)  # noqa: S101 - nobody else writes there
    return versions


def _failed(shop: Shop, kept: dict[str, object], model: str, family: str) -> bool:
    return kept.get(f"failed {model} {family}") is shop.now.state


def version_of(shop: Shop, kept: dict[str, object], model: str, family: str) -> Version:
    """The version on the state that the shop has now, kept in ``kept``; "": what the shop itself
    serves. Where its files are damaged or gone, what the shop serves answers, and it is counted;
    they are looked at again when the shop's state was taken up anew."""
    if not _failed(shop, kept, model, family):
        try:
            return _version(shop, kept, model, family)
        except Exception as error:
            note(shop, "load", reason_of(error), error)
            kept[f"failed {model} {family}"] = shop.now.state
    return Version("", family, shop.now)


def _version(shop: Shop, kept: dict[str, object], model: str, family: str) -> Version:
    if not model or (family not in COUNTING and model == shop.now.serving.version):
        return Version(model, family, shop.now)
    return versions_in(kept).of(shop, model, family)


def answered(
    shop: Shop,
    version: Version,
    query: Query,
    deadline: Deadline | None = None,
    counts: bool = True,
) -> Answer:
    """Never raises: ``fallback`` of the answer says what failed, and popular items are answered
    instead. The caller has caught up with the log. ``counts``: somebody gets this answer."""
    watch, now = watch_of(shop, deadline), version.live

    def failed(stage: str, reason: str, error: Exception) -> None:
        note(shop, stage, reason, error)

    try:
        moment = observe(now, query, watch)
        watch.enter(CANDIDATES)
        found = source_of(version)(moment)
        watch.finish(SHOW)
        answer = told(shown(moment, found), watch, failed)
    except Exception as error:
        reason = reason_of(error)
        failed(watch.stage, reason, error)
        answer = fall_back(now, query, f"{watch.stage}:{reason}")
    if counts:
        count_answer(shop, query.surface, answer.strategy)
    return answer


def source_of(version: Version) -> Source:
    counted = version.counted
    if version.family == SEMANTIC:
        return semantic
    if counted is None:
        return SURFACE[surface_of(version.family)]
    if version.family in (TOGETHER, ALSO):
        return lambda moment: met_with(moment, counted)
    if version.family == TRENDING:
        return lambda moment: fill(moment, rising(moment, counted))
    return lambda moment: most(moment, counted)


def semantic(moment: Moment) -> Ranked:
    """Items whose attributes and texts are like those of the one asked about; then what is
    popular."""
    row = moment.live.state.items.row(moment.query.item_id or "")
    if row < 0:
        return fill(moment, NOTHING)
    moment = moment.leaving_out(np.append(moment.left_out, np.int32(row)))
    found = alike(moment, row, moment.query.k + len(moment.left_out))
    ranked = in_vocabulary(moment.live.serving, found, "content")
    return fill(moment, without(ranked, moment.left_out))


def most(moment: Moment, counted: Counted) -> Ranked:
    """The items with the greatest counts; fewer where fewer have any."""
    return counted.popular(moment.query.k, moment.allowed, moment.left_out)


def rising(moment: Moment, counted: Counted) -> Ranked:
    """What is in demand right now, event by event; where the live counts say nothing, because all
    is long past, what rose at the end of what the version was trained on."""
    found = trending(moment)
    return found if len(found.rows) else most(moment, counted)


def met_with(moment: Moment, counted: Counted) -> Ranked:
    """The items that share most baskets, or users, with the one asked about; fewer where fewer
    share any, none for an item that nobody knows."""
    row = moment.live.state.items.row(moment.query.item_id or "")
    left_out = np.append(moment.left_out, np.int32(row))
    return counted.related(row, moment.query.k, moment.allowed, left_out)
