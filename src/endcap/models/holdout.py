"""A part of the training data set aside to choose settings by. The test part is never seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float64s, Int32s, Int64s
from endcap.domain.values import EXCLUDE_NONE, EXCLUDE_PURCHASED, EXCLUDE_SEEN, PURCHASE
from endcap.models.queries import Queries, spans, take

REPEATS_MATTER = 0.05  # a shop in which fewer later events repeat an item leaves seen items out
SEARCH_EVENTS = 1_000_000  # beyond, settings are chosen on the events of some of the users
EVENTS_PER_ITEM = 10  # … but on so many of each item on average
TAIL = 0.1  # share of the events (users, where only order exists) set aside
SEQUENCES = 10_000  # most that are set aside
UNSEEN = 0.25  # a tail of sequences with more events of items that only it holds is no sample


class Holdout(NamedTuple):
    """``fitting`` trains; each query's targets are ``targets[starts[q]:starts[q + 1]]``."""

    fitting: Interactions
    queries: Queries
    target_starts: Int64s  # (queries + 1,)
    targets: Int32s
    owners: Int64s  # (queries,) ascending: the user or sequence that asks


def for_search(data: Interactions, seed: int) -> Interactions:
    """What settings are chosen on: everything, or, beyond ``SEARCH_EVENTS`` and
    ``EVENTS_PER_ITEM``, whole histories of users drawn at random, of all the same items."""
    most = max(SEARCH_EVENTS, EVENTS_PER_ITEM * data.n_items)
    if len(data) <= most:
        return data
    order = np.random.default_rng(seed).permutation(data.n_users)
    taken = np.cumsum(np.diff(data.starts())[order]) <= most
    kept = np.zeros(data.n_users, bool)
    kept[order[taken]] = True
    return data.where(kept[data.user])


def hold_out(data: Interactions, most_queries: int, seed: int) -> Holdout:
    """Set aside as the data permit: in time (events after a cut; the query is what came before,
    the targets are the distinct items after), whole sequences (the newest, if they stand in order
    of time; every beginning asks for the next item), or at random within each user. At most
    ``most_queries`` queries (twice as many of sequences), drawn at random: what is set aside does
    not depend on how many are asked."""
    draw = np.random.default_rng(seed)
    if data.timed:
        return _by_time(data, most_queries, draw)
    if data.ordered:
        return _by_sequence(data, most_queries, draw)
    late = draw.random(len(data)) < TAIL
    return _split(data, late, np.zeros(len(data)), most_queries, draw)


def _by_time(data: Interactions, most: int, draw: np.random.Generator) -> Holdout:
    cut = np.quantile(data.ts, 1 - TAIL) if len(data) else 0
    ages = np.maximum(cut - data.ts, 0) / 1e6
    return _split(data, data.ts > cut, ages, most, draw)


def _split(
    data: Interactions, late: Bools, ages: Float64s, most: int, draw: np.random.Generator
) -> Holdout:
    """Queries: what is not ``late`` of each user who has both; targets: what is late."""
    fitting = data.where(~late)
    keys = np.unique(data.user[late].astype(np.int64) * max(data.n_items, 1) + data.item[late])
    owner, targets = np.divmod(keys, max(data.n_items, 1))
    after = np.bincount(owner, minlength=data.n_users)
    before = np.bincount(fitting.user, minlength=data.n_users)
    users = _drawn(np.flatnonzero((after > 0) & (before > 0)), most, draw)
    histories = Queries(
        fitting.starts(), fitting.item, fitting.type, ages[~late].astype(np.float32)
    )
    starts = np.concatenate(([0], np.cumsum(after))).astype(np.int64)
    target_starts, members = spans(starts, users)
    return Holdout(
        fitting, take(histories, users), target_starts, targets[members].astype(np.int32), users
    )


def _by_sequence(data: Interactions, most: int, draw: np.random.Generator) -> Holdout:
    """Each beginning of a held-out sequence, the next item its only target. The last sequences
    are set aside: the newest where the file is in order of time, where it is in none as good as
    drawn; but drawn where they hold mostly items of their own, as in a file sorted by item."""
    starts = data.starts()
    long = np.flatnonzero(np.diff(starts) > 1)
    size = min(round(TAIL * len(long)), SEQUENCES)
    chosen = long[len(long) - size :]
    if size and _strange(data, int(starts[chosen[0]])) > UNSEEN:
        chosen = _drawn(long, size, draw)
    inner, members = spans(starts, chosen)
    place = np.arange(len(members)) - np.repeat(inner[:-1], np.diff(inner))
    asked = _drawn(np.flatnonzero(place > 0), 2 * most, draw)  # positions in members to predict
    lengths = place[asked]
    ends = np.cumsum(lengths)
    inside = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
    history = members[np.repeat(asked - lengths, lengths) + inside]
    queries = Queries(
        np.concatenate(([0], ends)).astype(np.int64),
        data.item[history],
        data.type[history],
        np.zeros(len(history), np.float32),
    )
    kept = np.ones(data.n_users, bool)
    kept[chosen] = False
    targets = data.item[members[asked]]
    bounds = np.arange(len(targets) + 1, dtype=np.int64)
    owners = data.user[members[asked]].astype(np.int64)
    return Holdout(data.where(kept[data.user]), queries, bounds, targets, owners)


def _strange(data: Interactions, first: int) -> float:
    """The share of the events from ``first`` on whose item has none before."""
    known = np.bincount(data.item[:first], minlength=data.n_items) > 0
    return 1 - float(known[data.item[first:]].mean())


def _drawn(positions: Int64s, most: int, draw: np.random.Generator) -> Int64s:
    """At most ``most`` of them, in their order."""
    if len(positions) <= most:
        return positions
    return np.sort(draw.choice(positions, most, replace=False))


def repeat_rate(data: Interactions, event_type: str | None = None) -> float:
    """The share of events, after each user's first, whose item the user had before. With
    ``event_type``: among events of that type alone."""
    if event_type is not None:
        if event_type not in data.event_types:
            return 0.0
        data = data.where(data.type == data.event_types.index(event_type))
    later = len(data) - len(np.unique(data.user))
    if later <= 0:
        return 0.0
    keys = data.user.astype(np.int64) * max(data.n_items, 1) + data.item
    return float((len(data) - len(np.unique(keys))) / later)


def seen_policy(data: Interactions) -> tuple[float, str]:
    """(repeat rate, policy): of purchases where there are any, otherwise of all events."""
    bought = PURCHASE in data.event_types and bool(
        np.any(data.type == data.event_types.index(PURCHASE))
    )
    rate = repeat_rate(data, PURCHASE if bought else None)
    if rate >= REPEATS_MATTER:
        return rate, EXCLUDE_NONE
    return rate, EXCLUDE_PURCHASED if bought else EXCLUDE_SEEN


def excluded(queries: Queries, policy: str, event_types: tuple[str, ...]) -> tuple[Int64s, Int32s]:
    """(starts, rows) that each query's answer leaves out under a seen policy."""
    if policy == EXCLUDE_SEEN:
        return queries.starts, queries.rows
    if policy == EXCLUDE_NONE or PURCHASE not in event_types:
        return np.zeros(queries.size + 1, np.int64), np.zeros(0, np.int32)
    bought = queries.types == event_types.index(PURCHASE)
    counts = np.concatenate(([0], np.cumsum(bought)))
    return counts[queries.starts].astype(np.int64), queries.rows[bought]
