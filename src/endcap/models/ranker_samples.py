"""What the ranker learns from: past moments, the candidates that the recipe would have served
then, and which of them were bought within the horizon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from endcap.data.interactions import Interactions
from endcap.domain.arrays import Bools, Float32s, Int32s, Int64s, UInt8s
from endcap.domain.times import DAY_US
from endcap.domain.values import PURCHASE, Attributes
from endcap.features.definitions import NAMES
from endcap.features.products import ProductTables
from endcap.features.sampling import Moments, moment_rows, moments
from endcap.models.holdout import excluded
from endcap.models.mixture import Mixture
from endcap.models.queries import Queries, spans
from endcap.models.ranker import CANDIDATES, COLUMNS

TAIL = 0.35  # share of the events, the newest, from which moments are drawn
PARTS = ("train", "stop", "calibrate", "test")
_PARTS_END = (0.45, 0.6, 0.78, 1.0)  # shares of the tail's time
_MOST_HORIZON_DAYS = 7.0


class Plan(NamedTuple):
    """When moments are drawn, and how far each looks ahead; µs."""

    begin: int
    bounds: tuple[int, ...]  # (4,) the end of each part
    horizon: int
    label_type: int | None  # code of the event type that counts; None: any


class Samples(NamedTuple):
    """m moments in order of time, each with its candidates in the recipe's order."""

    moments: Moments
    part: UInt8s  # (m,) position in PARTS
    starts: Int64s  # (m + 1,)
    rows: Int32s  # (candidates,)
    scores: Float32s  # (candidates,) the recipe's
    labels: Bools  # (candidates,) bought within the horizon
    targets: Int64s  # (m,) what could have been hit, candidate or not

    @property
    def places(self) -> Int64s:
        """(candidates,) from 0: the place in the recipe's order."""
        return np.arange(len(self.rows)) - np.repeat(self.starts[:-1], np.diff(self.starts))


def plan(data: Interactions) -> Plan:
    """The newest ``TAIL`` of the events; the horizon is a twentieth of its time, at most a week."""
    begin = int(np.quantile(data.ts, 1 - TAIL))
    length = int(data.ts.max()) + 1 - begin
    horizon = int(min(length // 20, _MOST_HORIZON_DAYS * DAY_US))
    bought = data.event_types.index(PURCHASE) if PURCHASE in data.event_types else None
    if bought is not None and not np.any(data.type == bought):
        bought = None
    bounds = tuple(begin + int(length * share) for share in _PARTS_END)
    return Plan(begin, bounds, horizon, bought)


def draw(data: Interactions, chosen: Plan, most: int, seed: int) -> tuple[Moments, UInt8s]:
    """At most ``most`` moments, each just before an event of a shopper with a history, in order
    of time, and the part of each. None looks beyond the end of its part."""
    begins = data.starts()
    first = np.zeros(len(data) + 1, np.bool_)
    first[begins[:-1]] = True
    part = np.searchsorted(chosen.bounds, data.ts, "right")
    ends = np.asarray(chosen.bounds)[np.minimum(part, len(PARTS) - 1)]
    usable = (data.ts >= chosen.begin) & (data.ts + chosen.horizon <= ends) & ~first[:-1]
    places = np.flatnonzero(usable)
    if len(places) > most:
        places = np.random.default_rng(seed).choice(places, most, replace=False)
    places = places[np.lexsort((data.user[places], data.ts[places]))]
    found = moments(data, data.user[places], data.ts[places])
    kept = found.stops > found.starts  # several events of one instant: none is before the others
    return _only(found, kept), part[places][kept].astype(np.uint8)


def _only(some: Moments, kept: Bools | Int64s) -> Moments:
    return Moments(some.user[kept], some.at[kept], some.starts[kept], some.stops[kept])


def sample(
    data: Interactions, mixture: Mixture, chosen: Plan, policy: str, most: int, seed: int
) -> Samples:
    """Moments with the candidates of ``mixture``, which was fitted on what came before them."""
    drawn, part = draw(data, chosen, most, seed)
    queries = queries_of(data, drawn)
    left_out = excluded(queries, policy, data.event_types)
    rows, scores = mixture.top(queries, CANDIDATES, None, *left_out)
    known = rows >= 0
    starts = np.concatenate(([0], np.cumsum(known.sum(axis=1)))).astype(np.int64)
    keys = target_keys(data, drawn, chosen)
    width = max(data.n_items, 1)
    owner = np.repeat(np.arange(len(part)), np.diff(left_out[0]))
    keys = np.setdiff1d(keys, owner * width + left_out[1])
    asked = (np.arange(len(part))[:, None] * width + rows)[known]
    targets = np.bincount(keys // width, minlength=len(part)).astype(np.int64)
    return Samples(drawn, part, starts, rows[known], scores[known], np.isin(asked, keys), targets)


def queries_of(data: Interactions, drawn: Moments) -> Queries:
    """What the recipe is asked at each moment."""
    cuts, events = _slices(drawn.starts, drawn.stops)
    at = np.repeat(drawn.at, np.diff(cuts))
    ages = ((at - data.ts[events]) / 1e6).astype(np.float32)
    return Queries(cuts, data.item[events], data.type[events], ages)


def target_keys(data: Interactions, drawn: Moments, chosen: Plan) -> Int64s:
    """moment · items + item of what each shopper bought within the horizon, each once."""
    ahead = moments(data, drawn.user, drawn.at + chosen.horizon)
    cuts, events = _slices(drawn.stops, ahead.stops)
    owner = np.repeat(np.arange(len(drawn.user)), np.diff(cuts))
    keys = owner * max(data.n_items, 1) + data.item[events]
    if chosen.label_type is not None:
        keys = keys[data.type[events] == chosen.label_type]
    return np.unique(keys)


def _slices(starts: Int64s, stops: Int64s) -> tuple[Int64s, Int64s]:
    """(cuts (m + 1,), positions) of the slices starts:stops, one behind another."""
    lengths = stops - starts
    cuts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    inside = np.arange(int(cuts[-1])) - np.repeat(cuts[:-1], lengths)
    return cuts, np.repeat(starts, lengths) + inside


def feature_matrix(
    data: Interactions,
    catalogue: Sequence[Attributes] | None,
    samples: Samples,
    kept: Bools,
) -> Float32s:
    """(kept, len(COLUMNS)): the candidates under ``kept`` as they would have been seen."""
    counts = np.add.reduceat(np.append(kept, False).astype(np.int64), samples.starts[:-1])
    counts[np.diff(samples.starts) == 0] = 0
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    out = np.empty((int(starts[-1]), len(COLUMNS)), np.float32)
    tables = ProductTables(data, catalogue)
    out[:, : len(NAMES)] = moment_rows(
        data, samples.moments, starts, samples.rows[kept], tables.in_force
    )
    out[:, -2] = samples.scores[kept]
    out[:, -1] = samples.places[kept]
    return out


def parted(samples: Samples, name: str) -> Samples:
    """Only the moments of one part."""
    chosen = np.flatnonzero(samples.part == PARTS.index(name))
    starts, members = spans(samples.starts, chosen)
    return Samples(
        _only(samples.moments, chosen),
        samples.part[chosen], starts, samples.rows[members], samples.scores[members],
        samples.labels[members], samples.targets[chosen],
    )  # fmt: skip
