"""Components that read a history alike, added up into one: the same scores for less work.

A component's score is linear in its weights, so that where the readings are equal
a · (h P) + b · (h Q) = h (a P + b Q). An answer then walks one row for each event, not one for
each component.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from endcap.models.mixture import Component, Reading
from endcap.models.neighbours import Neighbours, PairNeighbours, from_matrix, to_matrix

Parts = tuple[list[Neighbours | PairNeighbours], list[Component]]


def merged(
    fitted: Sequence[Neighbours | PairNeighbours], components: Sequence[Component], keep: int
) -> Parts:
    """Neighbours and components, fewer where readings are equal; pairs stay as they are. The
    ``keep`` greatest weights of a row of a sum are kept. A sum is called ``a+b`` and weighs 1."""
    groups: dict[Reading | int, list[int]] = {}
    for at, (part, component) in enumerate(zip(fitted, components, strict=True)):
        alone = isinstance(part, PairNeighbours)
        groups.setdefault(at if alone else component.reading, []).append(at)
    parts: Parts = ([], [])
    for members in groups.values():
        some, own = [fitted[at] for at in members], [components[at] for at in members]
        single = [part for part in some if isinstance(part, Neighbours)]
        together = len(members) > 1
        parts[0].append(_sum(single, own, keep) if together else some[0])
        parts[1].append(_named(own) if together else own[0])
    return parts


def _sum(parts: Sequence[Neighbours], components: Sequence[Component], keep: int) -> Neighbours:
    n_items = parts[0].n_rows
    weighed = [
        to_matrix(part, n_items) * component.weight
        for part, component in zip(parts, components, strict=True)
    ]
    return from_matrix(reduce(add, weighed), keep)[0]


def _named(components: Sequence[Component]) -> Component:
    return Component("+".join(c.name for c in components), 1.0, components[0].reading)
