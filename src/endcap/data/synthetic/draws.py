"""Random draws that depend on names, not on order.

Every shopper, session and step has its own 64-bit *key*, derived from the key of what holds it.
A draw is a hash of a key and a purpose. So a shopper's data are the same whether a million
shoppers are made at once or this one alone, and with every version of numpy.

The hash is the finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom
number generators").
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from scipy.special import pdtr, pdtrik

from endcap.domain.arrays import Float64s, Int64s, UInt64s

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF


class Purpose(IntEnum):
    """What a draw is for. Draws of one key for different purposes are independent."""

    SHOPPER, SESSION, CHAIN, STEP = 1, 2, 3, 4
    ACTIVITY, TIER, LOYALTY, CURIOSITY, JOINED = 10, 11, 12, 13, 14
    DEPARTMENT, AISLE, SLOT_WEIGHT, FAVOURITE_SLOT, FAVOURITE_ITEM = 15, 16, 17, 18, 19
    WEEK, HOURS, CITY, AGE, DEVICE = 20, 21, 22, 23, 24
    SESSIONS, DAY, HOUR, SECOND, CHAINS = 30, 31, 32, 33, 34
    SOURCE, PICK, PICK_ITEM, CONTINUE, OFFSET = 40, 41, 42, 43, 44
    GAP, ADD, ADD_DELAY, BUY, QUANTITY = 50, 51, 52, 53, 54


def root(seed: int, world: int) -> UInt64s:
    """The key (1,) of everything in one world. World 0 is the data; others are other futures."""
    start = np.array([(seed * _GOLDEN + world * 0xD1B54A32D192ED03 + 1) & _MASK], np.uint64)
    return _mix(_mix(start))


def children(keys: UInt64s, purpose: Purpose, index: Int64s | int = 0, again: int = 0) -> UInt64s:
    """Keys of the ``index``-th things of one purpose; ``keys`` and ``index`` broadcast."""
    offset = np.asarray([(int(purpose) << 40) + (again << 34) + 1], np.uint64)
    places = (np.asarray(index).astype(np.uint64) + offset) * np.uint64(_GOLDEN)
    return _mix(keys + places)


def uniforms(keys: UInt64s, purpose: Purpose, index: Int64s | int = 0, again: int = 0) -> Float64s:
    """Numbers strictly between 0 and 1, of the broadcast shape of ``keys`` and ``index``."""
    high = (children(keys, purpose, index, again) >> np.uint64(12)).astype(np.float64)
    return (high + 0.5) * 2.0**-52


def poisson(u: Float64s, mean: Float64s) -> Int64s:
    """The Poisson quantile at ``u``: (n,) from (n,) and (n,)."""
    safe = np.maximum(mean, 1e-300)
    counts = np.maximum(np.ceil(pdtrik(u, safe)), 0.0)
    below = np.maximum(counts - 1.0, 0.0)
    counts = np.where(pdtr(below, safe) >= u, below, counts)
    return np.where(u <= np.exp(-mean), 0.0, counts).astype(np.int64)


def _mix(x: UInt64s) -> UInt64s:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
