"""How the components of a recipe weigh a history."""

from __future__ import annotations

from msgspec import Struct


class Reading(Struct, frozen=True):
    """How a component weighs a history: the newest event counts 1, the one before ``decay``,
    then ``decay``² …; halved for each ``half_life_s`` of age (0: not at all); nothing beyond the
    newest ``last_n`` (0: all); times the weight of its event type (types beyond the list: the
    last weight; an empty list: 1); divided by (events counted)^``length_exponent``."""

    decay: float = 1.0
    half_life_s: float = 0.0
    last_n: int = 0
    type_weights: tuple[float, ...] = ()
    length_exponent: float = 0.0


PAIR = "pair"  # the family that reads each event together with the newest


class Component(Struct, frozen=True):
    """``weight`` times what the neighbours of family ``name`` say of the history so read. At most
    one component of a mixture is of PAIR."""

    name: str
    weight: float
    reading: Reading
