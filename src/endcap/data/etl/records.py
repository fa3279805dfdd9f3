"""What a run of the ETL is asked for, and what it says of itself."""

from __future__ import annotations

from msgspec import Struct

from endcap.data.etl.engine import Factorisation


class Request(Struct, frozen=True):
    """``tables``: these and what they read; all where none is named. ``first_date``,
    ``last_date``: make these dates anew, changed or not, and no others of dated tables.
    ``full``: make everything anew. ``only``: write none but ``tables``; what they read is worked
    out for this run alone. ``factors``: also make ``FACTORS``. ``at``: now, µs; ``as_of``: the
    time of features."""

    at: int
    as_of: int
    tables: tuple[str, ...] = ()
    first_date: str | None = None
    last_date: str | None = None
    full: bool = False
    only: bool = False
    factors: Factorisation | None = None


class Made(Struct, frozen=True):
    """What became of a table: ``rows`` and ``bytes`` are of the whole table afterwards."""

    table: str
    partitions: int  # made anew
    partitions_kept: int
    rows: int
    files: int
    bytes: int
    seconds: float


class RunRecord(Struct, frozen=True):
    """What a run did, as it is kept in ``runs/``."""

    at: int
    as_of: int
    engine: str
    versions: dict[str, str]
    lake_version: int
    version: int  # of the tables
    tables: list[Made]
    seconds: float
    status: str = "done"
    reason: str = ""
