"""Write a synthetic shop to a folder, a chunk of shoppers at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct

from endcap.data.synthetic.demand import open_shop
from endcap.data.synthetic.events import sample_events
from endcap.data.synthetic.plan import Plan, check
from endcap.data.synthetic.shoppers import make_shoppers
from endcap.data.synthetic.tables import (
    INTERACTIONS,
    ITEMS,
    USERS,
    event_table,
    item_ids,
    item_tables,
    user_table,
)
from endcap.data.synthetic.truth import Truth, state_truth
from endcap.data.synthetic.writers import FORMATS, Writer
from endcap.domain.arrays import Int64s
from endcap.domain.errors import Conflict, InvalidInput
from endcap.domain.values import EVENT_TYPES

TABLES = ("users", "items", "interactions")
TRUTH = "truth.json"
EVENTS_AT_ONCE = 200_000
MOST_SHOPPERS_AT_ONCE = 50_000

Report = Callable[[str, float], None]


class Summary(Struct, frozen=True):
    """What was written. ``events`` counts by type."""

    folder: str
    files: tuple[str, ...]
    plan: Plan
    users: int
    items: int
    interactions: int
    events: dict[str, int]
    truth: Truth


def generate(
    plan: Plan,
    folder: Path,
    *,
    file_format: str = "parquet",
    force: bool = False,
    progress: Report = lambda _text, _fraction: None,
    chunk_users: int | None = None,
) -> Summary:
    """Write users, items, interactions and ``truth.json`` of ``plan`` into ``folder``.

    The files appear under their names when all are complete. The same plan and format give the
    same bytes, whatever ``chunk_users`` (how many shoppers are in memory at once) is.
    Raises InvalidInput (count_out_of_range, too_many_events, start_out_of_range, bad_choice,
    folder_not_writable) and Conflict (files_exist).
    """
    check(plan)
    if file_format not in FORMATS:
        raise InvalidInput(
            "bad_choice", field="format", value=file_format, permitted=", ".join(FORMATS)
        )
    if chunk_users is None:
        fitting = EVENTS_AT_ONCE * plan.users // plan.events
        chunk_users = max(1, min(MOST_SHOPPERS_AT_ONCE, fitting))
    with _replacing(folder, file_format, force) as paths:
        by_type, truth = _write(plan, paths, file_format, chunk_users, progress)
    return Summary(
        folder=str(folder),
        files=(*(f"{name}.{file_format}" for name in TABLES), TRUTH),
        plan=plan,
        users=plan.users,
        items=plan.items,
        interactions=int(by_type.sum()),
        events=dict(zip(EVENT_TYPES, by_type.tolist(), strict=True)),
        truth=truth,
    )


@contextmanager
def _replacing(folder: Path, file_format: str, force: bool) -> Iterator[dict[str, Path]]:
    """Paths to write to, by table; the files take their names when the block ends well."""
    with _complaining(folder):
        folder.mkdir(parents=True, exist_ok=True)
        present = existing(folder)
        if present and not force:
            names = ", ".join(path.name for path in present)
            raise Conflict("files_exist", value=str(folder), names=names)
        paths = {name: folder / f".{name}.{file_format}.partial" for name in TABLES}
        paths["truth"] = folder / f".{TRUTH}.partial"
        try:
            yield paths
            for path in present:
                path.unlink()
            for path in paths.values():
                path.rename(folder / path.name.removeprefix(".").removesuffix(".partial"))
        finally:
            for path in paths.values():
                path.unlink(missing_ok=True)


def existing(folder: Path) -> list[Path]:
    """Files that this command would write, in any format."""
    names = [f"{name}.{ending}" for name in TABLES for ending in FORMATS] + [TRUTH]
    return [folder / name for name in names if (folder / name).exists()]


@contextmanager
def _complaining(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise InvalidInput("folder_not_writable", value=str(folder), why=why) from error


def _write(
    plan: Plan, paths: dict[str, Path], file_format: str, chunk_users: int, progress: Report
) -> tuple[Int64s, Truth]:
    """(types,) events of each type, and the truth."""
    shop = open_shop(plan)
    progress("items", 0.0)
    ids = item_ids(shop)
    with _open(paths["items"], ITEMS, file_format) as items:
        for table in item_tables(shop, ids):
            items.write(table)
    with (
        _open(paths["users"], USERS, file_format) as users,
        _open(paths["interactions"], INTERACTIONS, file_format) as interactions,
    ):
        earlier = np.zeros(plan.items, np.int64)
        by_type = np.zeros(len(EVENT_TYPES), np.int64)
        for start in range(0, plan.users, chunk_users):
            rows = np.arange(start, min(start + chunk_users, plan.users), dtype=np.int64)
            shoppers = make_shoppers(shop, rows)
            events = sample_events(shop, shoppers)
            users.write(user_table(shop, shoppers))
            interactions.write(event_table(shop, shoppers, events, ids))
            early = events.item[events.ts_s < plan.split_s]
            earlier += np.bincount(early, minlength=plan.items)
            by_type += np.bincount(events.type, minlength=len(EVENT_TYPES))
            progress("shoppers", 0.05 + 0.85 * (rows[-1] + 1) / plan.users)
    truth = state_truth(shop, earlier, lambda f: progress("best recall", 0.9 + 0.1 * f))
    stated = msgspec.json.encode({"plan": plan, **msgspec.to_builtins(truth)})
    paths["truth"].write_bytes(msgspec.json.format(stated, indent=2) + b"\n")
    return by_type, truth


@contextmanager
def _open(path: Path, schema: pa.Schema, file_format: str) -> Iterator[Writer]:
    writer = FORMATS[file_format](path, schema)
    try:
        yield writer
    finally:
        writer.close()
