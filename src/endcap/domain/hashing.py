"""The hash by which ids are found: the same in every process and on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from endcap.domain.arrays import UInt64s


def stable_hash(raw: bytes) -> int:
    """64 bits."""
    return int.from_bytes(blake2b(raw, digest_size=8).digest(), "little")


def hash_all(ids: Sequence[str]) -> UInt64s:
    """(n,) hashes of n ids."""
    return np.fromiter((stable_hash(text.encode()) for text in ids), np.uint64, len(ids))
