"""What an evaluation found: plain values that go to JSON and come back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

PASSED, REFUSED, NOT_JUDGED = "passed", "refused", "not judged"  # of the gate


class Figure(Struct, frozen=True):
    """A mean over users with its interval. None: there was nothing to measure (mean), or the
    metric speaks of all lists together and has no interval (low, high)."""

    mean: float | None
    low: float | None = None
    high: float | None = None


class Difference(Struct, frozen=True):
    """This recommender − the reference, user by user. ``p_value``: paired permutation test."""

    mean: float | None
    low: float | None
    high: float | None
    p_value: float | None

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` (higher is better) or ``same``: whether the interval leaves 0."""
        if self.low is not None and self.low > 0:
            return "better"
        return "worse" if self.high is not None and self.high < 0 else "same"


class Row(Struct, frozen=True):
    """One recommender. Metrics by the names in ``metrics.METRICS``."""

    recommender: str
    baseline: bool
    figures: dict[str, Figure]
    differences: dict[str, Difference]  # none for the reference itself
    recall_curve: list[float | None]  # mean recall at 1 … k
    exposure_curve: list[float]  # share of all recommendations on the top 0 %, 1 % … 100 % items


class Pair(Struct, frozen=True):
    """One recommender − another, user by user, by metric."""

    recommender: str
    against: str
    differences: dict[str, Difference]


class SliceRow(Struct, frozen=True):
    """Some of the users, or all users with some of the items as truth."""

    family: str
    name: str
    users: int
    figures: dict[str, dict[str, Figure]]  # recommender → metric → figure


class Evaluation(Struct, frozen=True):
    """See docs/evaluation.md for how to read it. Times in µs."""

    protocol: str
    split_at: int | None
    k: int
    users: int
    cold_users: int
    items: int
    train_events: int
    test_events: int
    truth_items: int  # sum over users of distinct items to foresee
    seen: str
    reference: str
    level: float
    resamples: int
    seed: int
    rows: list[Row]
    slices: list[SliceRow]
    demand_curve: list[float]  # as exposure_curve, of the truth itself
    pairs: list[Pair] = []  # what was asked to be compared besides the reference
    ranker: dict[str, Any] = {}  # ``info`` of the training of the ranker that was evaluated
    newcomers: dict[str, Any] = {}  # what training found of shoppers without a history

    def row(self, recommender: str) -> Row:
        """KeyError for a name that was not evaluated."""
        for row in self.rows:
            if row.recommender == recommender:
                return row
        raise KeyError(recommender)

    def headline(self, recommender: str, metrics: Sequence[str]) -> dict[str, float | None]:
        """Means by name and k, such as ``{"recall@20": 0.31}``."""
        figures = self.row(recommender).figures
        return {f"{name}@{self.k}": figures[name].mean for name in metrics if name in figures}


class Rival(Struct, frozen=True):
    """A new version − one rival by the gate's metric, query by query."""

    name: str
    new: float  # mean of the new version
    rival: float  # mean of the rival
    difference: float
    low: float
    high: float
    needed: str  # what was asked of the difference, in words
    passed: bool


class Verdict(Struct, frozen=True):
    """What the gate said of a new version. ``outcome``: ``passed``, ``refused``, ``not judged``."""

    outcome: str
    reason: str  # a sentence
    metric: str
    queries: int  # held-out queries that were asked
    rivals: tuple[Rival, ...] = ()

    @property
    def refused(self) -> bool:
        return self.outcome == REFUSED


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """As indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(evaluation), indent=2))


def read_evaluation(path: Path) -> Evaluation:
    """What ``write_evaluation`` wrote. Raises msgspec.DecodeError on anything else."""
    return msgspec.json.decode(path.read_bytes(), type=Evaluation)
