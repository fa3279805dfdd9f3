"""Opening a trained version by name, whatever its recipe computes, for one shop's present state."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

import numpy as np

from endcap.app.reloading import MODELS, TALLIES, load_state, load_version, rebind
from endcap.app.shop import Shop
from endcap.app.warmth import warm
from endcap.control.registry.recipes import ALSO, POPULAR, TOGETHER, TRENDING
from endcap.domain.arrays import Bools, Int32s
from endcap.engine.ids import Vocabulary
from endcap.engine.joining import rows_of
from endcap.engine.moment import Live, Ranked, live
from endcap.engine.serving import UNTRAINED
from endcap.models.queries import Scored
from endcap.models.tallies import Tallies

COUNTING = frozenset({POPULAR, TRENDING, TOGETHER, ALSO})  # families that keep nothing else


@dataclass(frozen=True)
class Counted:
    """Tallies tied to the rows of one vocabulary: rows below are the vocabulary's.

    ``to_model`` (vocabulary rows known at binding,) and ``to_row`` (model rows,) translate; -1
    marks what the other side does not know.
    """

    tallies: Tallies
    to_model: Int32s
    to_row: Int32s

    def popular(
        self, n: int, allowed: Bools | None = None, exclude: Int32s | None = None
    ) -> Ranked:
        """The n items with most events (of TRENDING: that rise most), best first."""
        found = self.tallies.popular(n, self._allowed(allowed), self._excluded(exclude))
        return self._ranked(found)

    def related(
        self, row: int, n: int, allowed: Bools | None = None, exclude: Int32s | None = None
    ) -> Ranked:
        """The n items that were met together with the item at ``row`` most often, best first;
        fewer where fewer ever were, none for an item that the version does not know."""
        known = 0 <= row < len(self.to_model)
        own = int(self.to_model[row]) if known else -1
        found = self.tallies.related(own, n, self._allowed(allowed), self._excluded(exclude))
        return self._ranked(found)

    def _allowed(self, allowed: Bools | None) -> Bools:
        """(model rows,) of what is permitted by vocabulary row."""
        known: Bools = self.to_row >= 0
        if allowed is None:
            return known
        inside = known & (self.to_row < len(allowed))
        inside[inside] = allowed[self.to_row[inside]]
        return inside

    def _excluded(self, exclude: Int32s | None) -> Int32s | None:
        if exclude is None:
            return None
        inside = exclude[(exclude >= 0) & (exclude < len(self.to_model))]
        return self.to_model[inside]

    def _ranked(self, found: Scored) -> Ranked:
        return Ranked(self.to_row[found.rows], found.scores, "counted")


@dataclass(frozen=True)
class Opened:
    """A version, ready to answer. ``live``: the shop's state with the version's models; those of a
    counting family have none, but ``counted``."""

    model: str
    family: str
    live: Live
    counted: Counted | None = None


def open_version(shop: Shop, model: str, family: str, held: Opened | None = None) -> Opened:
    """The version ``model`` (v0001 …) on the state that the shop has now. ``held``: the same
    version opened before; its files are not read again. Raises Damaged, NotFound."""
    state = shop.now.state
    if held is not None and (held.model, held.family) != (model, family):
        held = None
    if family not in COUNTING:
        if held is not None:
            return replace(held, live=live(state, rebind(held.live.serving, state), shop.now))
        serving = load_version(shop.artifacts, model, state)
        return Opened(model, family, live(state, serving, shop.now))
    if held is not None and held.counted is not None:
        tallies = held.counted.tallies
    else:
        tallies = Tallies.load(shop.artifacts.open(MODELS, model) / TALLIES)
    return Opened(model, family, live(state, UNTRAINED, shop.now), counted_on(tallies, state.items))


def open_apart(shop: Shop, model: str, family: str, at: int) -> Opened:
    """The version on a state of its own, with its first answers behind it: in another thread than
    the one that serves. Raises Damaged, NotFound."""
    state, _ = load_state(shop.log, shop.documents, shop.artifacts, shop.limits)
    now = live(state, load_version(shop.artifacts, model, state))
    warm(now, at)
    return Opened(model, family, now)


def counted_on(tallies: Tallies, vocabulary: Vocabulary) -> Counted:
    to_row = rows_of(tallies.item_ids, vocabulary)
    to_model = np.full(len(vocabulary), -1, np.int32)
    known = to_row >= 0
    to_model[to_row[known]] = np.flatnonzero(known).astype(np.int32)
    return Counted(tallies, to_model, to_row)


class OpenVersions:
    """The versions of one shop that answered last, at most ``most``; one thread uses it."""

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._opened: OrderedDict[tuple[str, str], Opened] = OrderedDict()

    def holds(self, model: str, family: str) -> bool:
        """Whether the version's files are open."""
        return (model, family) in self._opened

    def hold(self, opened: Opened) -> None:
        """Take what was opened on another state of the same shop."""
        self._opened.setdefault((opened.model, opened.family), opened)

    def of(self, shop: Shop, model: str, family: str) -> Opened:
        """The version on the shop's present state. Raises Damaged, NotFound."""
        key = (model, family)
        found = self._opened.get(key)
        if found is None or found.live.state is not shop.now.state:
            found = self._opened[key] = open_version(shop, model, family, found)
        self._opened.move_to_end(key)
        while len(self._opened) > self._most:
            self._opened.popitem(last=False)
        return found
