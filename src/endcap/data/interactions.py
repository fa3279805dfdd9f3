"""The training data: events as parallel arrays with their own, contiguous rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s, UInt8s
from endcap.domain.values import EVENT_TYPES, Attributes


@dataclass(frozen=True)
class Interactions:
    """Events sorted by user, then time, then arrival. n events, all arrays (n,).

    Rows are positions in ``user_ids`` and ``item_ids``. ``timed`` is false where ``ts`` is only
    a position (public files without times); ``ordered`` is false where even the order within a
    user means nothing.
    """

    user: Int32s
    item: Int32s
    type: UInt8s  # position in event_types
    ts: Int64s  # µs UTC
    user_ids: Sequence[str]
    item_ids: Sequence[str]
    event_types: tuple[str, ...] = EVENT_TYPES
    timed: bool = True
    ordered: bool = True
    value: Float32s | None = None
    session: Int64s | None = None  # equal for events of one session of a user; -1: none is known
    catalogue: Sequence[Attributes] | None = None  # what is known of each item

    def __len__(self) -> int:
        return len(self.user)

    @property
    def n_users(self) -> int:
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        return len(self.item_ids)

    def where(self, mask: Bools) -> Interactions:
        """The same users and items with only the events under ``mask`` (n,)."""
        return replace(
            self,
            user=self.user[mask],
            item=self.item[mask],
            type=self.type[mask],
            ts=self.ts[mask],
            value=None if self.value is None else self.value[mask],
            session=None if self.session is None else self.session[mask],
        )

    def starts(self) -> Int64s:
        """Where each user's events begin and end: (n_users + 1,)."""
        counts = np.bincount(self.user, minlength=self.n_users)
        return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def from_sequences(
    sequences: Sequence[Sequence[int]], n_items: int, *, ordered: bool
) -> Interactions:
    """Interactions of files that hold item numbers only: one sequence per user or session."""
    lengths = np.fromiter((len(s) for s in sequences), np.int64, len(sequences))
    item = np.fromiter((i for s in sequences for i in s), np.int32, int(lengths.sum()))
    user = np.repeat(np.arange(len(sequences), dtype=np.int32), lengths)
    starts = np.concatenate(([0], np.cumsum(lengths)))[:-1]
    return Interactions(
        user=user,
        item=item,
        type=np.zeros(len(item), np.uint8),
        ts=(np.arange(len(item)) - np.repeat(starts, lengths)).astype(np.int64),
        user_ids=[str(i) for i in range(len(sequences))],
        item_ids=[str(i) for i in range(n_items)],
        timed=False,
        ordered=ordered,
    )


def described(data: Interactions, catalogue: Sequence[Attributes] | None) -> Interactions:
    """The same events with what is known of their items; as they are where nothing is."""
    return replace(data, catalogue=catalogue) if catalogue and any(catalogue) else data
