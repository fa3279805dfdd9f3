"""How the default recipe trains: hold out, choose in each family, blend, refit on everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import msgspec
import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Float32s
from endcap.domain.values import EXCLUDE_SEEN
from endcap.models import blending, item_item, reorder_training
from endcap.models.choosing import Budget, Chooser, Trial, alone, first_reading
from endcap.models.holdout import Holdout, excluded, for_search, hold_out, seen_policy
from endcap.models.item_item import (
    ALIKE,
    COOCCURRENCE,
    EASE,
    REPEAT,
    SPECTRAL,
    TRANSITION,
    WALK,
    Family,
    Fitted,
    Room,
)  # fmt: skip
from endcap.models.judging import Judge
from endcap.models.merging import merged
from endcap.models.mixture import NO_PAIRS, Component, Mixture, Reading
from endcap.models.neighbours import empty, layered
from endcap.models.popularity import popularity
from endcap.models.reading import PAIR
from endcap.models.reorder import Reordering
from endcap.models.reorder_training import SERVES, Outcome, traits_of

QUERIES = 3000  # held-out queries that settings are judged on
REORDER_QUERIES = 8000  # held-out queries of the same tail that re-ordering is learnt from
LEAST_QUERIES = 20  # with fewer nothing can be learnt from them
SEARCH_WORK_S = 900.0  # estimated work of a search where no budget is given
SUM_KEEPS = 2  # components that are added up keep so many times the neighbours of one
TIE_BREAK = 1e-6  # the prior where the blend gave it no weight: orders equal scores
HALF_LIVES_DAYS = (None, 60.0, 14.0, 3.0)

Progress = Callable[[str, float], None]


class Plan(NamedTuple):
    """What the held-out data decided: components and the prior, each with its weight."""

    parts: tuple[tuple[Family, Component], ...]
    prior_half_life_days: float | None
    prior_weight: float
    quality: dict[str, float]
    search: list[dict[str, Any]]
    hit_shares: list[float] = []  # noqa: RUF012 - never changed in place
    reordering: Outcome | None = None


def train(
    data: Interactions,
    seed: int,
    threads: int,
    budget_s: float | None,
    progress: Progress,
    memory_mb: int,
) -> tuple[Mixture, dict[str, Any]]:
    """(what is served, what was decided)."""
    rate, policy = seen_policy(data)
    room = Room(memory_mb << 20, max(threads, 1), neighbours_kept(data.n_items, memory_mb), seed)
    progress("holding out", 0.0)
    searched = for_search(data, seed)
    held = hold_out(searched, QUERIES, seed)
    judge = Judge(held, excluded(held.queries, policy, data.event_types))
    if held.queries.size < LEAST_QUERIES:
        plan = default_plan(data)
    else:
        budget = Budget(SEARCH_WORK_S if budget_s is None else budget_s)
        wide = _wide(searched, policy, seed)
        plan = search(judge, wide, policy, room, budget, progress)
    progress("fitting", 0.8)
    moves = None if plan.reordering is None else plan.reordering.reordering
    mixture = fit_plan(plan, data, room, apart=moves is not None)
    if moves is not None:
        mixture.reordering = replace(moves, traits=traits_of(data))
    progress("done", 1.0)
    return mixture, _info(plan, data, searched, held, rate, policy, seed)


def _wide(searched: Interactions, policy: str, seed: int) -> Judge:
    """More queries of the same tail: what re-ordering is learnt from."""
    held = hold_out(searched, REORDER_QUERIES, seed)
    return Judge(held, excluded(held.queries, policy, searched.event_types))


def neighbours_kept(n_items: int, memory_mb: int) -> int:
    """Neighbours of each item: 500, fewer where five components would not fit an eighth of the
    memory (8 bytes a neighbour)."""
    room = (memory_mb << 20) // 8 // (5 * 8 * max(n_items, 1))
    return int(min(500, max(20, room)))


def families(data: Interactions, policy: str) -> list[str]:
    """Families that can say something: order is asked of the data, repeats of the policy."""
    names = [EASE, SPECTRAL, COOCCURRENCE]
    if data.ordered:
        names += [TRANSITION, WALK, PAIR]
    if policy != EXCLUDE_SEEN:
        names.append(REPEAT)
    if data.catalogue is not None:
        names.append(ALIKE)
    return names


def search(
    judge: Judge, wide: Judge, policy: str, room: Room, budget: Budget, progress: Progress
) -> Plan:
    """Choose settings for each family, then the weights of all, then the order of the head.
    ``wide``: more queries of the same tail."""
    data = judge.held.fitting
    names = families(data, policy)
    chooser = Chooser(judge, room, budget)
    found: list[tuple[Trial, Fitted]] = []
    for at, name in enumerate(names):
        share = 0.6 * at / len(names)
        tick = partial(_at_share, progress, share)
        chooser.budget = budget.part(len(names) - at)
        if name == SPECTRAL:
            found += chooser.choose_ranks(tick)
        elif (best := chooser.choose(name, tick)) is not None:
            found.append(best)
    if not found:
        return default_plan(data)
    progress("blending", 0.6)
    tried = [trial.record() for trial in chooser.trials]
    plan, mixture = _blended(judge, found, tried, room)
    progress("re-ordering", 0.65)
    outcome = reorder_training.learn(wide, mixture, room.seed, budget.spend)
    if outcome.hits is not None:
        plan = plan._replace(hit_shares=blending.shares_of(outcome.hits))
    return plan._replace(reordering=outcome)


def _blended(
    judge: Judge, found: list[tuple[Trial, Fitted]], tried: list[dict[str, Any]], room: Room
) -> tuple[Plan, Mixture]:
    """(the plan, what it answers where the tail is held out)."""
    data = judge.held.fitting
    half_life, prior = choose_prior(judge)
    mixtures = [alone(t.family, t.reading, fitted, data.n_items) for t, fitted in found]
    pools = blending.gather(judge, mixtures, [prior])
    weights, quality = blending.learn(judge, pools)
    kept = [
        (trial.family, Component(trial.family.name, float(weight), trial.reading), fitted)
        for (trial, fitted), weight in zip(found, weights, strict=False)
        if weight > 0
    ]
    figures = {"recall@20": round(quality.recall, 5), "ndcg@20": round(quality.ndcg, 5)}
    shares = blending.hit_shares(pools, weights)
    parts = tuple((family, component) for family, component, _ in kept)
    plan = Plan(parts, half_life, float(weights[-1]), figures, tried, shares)
    return plan, assembled(plan, [fitted for _, _, fitted in kept], data, room, apart=True)


def _at_share(progress: Progress, share: float, stage: str) -> None:
    progress(stage, share)


def default_plan(data: Interactions) -> Plan:
    """Too little data to hold any out: co-occurrence with popularity behind it."""
    family = Family(COOCCURRENCE, penalty=1.0, target_exponent=0.5)
    part = Component(COOCCURRENCE, 1.0, first_reading(COOCCURRENCE, data))
    return Plan(((family, part),), None, 0.0, {}, [])


def choose_prior(judge: Judge) -> tuple[float | None, Float32s]:
    """(half life in days, prior): the popularity that alone answers the held-out queries best."""
    data, options = judge.held.fitting, []
    for half_life in HALF_LIVES_DAYS if judge.held.fitting.timed else (None,):
        scores = prior_of(data, half_life)
        mixture = Mixture(empty(data.n_items), [], np.where(scores > 0, scores, np.nan))
        options.append((judge.judge(mixture).worth, half_life, scores))
    best = max(range(len(options)), key=lambda at: options[at][0])
    return options[best][1:]


def prior_of(data: Interactions, half_life_days: float | None) -> Float32s:
    """log(1 + decayed count), scaled to at most 1, (items,)."""
    newest = int(data.ts.max()) if len(data) else 0
    counts = np.log1p(popularity(data, newest, half_life_days if data.timed else None))
    return np.asarray(counts / max(counts.max(initial=0.0), 1e-12), np.float32)


def fit_plan(plan: Plan, data: Interactions, room: Room, apart: bool = False) -> Mixture:
    """Fit the chosen components on all of the data."""
    fitted = item_item.fit_all([family for family, _ in plan.parts], data, room)
    return assembled(plan, fitted, data, room, apart)


def assembled(
    plan: Plan, fitted: Sequence[Fitted], data: Interactions, room: Room, apart: bool
) -> Mixture:
    """The plan's components, fitted on ``data``, and its prior: what answers linearly. ``apart``:
    those that read alike are not added up, so that re-ordering can tell them from each other."""
    prior = prior_of(data, plan.prior_half_life_days) * max(plan.prior_weight, TIE_BREAK)
    seen = np.bincount(data.item, minlength=data.n_items) > 0
    prior = np.where(seen, prior, np.float32(np.nan)).astype(np.float32)
    parts: Sequence[Fitted] = fitted
    components = [component for _, component in plan.parts]
    if not apart:
        parts, components = merged(fitted, components, SUM_KEEPS * room.keep)
    stack, keys = layered(parts, data.n_items) if parts else (empty(0), NO_PAIRS)
    return Mixture(stack, components, prior, pair_keys=keys)


def refit(
    info: dict[str, Any],
    data: Interactions,
    threads: int,
    memory_mb: int,
    keep: int | None = None,
    reorder: bool = True,
) -> Mixture:
    """What ``info`` of an earlier training chose, fitted on other events of the same items, with
    ``keep`` neighbours an item (None: as many as training would). Where the head was re-ordered,
    this is learnt anew from the tail of these events, or left out."""
    parts = tuple(
        (
            msgspec.convert(part, Family),  # what an earlier version did not know has its default
            Component(part["name"], part["weight"], msgspec.convert(part["reading"], Reading)),
        )
        for part in info["components"]
    )
    prior = info["prior"]
    chosen = Plan(parts, prior["half_life_days"], prior["weight"], {}, [])
    keep = keep or neighbours_kept(data.n_items, memory_mb)
    room = Room(memory_mb << 20, max(threads, 1), keep, info["seed"])
    moves = reorder and info.get("reordering", {}).get("status") == SERVES
    mixture = fit_plan(chosen, data, room, apart=moves)
    if moves:
        mixture.reordering = _relearnt(chosen, data, room, info["seen_policy"])
    return mixture


def _relearnt(plan: Plan, data: Interactions, room: Room, policy: str) -> Reordering | None:
    """The order of the head, learnt on the tail of these events."""
    judge = _wide(for_search(data, room.seed), policy, room.seed)
    mixture = fit_plan(plan, judge.held.fitting, room, apart=True)
    found = reorder_training.relearnt(judge, mixture, room.seed)
    return None if found is None else replace(found, traits=traits_of(data))


def _info(
    plan: Plan,
    data: Interactions,
    searched: Interactions,
    held: Holdout,
    rate: float,
    policy: str,
    seed: int,
) -> dict[str, Any]:
    facts = {
        "recipe": "default",
        "events": len(data),
        "users": data.n_users,
        "items": data.n_items,
        "seed": seed,
        "searched_events": len(searched),
        "repeat_rate": round(rate, 5),
        "seen_policy": policy,
        "held_out_queries": held.queries.size,
        "held_out": plan.quality,
        "hit_share_by_rank": plan.hit_shares,
        "components": [
            {**_plain(family), "weight": component.weight, "reading": _plain(component.reading)}
            for family, component in plan.parts
        ],
        "prior": {"half_life_days": plan.prior_half_life_days, "weight": plan.prior_weight},
        "reordering": {} if plan.reordering is None else plan.reordering.info,
        "search": plan.search,
    }
    return dict(msgspec.json.decode(msgspec.json.encode(facts)))  # as it will be read again


def _plain(value: Any) -> dict[str, Any]:
    return dict(msgspec.to_builtins(value))
