"""Shops to run the ETL over: a generated one, invoices, and one with everything that is awkward."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from endcap.data.etl.catalogue import TableFile, newest
from endcap.data.etl.duckdb_engine import DuckDBEngine
from endcap.data.etl.records import Request, RunRecord
from endcap.data.etl.run import Run
from endcap.data.etl.statements import filled, statement
from endcap.data.etl.storage import LocalStorage
from endcap.data.etl.tables import STRENGTHS
from endcap.data.importer import ImportOptions, import_files
from endcap.data.lake import Lake
from endcap.data.sources import Source
from endcap.data.synthetic.generate import generate
from endcap.data.synthetic.plan import Plan
from endcap.domain.values import LEAST_TS, MOST_TS, Event, Item, User
from endcap.features.parameters import parameters

DAY = 86_400_000_000
START = 20_000 * DAY  # 2024-10-04, a Friday
AS_OF = START + 9 * DAY + 5 * 3_600_000_000


def generated(lake: Lake) -> None:
    """A synthetic shop of 1,500 events."""
    files = lake.root.parent / f"{lake.root.name}-files"
    begin = START // 10**6
    generate(Plan(users=60, items=120, events=1_500, days=12, seed=4, start_s=begin), files)
    names = {"users": "users", "items": "items", "events": "interactions"}
    sources = [Source(table, str(files / f"{name}.parquet")) for table, name in names.items()]
    import_files(lake, sources, {}, ImportOptions(AS_OF), lambda _: None)


def invoices(lake: Lake) -> None:
    """Like Online Retail: purchases only, many lines at one minute, returns as negative numbers."""
    draw = random.Random(7)
    codes = [f"{draw.randrange(10_000, 99_999)}{draw.choice(['', 'A', 'B'])}" for _ in range(80)]
    events = []
    for invoice in range(150):
        minute = START + draw.randrange(10 * 24 * 60) * 60_000_000
        user = str(12_000 + draw.randrange(40))
        for line, code in enumerate(draw.sample(codes, draw.randrange(1, 9))):
            quantity = float(draw.choice([1, 2, 6, 12, -1]))
            events.append(
                Event(user, code, "purchase", minute, f"{536_365 + invoice}-{line}", quantity)
            )
    items = [
        Item(code, {"name": f"SET OF {n} T-LIGHTS", "price": 0.5 * n})
        for n, code in enumerate(codes)
    ]
    users = [User(str(12_000 + n), {"country": "United Kingdom"}) for n in range(30)]
    lake.append(events, items, users, [], after(lake))


def after(lake: Lake) -> int:
    """Where the log would end next."""
    return lake.manifest().log_offset + 10


STRANGE = (
    "a", "A", "\u00e9", "e\u0301", "日本", "🛒", "o'neil", 'say "x"', "back\\slash", " x", "x ",
    "%s", "$as_of",
)  # fmt: skip
TYPES = ("view", "view", "add_to_cart", "purchase", "purchase", "rate", "Purchase")
VALUES = (None, 0.0, -0.0, -3.5, 1e30, math.inf, -math.inf, math.nan)


def awkward(lake: Lake) -> None:
    """Nulls, Unicode, ties, an emptied date, clocks that are wrong, numbers that are none."""
    draw = random.Random(3)
    times = [
        START + n * DAY + draw.choice([0, 1, DAY - 1, draw.randrange(DAY)])
        for n in range(10)
        for _ in range(30)
    ]
    times += [START + 3 * DAY] * 60  # all at once
    times += [LEAST_TS, -1, 0, 1, MOST_TS, AS_OF, AS_OF - 1, START + 3_000 * DAY]
    events = [
        Event(
            draw.choice(STRANGE), draw.choice([*STRANGE, "unlisted"]), draw.choice(TYPES), ts,
            f"e{n}", draw.choice(VALUES), draw.choice((None, None, "s1", "s2", "ß")),
            draw.choice([None, {"k": "v"}]),
        )
        for n, ts in enumerate(times)
    ]  # fmt: skip
    events += [Event("erased", "a", "view", START + 40 * DAY + n, f"l{n}") for n in range(5)]
    lake.append(events, strange_items(), [User("a", {"née": "x"})], ["erased"], after(lake))
    late = [Event("日本", "🛒", "purchase", START + DAY + n, f"late{n}", 2.0) for n in range(9)]
    users = [User("é", {"age": 30, "tags": ["x", "y"]}), User("A", {"AGE": 2.5, "ok": True})]
    lake.append(late, [Item("A", {"price": 9, "new": False})], users, ["%s"], after(lake))


def strange_items() -> list[Item]:
    odd: list[dict[str, Any]] = [
        {"price": 3, "department": "Küche", "aisle": ["x", "y"], "brand": ""},
        {"price": 2.5, "department": ["Küche", "Bad"], "created": START},
        {"price": 0, "department": "Bad", "brand": "b", "sold out?": True},
        {"price": -1, "name": "", "id": 7, "tags": ["p", "q"]},
        {"price": 4.25, "department": "Bad", "tags": []},
        {"created": AS_OF + DAY, "available": False, "department": "Bad", "aisle": "z"},
        {},
    ]
    return [Item(name, odd[n % len(odd)]) for n, name in enumerate(STRANGE[:-2])]


SHOPS: dict[str, Callable[[Lake], None]] = {
    "generated": generated, "invoices": invoices, "awkward": awkward,
}  # fmt: skip


@pytest.fixture(scope="session")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Lake]:
    """One of each kind, and ``all`` of them in one."""
    root = tmp_path_factory.mktemp("lakes")
    made = {name: Lake(root / name, 256, 1) for name in (*SHOPS, "all")}
    for name, fill in SHOPS.items():
        fill(made[name])
        fill(made["all"])
    return made


class Etl:
    """Runs of the ETL over one lake, and what they made."""

    def __init__(self, lake: Lake, root: Path) -> None:
        self.lake, self.root = lake, root
        self.storage = LocalStorage(root)

    def run(self, as_of: int = AS_OF, **request: Any) -> RunRecord:
        engine = DuckDBEngine(self.lake.root, self.root, 256, 1)
        try:
            return Run(
                self.lake.manifest(), self.storage, engine,
                Request(at=AS_OF, as_of=as_of, **request), parameters(as_of), lambda *_: None,
            ).run()  # fmt: skip
        finally:
            engine.close()

    def made(self, **request: Any) -> dict[str, int]:
        """How many partitions of each table a run made anew, where it made any."""
        return {m.table: m.partitions for m in self.run(**request).tables if m.partitions}

    def files(self, table: str) -> tuple[TableFile, ...]:
        return newest(self.storage).of(table).files

    def rows(self, table: str, columns: Sequence[str] = ()) -> list[dict[str, Any]]:
        return table_rows(self.root, table, columns)


def table_rows(root: Path, table: str, columns: Sequence[str] = ()) -> list[dict[str, Any]]:
    """All rows of a table as its manifest names its files, columns by name."""
    files = newest(LocalStorage(root)).of(table).files
    if not files:
        return []
    listed = ", ".join("'" + str(root / file.path).replace("'", "''") + "'" for file in files)
    dated = ", hive_partitioning = true, hive_types = {'date': VARCHAR}" if files[0].date else ""
    chosen = ", ".join(f'"{column}"' for column in columns) or "*"
    with duckdb.connect() as connection:
        found = connection.sql(
            f"SELECT {chosen} FROM read_parquet([{listed}], union_by_name = true{dated})"
        )
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


@pytest.fixture
def etl(tmp_path: Path) -> Etl:
    """Over a lake of its own, which is empty."""
    return Etl(Lake(tmp_path / "it's a lake", 256, 1), tmp_path / "it's tables")


@pytest.fixture(scope="session")
def etl_of() -> type[Etl]:
    """``etl_of(lake, root)``."""
    return Etl


@pytest.fixture(scope="session")
def rows_of() -> Callable[..., list[dict[str, Any]]]:
    """``rows_of(root, table, columns)``."""
    return table_rows


TOLERANCE = 1e-9


def unlike(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[Any]:
    """Rows that are not the same; numbers to a relative 1e-9."""
    found: list[Any] = [] if len(one) == len(other) else [(len(one), len(other))]
    for a, b in zip(in_order(one), in_order(other), strict=False):
        if list(a) != list(b) or not all(same(x, y) for x, y in zip(a.values(), b.values())):  # noqa: B905
            found.append((a, b))
    return found


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def key(row: dict[str, Any]) -> tuple[list[str], list[str]]:
        exact = [repr(v) for v in row.values() if not isinstance(v, float)]
        return exact, [f"{v:.6g}" for v in row.values() if isinstance(v, float)]

    return sorted(({k: row[k] for k in sorted(row)} for row in rows), key=key)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= TOLERANCE * max(1.0, abs(one))
    return type(one) is type(other) and one == other


@pytest.fixture(scope="session")
def differences() -> Callable[[list[dict[str, Any]], list[dict[str, Any]]], list[Any]]:
    """``differences(rows, others)``: see ``unlike``."""
    return unlike


class Fitted:
    """The vectors that Spark fitted, and what they were fitted to."""

    def __init__(self, root: Path) -> None:
        items, users = (table_rows(root, f"{name}_factors") for name in ("item", "user"))
        self.items = {row["item_id"]: np.array(row["factors"]) for row in items}
        self.users = {row["user_id"]: np.array(row["factors"]) for row in users}
        self.users_of = {row["item_id"]: row["users"] for row in items}
        self.how = {name: items[0][name] for name in ("shoppers", "confidence", "penalty", "seed")}
        self.strengths: dict[str, dict[str, float]] = {}
        listed = ", ".join(f"'{path}'" for path in (root / "events").rglob("*.parquet"))
        with duckdb.connect() as connection:
            connection.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet([{listed}])")
            for user, item, strength in connection.sql(
                filled(statement(STRENGTHS), parameters(AS_OF))
            ).fetchall():
                self.strengths.setdefault(user, {})[item] = strength

    def solved(self, user_id: str) -> Any:
        """The vector of a user that the vectors of items call for (Hu, Koren & Volinsky 2008)."""
        every = np.array(list(self.items.values()))
        had = self.strengths[user_id]
        y = np.array([self.items[item_id] for item_id in had])
        sure = self.how["confidence"] * np.array(list(had.values()))
        ridge = self.how["penalty"] * len(had) * np.eye(every.shape[1])
        return np.linalg.solve(every.T @ every + (y.T * sure) @ y + ridge, y.T @ (1 + sure))


@pytest.fixture(scope="session")
def fitted_in() -> type[Fitted]:
    """``fitted_in(root)``."""
    return Fitted
