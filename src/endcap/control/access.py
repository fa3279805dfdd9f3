"""What a request may do: scopes, and the rate of whoever asks."""

from __future__ import annotations

from typing import NamedTuple

READ, WRITE, ADMIN = "read", "write", "admin"
SCOPES = (READ, WRITE, ADMIN)


class Access(NamedTuple):
    """``owner``: 63 bits that stand for the asker in the table of rates, never 0.
    ``rate_per_s`` and ``burst``: None where the settings decide; a rate of 0 is no limit."""

    owner: int
    scopes: frozenset[str]
    rate_per_s: float | None = None
    burst: int | None = None
