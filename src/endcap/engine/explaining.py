"""Why each item is in an answer: its source, the events that pulled it up, the rules applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from msgspec.structs import replace

from endcap.domain import explanations as words
from endcap.domain.explanations import DataVersion, Explanation
from endcap.domain.filter_text import text
from endcap.domain.values import (
    PERSONAL,
    POPULAR,
    RELATED,
    RERANK,
    TRENDING,
    Answer,
    Query,
    ScoredItem,
)
from endcap.engine.accounts import Account, Ledger, ledger_of
from endcap.engine.guarding import STAGES, stages_without
from endcap.engine.moment import NOTHING, Live, Moment, observe
from endcap.engine.newcomer import for_newcomer
from endcap.engine.ranker_accounts import RankerLedger, ranker_ledger
from endcap.engine.surfaces import from_model, from_shelves, related_to, rerank
from endcap.models.ranker import BY_RECIPE


def explained(now: Live, query: Query, answer: Answer, data: DataVersion | None) -> Answer:
    """The same answer with an explanation at every item. ``now`` is what answered."""
    without = stages_without(answer.fallback)
    failed = any(what.partition(":")[0] in STAGES for what in answer.fallback.split(", "))
    if failed and not without:
        return unexplained(answer, data)
    moment = observe(now, replace(query, likely=True), without=without)
    ledger, told = ledger_of(moment), retrieved(moment)
    said = ranker_ledger(moment)
    return with_explanations(
        answer,
        data,
        rules_of(moment),
        lambda item: with_ranker(of_item(moment, ledger, told, item), said, moment, item),
    )


def with_ranker(
    found: Explanation, said: RankerLedger | None, moment: Moment, item: ScoredItem
) -> Explanation:
    """What the ranker said besides. ``score`` becomes that of the place which it gave the item."""
    if said is None or found.source != words.MODEL:
        return found
    account = said.account(moment.live.state.items.row(item.id))
    if account is None:
        return found
    score = found.score if said.order == BY_RECIPE else item.score
    return replace(found, score=score, features=account[0], ranker=account[1])


def unexplained(answer: Answer, data: DataVersion | None) -> Answer:
    """After a failure nothing is asked of the stages again: the items are popular."""
    return with_explanations(answer, data, (), lambda item: Explanation(words.POPULAR, item.score))


def with_explanations(
    answer: Answer,
    data: DataVersion | None,
    rules: tuple[str, ...],
    explain: Callable[[ScoredItem], Explanation],
) -> Answer:
    version = answer.model_version
    items = tuple(
        replace(
            item,
            explanation=replace(
                explain(item), rules=rules, model_version=version, data_version=data
            ),
        )
        for item in answer.items
    )
    return replace(answer, items=items)


def retrieved(moment: Moment) -> Mapping[int, float] | None:
    """Scores by row of what was found before the list was filled with popular items. None: every
    item that can be scored was (rerank)."""
    query, now = moment.query, moment.live
    if query.surface == RERANK:
        rerank(moment)  # for what the ranker says of the given items
        return None
    if query.surface == PERSONAL and len(moment.history.items):
        found = from_model(moment) or from_shelves(moment)
    elif query.surface == PERSONAL:
        found = for_newcomer(moment) or NOTHING
    elif query.surface == RELATED and (row := now.state.items.row(query.item_id or "")) >= 0:
        found = related_to(moment, row)
    else:
        return {}
    return dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True))


def of_item(
    moment: Moment, ledger: Ledger | None, told: Mapping[int, float] | None, item: ScoredItem
) -> Explanation:
    """What is known of one item, without rules and versions."""
    row = moment.live.state.items.row(item.id)
    if row < 0:
        return Explanation(words.UNKNOWN, item.score)
    if ledger is not None and (told is None or row in told):
        account = ledger.account(row, item.score if told is None else told[row])
        if account is not None:
            return of_account(ledger, account)
    if moment.query.surface == TRENDING:
        return Explanation(words.TRENDING, item.score)
    if moment.query.surface == POPULAR:
        return Explanation(words.POPULAR, item.score)
    counts = moment.live.state.popularity(moment.query.at, np.array([row], np.int32))
    return Explanation(words.POPULAR, float(counts[0]))


def of_account(ledger: Ledger, account: Account) -> Explanation:
    because, others = ledger.causes(account.amounts)
    return Explanation(
        account.source,
        account.score,
        prior=account.prior,
        because=because,
        others=others,
        components=account.components,
        neighbours=account.neighbours,
    )


def rules_of(moment: Moment) -> tuple[str, ...]:
    """What was kept out of the list, or put first, whatever its score."""
    query, now = moment.query, moment.live
    rules = [f"context:{name}={value}" for name, value in query.context.items()]
    if query.surface == PERSONAL or (query.surface == RERANK and query.seen):
        rules.append(f"seen:{query.seen or now.serving.seen_policy}")
    if query.surface != RERANK and now.state.has_catalogue:
        rules.append("available")
    if query.filter is not None:
        rules.append(f"filter:{query.filter.text or text(query.filter.filter)}")
    return tuple(rules)
