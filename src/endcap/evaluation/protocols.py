"""How events are parted into what recommenders may know and what they must foresee.

Every protocol asks for a ranking of the whole catalogue: no sampled negatives, because metrics
over samples rank recommenders in another order than metrics over all items.
Source: Krichene & Rendle, "On sampled metrics for item recommendation", KDD (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Int32s, Int64s, UInt8s
from endcap.domain.errors import InvalidInput
from endcap.evaluation.truth import Truth, truth_of_pairs

TEMPORAL, LEAVE_LAST, RANDOM = "temporal", "leave_last", "random"


class UserBatch(NamedTuple):
    """The questions of one call: b users, each with the history known at ``at``."""

    users: Int32s  # (b,) rows in the interactions' user_ids
    at: Int64s  # (b,) time of the question, µs
    starts: Int64s  # (b + 1,) where each history begins and ends in the arrays below
    items: Int32s  # oldest first within a user
    types: UInt8s
    ts: Int64s
    k: int

    def history(self, position: int) -> slice:
        """Where the history of the user at ``position`` lies in items, types and ts."""
        return slice(int(self.starts[position]), int(self.starts[position + 1]))


# Told what is being done and the share that is done.
Progress = Callable[[str, float], None]
# The lists of a batch: (b, k) item rows, best first, −1 pads.
Recommend = Callable[[UserBatch], Int32s]


@dataclass(frozen=True)
class Split:
    """Questions with known answers. t users are tested.

    ``train`` holds everything that recommenders may learn from, with all users and items of the
    data; the history of a tested user is their events in it.
    """

    protocol: str
    train: Interactions
    users: Int32s  # (t,) rows in train.user_ids, rising
    at: Int64s  # (t,) time of each question, µs
    truth: Truth  # of the t users: distinct items of their later events
    test_events: int
    split_at: int | None = None  # µs; temporal only

    def history_lengths(self) -> Int64s:
        """Events that are known of each tested user: (t,). 0: a cold user."""
        return np.diff(self.train.starts())[self.users]

    def batches(self, k: int, size: int) -> Iterator[UserBatch]:
        """The questions in order, at most ``size`` at a time."""
        starts = self.train.starts()
        for first in range(0, len(self.users), size):
            users = self.users[first : first + size]
            lengths = starts[users + 1] - starts[users]
            own = np.concatenate(([0], np.cumsum(lengths)))  # (b + 1,)
            events = np.arange(own[-1]) + np.repeat(starts[users] - own[:-1], lengths)
            yield UserBatch(
                users=users,
                at=self.at[first : first + size],
                starts=own.astype(np.int64),
                items=self.train.item[events],
                types=self.train.type[events],
                ts=self.train.ts[events],
                k=k,
            )


def temporal_split(
    data: Interactions,
    *,
    at: int | None = None,
    fraction: float = 0.9,
    counted: Collection[str] | None = None,
) -> Split:
    """Known: all events before ``at`` (µs); to foresee: each user's distinct items from then on.

    Without ``at`` the split lies where ``fraction`` of the events are before it. ``counted``
    names the event types that make an item part of the truth (default: all). Users with no event
    before are tested too, as cold users. Nothing of the future is known to anybody.
    Raises InvalidInput (split_needs_times, share_out_of_range, split_empty, bad_choice).
    """
    if not data.timed:
        raise InvalidInput("split_needs_times", field="protocol", value=TEMPORAL)
    if at is None:
        at = _time_at(data, _checked_share("fraction", fraction))
    later = data.ts >= at
    for side, mask in (("before", ~later), ("from", later)):
        if not mask.any():
            least, most = (int(data.ts.min()), int(data.ts.max())) if len(data) else (0, 0)
            raise InvalidInput(
                "split_empty", field="at", value=at, side=side, least=least, most=most
            )
    split = _part(TEMPORAL, data, later, counted, "events from the split on")
    return replace(split, at=np.full(len(split.users), at, np.int64), split_at=at)


def leave_last_split(
    data: Interactions, *, last: int = 1, counted: Collection[str] | None = None
) -> Split:
    """To foresee: the items of each user's ``last`` newest events; known: all other events.

    Users with no more than ``last`` events are not tested. Others' later events are known, which
    a live shop never has: figures come out higher than under ``temporal_split``.
    Raises InvalidInput (split_needs_order, nothing_to_test, bad_choice).
    """
    if not data.ordered:
        raise InvalidInput("split_needs_order", field="protocol", value=LEAVE_LAST)
    starts = data.starts()
    enough = np.diff(starts) > last  # (n_users,)
    from_end = starts[data.user + 1] - np.arange(len(data))  # (n,) 1 is a user's newest event
    later = (from_end <= last) & enough[data.user]
    split = _part(LEAVE_LAST, data, later, counted, f"more than {last} events")
    first = np.maximum(starts[split.users + 1] - last, 0)
    return replace(split, at=data.ts[first])


def random_split(
    data: Interactions,
    *,
    share: float = 0.2,
    seed: int = 0,
    counted: Collection[str] | None = None,
) -> Split:
    """To foresee: a random ``share`` of each user's distinct items, with all events on them.

    At least one item of each user is held out and at least one is left, so users with a single
    item are not tested. For data whose order means nothing.
    Raises InvalidInput (share_out_of_range, nothing_to_test, bad_choice).
    """
    _checked_share("share", share)
    keys = data.user.astype(np.int64) * max(data.n_items, 1) + data.item
    pairs, pair_of_event = np.unique(keys, return_inverse=True)
    user = pairs // max(data.n_items, 1)  # (pairs,) rising
    owned = np.bincount(user, minlength=data.n_users)
    held = np.clip(np.rint(owned * share), 1, np.maximum(owned - 1, 0))  # 0 for single items
    order = np.lexsort((np.random.default_rng(seed).random(len(pairs)), user))
    first = np.concatenate(([0], np.cumsum(owned)))[:-1]
    chosen = np.zeros(len(pairs), np.bool_)
    chosen[order] = np.arange(len(pairs)) - first[user] < held[user]
    later = chosen[pair_of_event]
    split = _part(RANDOM, data, later, counted, "at least two distinct items")
    newest = int(data.ts.max()) if len(data) else 0
    return replace(split, at=np.full(len(split.users), newest, np.int64))


def sample_users(split: Split, most: int, seed: int = 0) -> Split:
    """At most ``most`` of the tested users, drawn without replacement."""
    if len(split.users) <= most:
        return split
    kept = np.zeros(len(split.users), np.bool_)
    kept[np.random.default_rng(seed).choice(len(split.users), most, replace=False)] = True
    return replace(split, users=split.users[kept], at=split.at[kept], truth=split.truth.of(kept))


def _part(
    protocol: str, data: Interactions, later: Bools, counted: Collection[str] | None, needs: str
) -> Split:
    """Everything of a split but the times of the questions. later: (n,)"""
    asked = later & _counted(data, counted)
    if not asked.any():
        raise InvalidInput("nothing_to_test", field="protocol", value=protocol, needs=needs)
    users, position = np.unique(data.user[asked], return_inverse=True)
    return Split(
        protocol=protocol,
        train=data.where(~later),
        users=users.astype(np.int32),
        at=np.zeros(len(users), np.int64),
        truth=truth_of_pairs(position.astype(np.int64), data.item[asked], len(users)),
        test_events=int(asked.sum()),
    )


def _counted(data: Interactions, counted: Collection[str] | None) -> Bools:
    """Which events make their item part of the truth: (n,)"""
    if counted is None:
        return np.ones(len(data), np.bool_)
    for name in counted:
        if name not in data.event_types:
            permitted = ", ".join(data.event_types)
            raise InvalidInput("bad_choice", field="counted", value=name, permitted=permitted)
    return np.isin(data.type, [data.event_types.index(name) for name in counted])


def _time_at(data: Interactions, fraction: float) -> int:
    """The time of the first event behind ``fraction`` of all."""
    if len(data) == 0:
        return 0
    place = min(int(len(data) * fraction), len(data) - 1)
    return int(np.partition(data.ts, place)[place])


def _checked_share(name: str, share: float) -> float:
    if not 0.0 < share < 1.0:
        raise InvalidInput("share_out_of_range", field=name, value=share)
    return share
