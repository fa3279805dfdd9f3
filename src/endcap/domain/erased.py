"""How erased users are known afterwards: by a keyed hash, never by name."""

from __future__ import annotations

import hashlib


def hash_of(pepper: str, user_id: str) -> str:
    """64 hex digits by which an erased user is known afterwards; the same in SQL."""
    return hashlib.sha256((pepper + user_id).encode()).hexdigest()
