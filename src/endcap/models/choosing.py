"""Search of each family's settings on held-out data: coordinate by coordinate, within a budget.

The budget is work, not a stopwatch: seconds are estimated from sizes, so that the same data,
seed and budget give the same model on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from endcap.data.interactions import Interactions
from endcap.models import item_item
from endcap.models.costs import fit_seconds, judge_seconds
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
from endcap.models.judging import Judge, Quality
from endcap.models.mixture import Component, Mixture, Reading
from endcap.models.neighbours import layered
from endcap.models.reading import PAIR

Setting = tuple[Family, Reading]
DAY_S = 86_400.0
PAIRED_EVENTS = 7  # of a history that pairs are looked for in, the newest among them

# Where each family's search begins and what it tries, in this order.
_FAMILIES: dict[str, tuple[Family, dict[str, Sequence[float]]]] = {
    EASE: (
        Family(EASE, penalty=4.0, penalty_exponent=0.5, user_exponent=0.5, target_exponent=-0.1),
        {
            "target_exponent": (-0.3, -0.2, -0.05, 0.0),
            "penalty": (0.3, 1.0, 2.0, 3.0, 6.0, 12.0),
            "penalty_exponent": (0.0, 0.3, 0.7, 1.0),
            "user_exponent": (0.0, 0.25, 0.75, 1.0),
        },
    ),
    SPECTRAL: (
        Family(SPECTRAL, rank=120.0, user_exponent=0.5, source_exponent=0.5, target_exponent=0.3),
        {"target_exponent": (0.1, 0.2, 0.4, 0.5)},
    ),
    COOCCURRENCE: (
        Family(COOCCURRENCE, penalty=10.0, target_exponent=0.5),
        {"target_exponent": (0.3, 0.7), "penalty": (1.0, 100.0)},
    ),
    TRANSITION: (
        Family(TRANSITION, penalty=5.0, decay=0.3),
        {"penalty": (1.0, 20.0), "decay": (0.15, 0.6)},
    ),
    WALK: (
        Family(WALK, decay=0.3, backward=1.0, hops=0.5),
        {
            "backward": (0.3, 0.0),
            "hops": (0.0, 1.0),
            "decay": (0.15, 0.6),
            "half_life": (0.5, 0.2, 0.1),
        },
    ),
    PAIR: (
        Family(PAIR, penalty=2.0, decay=0.5, half_life=0.5),
        {"half_life": (0.0, 0.2), "penalty": (1.0, 5.0), "decay": (0.3, 0.7)},
    ),
    REPEAT: (Family(REPEAT), {}),
    ALIKE: (Family(ALIKE, target_exponent=1.0), {}),
}

RANKS = (120.0, 60.0, 240.0)  # the blend says which directions add to what other families know


class Trial(NamedTuple):
    """One setting that was tried, and what it reached on held-out data."""

    family: Family
    reading: Reading
    quality: Quality

    def record(self) -> dict[str, Any]:
        """As the model's manifest and reports show it."""
        return {
            **msgspec.to_builtins(self.family),
            "reading": msgspec.to_builtins(self.reading),
            "recall@20": round(self.quality.recall, 5),
            "ndcg@20": round(self.quality.ndcg, 5),
        }


class Budget:
    """Seconds of estimated work that are left; None: no bound."""

    def __init__(self, seconds: float | None, whole: Budget | None = None) -> None:
        self.left = float("inf") if seconds is None else seconds
        self._whole = whole

    def part(self, among: int) -> Budget:
        """An equal share of what is left for one of ``among``; what it leaves stays here."""
        return Budget(self.left / among, self)

    def spend(self, seconds: float, first: bool = False) -> bool:
        """Whether there was enough; takes it if so. ``first``: without it a family would be left
        out, so it may take more than its share."""
        if seconds > (self._whole.left if first and self._whole is not None else self.left):
            return False
        self.left -= seconds
        if self._whole is not None:
            self._whole.left -= seconds
        return True


class Chooser:
    """Fits and judges settings on one holdout; remembers fits of the family at hand."""

    def __init__(self, judge: Judge, room: Room, budget: Budget) -> None:
        self.judge, self.room, self.budget = judge, room, budget
        self.trials: list[Trial] = []
        self._solved: dict[Family, Fitted] = {}
        self._counts: tuple[object, Any] | None = None  # with what they depend on

    def choose(self, name: str, tick: Callable[[str], None]) -> tuple[Trial, Fitted] | None:
        """The best setting found of a family, None when the budget did not allow one."""
        family, axes = _FAMILIES[name]
        self._solved = {}
        best = self._try(family, first_reading(name, self.judge.held.fitting), first=True)
        if best is None:
            return None
        readings = reading_axes(self.judge.held.fitting)
        for near in (False, True):
            before = best
            best = self._improve(best, 1, readings, tick, near)
            best = self._improve(best, 0, axes, tick, near)
            if best == before:
                break
        self._counts = None
        base = self._solved[_without_scale(best.family)]
        return best, item_item.scaled(best.family, base, self.judge.held.fitting)

    def choose_ranks(self, tick: Callable[[str], None]) -> list[tuple[Trial, Fitted]]:
        """The best setting of the spectral family at each of ``RANKS``: one alone is judged by
        what it knows, not by what it adds. The first rank's reading serves all."""
        family, axes = _FAMILIES[SPECTRAL]
        data = self.judge.held.fitting
        if not item_item.exact(data.n_items, self.room) or not self.budget.spend(
            fit_seconds(family, data, self.room)
        ):
            return []
        ranked = [msgspec.structs.replace(family, rank=rank) for rank in RANKS]
        fitted = item_item.low_passes(family, RANKS, data, self.room)
        self._solved = dict(zip(map(_without_scale, ranked), fitted, strict=True))
        reading, found = first_reading(SPECTRAL, data), []
        for at, family in enumerate(ranked):
            best = self._try(family, reading)
            if best is None:
                break
            if at == 0:
                best = self._improve(best, 1, reading_axes(data), tick)
                reading = best.reading
            best = self._improve(best, 0, axes, tick)
            found.append((best, item_item.scaled(best.family, fitted[at], data)))
        return found

    def _improve(
        self,
        best: Trial,
        part: int,
        axes: Mapping[str, Sequence[Any]],
        tick: Callable[[str], None],
        near: bool = False,
    ) -> Trial:
        """Along each axis in turn, take the best value; ``near``: of those beside the present."""
        for axis, values in axes.items():
            present = getattr((best.family, best.reading)[part], axis)
            for value in nearest_values(values, present) if near else values:
                changed = [best.family, best.reading]
                changed[part] = msgspec.structs.replace(changed[part], **{axis: value})
                trial = self._try(*changed)  # type: ignore[arg-type]
                if trial is not None and trial.quality.worth > best.quality.worth:
                    best = trial
            tick(f"{best.family.name}: {axis}")
        return best

    def _try(self, family: Family, reading: Reading, first: bool = False) -> Trial | None:
        for trial in self.trials:
            if (trial.family, trial.reading) == (family, reading):
                return trial
        data = self.judge.held.fitting
        key = _without_scale(family)
        if key not in self._solved:
            if not self.budget.spend(fit_seconds(family, data, self.room), first):
                return None
            self._solved[key] = self._fit(family, data)
        fitted = item_item.scaled(family, self._solved[key], data)
        if not self.budget.spend(judge_seconds(self.judge, fitted), first):
            return None
        mixture = alone(family, reading, fitted, data.n_items)
        self.trials.append(Trial(family, reading, self.judge.judge(mixture)))
        return self.trials[-1]

    def _fit(self, family: Family, data: Interactions) -> Fitted:
        """As ``item_item.solved``; settings that share their counts are tried on the same."""
        key = item_item.counted_by(family)
        if key is None or not len(data):
            return item_item.solved(family, data, self.room)
        if self._counts is None or self._counts[0] != key:
            self._counts = key, item_item.counted(family, data, self.room)
        return item_item.solved_of(family, self._counts[1], data, self.room)


def nearest_values(values: Sequence[Any], current: Any) -> Sequence[Any]:
    """The next smaller and the next larger of numbers; all of what is no number."""
    if not all(isinstance(value, int | float) for value in values):
        return values
    below = [value for value in values if value < current]
    above = [value for value in values if value > current]
    return [*([max(below)] if below else []), *([min(above)] if above else [])]


def _without_scale(family: Family) -> Family:
    """Families that share one solution."""
    if family.name not in item_item.SCALED:
        return family
    return msgspec.structs.replace(family, target_exponent=0.0)


def alone(family: Family, reading: Reading, fitted: Fitted, n_items: int) -> Mixture:
    """A mixture of one component with weight 1 and no prior."""
    part = Component(family.name, 1.0, reading)
    stack, keys = layered([fitted], n_items)
    return Mixture(stack, [part], np.zeros(n_items, np.float32), pair_keys=keys)


def first_reading(name: str, data: Interactions) -> Reading:
    """Where the search of a reading begins."""
    if not data.ordered:
        return Reading()
    if name == PAIR:
        return Reading(decay=0.6, last_n=PAIRED_EVENTS)
    return Reading(decay=0.95 if name in (EASE, SPECTRAL) else 0.6)


def reading_axes(data: Interactions) -> dict[str, Sequence[Any]]:
    """What is tried of a reading: order, times and types only where the data have them."""
    axes: dict[str, Sequence[Any]] = {}
    if data.ordered:
        axes["decay"] = (0.25, 0.4, 0.8, 0.9, 0.97, 1.0)
        axes["last_n"] = (20,)
    if data.timed:
        axes["half_life_s"] = (3 * DAY_S, 14 * DAY_S, 60 * DAY_S, 180 * DAY_S, 0.0)
    if len(np.unique(data.type)) > 1:
        axes["type_weights"] = (
            (1.0, 2.0, 4.0), (1.0, 3.0, 10.0), (1.0, 1.0, 0.3), (1.0, 0.0, 0.0), (),
        )  # fmt: skip
    return axes
