"""Which users a filter chooses: for segments that are worked out at once for everybody."""

from __future__ import annotations

import numpy as np

from endcap.domain.arrays import Bools, Int32s
from endcap.domain.errors import InvalidInput
from endcap.domain.filters import Did, Filtering, of_users
from endcap.engine.attribute_columns import Columns
from endcap.engine.filter_binding import Circumstances, bound, columns_of
from endcap.engine.filter_conditions import evaluate
from endcap.engine.filter_masks import of_types
from endcap.engine.state import LiveState


def matching_users(state: LiveState, asked: Filtering, at: int) -> Bools:
    """(users,) by row, who stays under a filter of users at ``at`` (µs). Erased users never do.

    Of events it sees what ``state.history`` holds of each user; what is recalled from elsewhere it
    does not see. Raises InvalidInput (filter_of_items).
    """
    if not of_users(asked.filter):
        raise InvalidInput("filter_of_items", field="filter", value=asked.text)
    condition = bound(asked, Circumstances(at))
    users = len(state.users)
    columns = Columns(state.of_users, lambda: users)
    columns.need(columns_of(condition))

    def did(leaf: Did, rows: Int32s | None, count: int) -> Bools:
        everybody = users_who_did(state, leaf, at)
        return everybody[:count] if rows is None else everybody[rows]

    found = evaluate(condition, columns, None, users, did)
    for row in range(users):
        if found[row] and not state.users.id(row):
            found[row] = False
    return found


def users_who_did(state: LiveState, leaf: Did, at: int) -> Bools:
    """(users,) who has an event that the condition speaks of."""
    histories, fits = state.histories, of_types(leaf, state.event_types)
    since = None if leaf.within_us is None else at - leaf.within_us
    _, types, ts = histories.base
    meant = fits[types] if since is None else fits[types] & (ts >= since)  # (events,)
    before = np.concatenate(([0], np.cumsum(meant)))  # (events + 1,)
    last = histories.starts[1:]
    first = np.maximum(histories.starts[:-1], last - histories.limit)
    found = np.zeros(len(state.users), np.bool_)
    found[: len(last)] = before[last] > before[first]
    for row, own in histories.touched():
        theirs = fits[own.types] if since is None else fits[own.types] & (own.ts >= since)
        found[row] = bool(theirs.any())
    return found
