"""A recipe made of neighbours that somebody else counted: SQL on DuckDB or Spark (``data/etl``).

For shops whose events do not fit one machine: nothing here grows with the number of events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from endcap.domain.arrays import Float32s, Int32s, Int64s
from endcap.domain.values import EVENT_TYPES
from endcap.features.parameters import SHRINKAGE
from endcap.models.item_item import COOCCURRENCE, Family
from endcap.models.mixture import Component, Mixture
from endcap.models.neighbours import Neighbours
from endcap.models.reading import Reading
from endcap.models.recipe import Recipe

TIE_BREAK = 1e-6  # popularity orders what the neighbours leave equal
READING = Reading(decay=0.6)  # where a search of readings begins (``models/choosing.py``)


def from_counts(
    item_ids: Sequence[str],
    sources: Int32s,
    targets: Int32s,
    weights: Float32s,
    users: Int64s,
    facts: dict[str, Any],
) -> Recipe:
    """``sources``, ``targets``, ``weights``: (neighbours,) rows of ``item_ids``, ordered by source,
    then target. ``users`` (items,) had each item. ``facts`` join what the recipe says of itself."""
    n = len(item_ids)
    starts = np.concatenate(([0], np.cumsum(np.bincount(sources, minlength=n)))).astype(np.int64)
    prior = np.log1p(users.astype(np.float64))
    prior = (prior / max(prior.max(initial=0.0), 1e-12) * TIE_BREAK).astype(np.float32)
    component = Component(COOCCURRENCE, 1.0, READING)
    family = Family(COOCCURRENCE, penalty=SHRINKAGE, target_exponent=0.5)
    stack = Neighbours(starts, targets.astype(np.int32), weights.astype(np.float32))
    info = {
        "recipe": "counted",
        "items": n,
        "neighbours": len(targets),
        "event_types": list(EVENT_TYPES),
        "held_out": {},
        "held_out_queries": 0,
        "hit_share_by_rank": [],
        "search": [],
        "components": [
            {
                **msgspec.to_builtins(family),
                "weight": component.weight,
                "reading": msgspec.to_builtins(component.reading),
            }
        ],
        "prior": {"half_life_days": None, "weight": 0.0},
        **facts,
    }
    plain = dict(msgspec.json.decode(msgspec.json.encode(info)))  # as it will be read again
    return Recipe(item_ids, Mixture(stack, [component], prior), plain)
