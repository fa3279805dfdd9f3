"""A byte search over everything a whole run leaves on disk: what a receipt says is true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.adapters.vector_folder import FolderVectors
from endcap.app import batch
from endcap.app.compaction import settle
from endcap.app.erasure import erase_user, receipts_of
from endcap.app.etl import make_tables
from endcap.app.importing import import_into
from endcap.app.intake import write
from endcap.app.reports import training_report
from endcap.app.training import train
from endcap.app.written_files import remember_file
from endcap.cli.batch_files import writing
from endcap.data.etl.records import Request
from endcap.data.export import export_tables
from endcap.data.importer import ImportOptions
from endcap.data.sources import Source
from endcap.domain.records import Submitted, UsersPut
from endcap.domain.values import User
from endcap.engagement.interests import remember
from endcap.ports import DeadLetter

NAME = "somebody-7f3a"


def shop_rows(folder: Path, *users: str) -> list[Source]:
    folder.mkdir(exist_ok=True)
    rows = [f"{user},white-{n},2025-06-0{n + 1}" for user in users for n in range(5)]
    bad = [f"{user}|not|a|row" for user in users] + [f"{user},white-1,never" for user in users]
    (folder / "events.csv").write_text("\n".join(["user_id,item_id,ts", *rows, *bad]))
    people = [f"{user},Ulm" for user in users]
    (folder / "users.csv").write_text("\n".join(["user_id,city", *people]))
    return [
        Source("events", str(folder / "events.csv")),
        Source("users", str(folder / "users.csv")),
    ]


def bring_in(board: Any, sources: list[Source]) -> Any:
    return import_into(board.shop, sources, {}, ImportOptions(at=board.at), lambda _: None)


def whole_run(board: Any, sources: list[Source]) -> None:
    """All that a shop does, with this user everywhere."""
    shop, at = board.shop, board.at
    bring_in(board, sources)
    board.post((NAME, "white-1", "view"), ("s1", "white-1", "view"), (NAME, "white-2", "purchase"))
    settle(shop, at)
    write(shop, UsersPut(at, users=(User(NAME, {"city": "Bonn"}), User("s2", {"city": "Rome"}))))
    write(shop, Submitted(at, user_id=NAME))
    version = train(shop, at, progress=lambda *_: None, budget_s=1.0)
    training_report(shop, version)
    for form in ("jsonl", "parquet"):
        file = board.home / f"batch.{form}"
        with writing(str(file), form) as writer:
            rows = list(batch.answers(shop, None, 5, at))
            for row in rows:
                writer(*row)
        remember_file(shop, str(file), form, "userId", at)
    batch.store(shop, rows, at)
    for form in ("csv", "jsonl", "parquet"):
        folder = board.home / "tables"
        export_tables(
            shop.lake, folder, ("events", "users"), form, replace=False, progress=lambda *_: None
        )
        for table in ("events", "users"):
            remember_file(shop, str(folder / f"{table}.{form}"), form, "user_id", at)
    make_tables(shop, Request(at=at, as_of=at + 60_000_000), lambda *_: None)
    remember(shop.documents, NAME, "garden", "Bonn", at)
    shop.dead.add(DeadLetter(at, 1, "unknown", NAME.encode(), (NAME,)))
    shop.dead.add(DeadLetter(at, 2, "unknown", b"s2", ("s2",)))
    board.post((NAME, "white-3", "view"))


def vectors_of(board: Any) -> FolderVectors:
    index = FolderVectors(board.home / "vectors")
    draw = [[1.0, 0.0], [0.0, 1.0]]
    import numpy as np

    index.load("v1", [NAME, "s2"], np.array(draw, np.float32))
    index.switch("v1")
    return index


@pytest.mark.server
def test_no_byte_of_an_erased_user_is_left(board: Any, tmp_path: Path, holders: Any) -> None:
    sources = shop_rows(tmp_path / "old files", NAME, "other-9")
    whole_run(board, sources)
    shop = board.shop
    index = vectors_of(board)
    shop.erasers["vectors"] = lambda user: index.erase([user])
    before = holders(board.home, NAME)
    assert {Path(path).name for path in before} >= {"batch.jsonl", "documents.sqlite"}
    board.at += 1_000_000

    receipt = erase_user(shop, NAME, board.at)
    assert NAME not in str(receipt)
    gone = receipt.forgotten
    assert gone["events of the history"] == 8
    assert gone["stored recommendations"] == gone["interests and preferences"] == 1
    assert gone["dead letters"] == gone["vectors"] == 1
    assert gone["rejected rows"] >= 1
    left = receipt.until_purge
    assert (left["events in the lake"], left["users in the lake"]) == (7, 1)
    assert left["log records not in the lake"] == 2
    assert left["written files"] == 8
    assert left["deleted documents"] == 2
    assert left["files of tables"] > 10
    settle(shop, board.at)
    root = shop.lake.root.parent.relative_to(board.home)
    said = ("lake", "tables", "log", "artifacts/snapshots", "documents.sqlite")
    for path in holders(board.home, NAME):
        inside = [f"{root}/{place}" for place in said]
        assert path.startswith((*inside, "batch.", "tables/")), path

    assert board.ids(user_id="other-9")
    done = settle(shop, board.at, purge_now=True)
    assert holders(board.home, NAME) == set()
    assert done.purged["rows of the lake"] == 8 + 2  # events, and two writings of the user
    assert done.purged["written files"] == 8
    assert done.purged["log records"] >= 5
    assert done.purged["rows of tables"] > 7 * 4
    made = make_tables(shop, Request(at=board.at, as_of=board.at), lambda *_: None)
    assert sum(table.partitions for table in made.tables) > 7
    assert holders(board.home, NAME) == set()
    (closed,) = receipts_of(shop, NAME)
    assert (closed.receipt, closed.purged_at, closed.until_purge) == (receipt.receipt, board.at, {})
    for other in ("other-9", "s2"):
        assert holders(board.home, other)
    assert len(board.open().now.state.history("other-9").items) == 5
    lines = (board.home / "batch.jsonl").read_text().splitlines()
    assert {json.loads(line)["userId"] for line in lines} >= {"other-9", "s1", "s2"}

    report = bring_in(board, sources)
    assert report.tables["events"].rows == 14
    assert report.tables["events"].repeats == 5  # of the other
    told = {(reason.code, reason.column): reason.rows for reason in report.tables["events"].reasons}
    assert told["user_erased", "user_id"] == 5
    assert holders(board.home, NAME) == set()
    assert "other-9|not|a|row" in Path(report.rejects).read_text()
    assert len(board.open().now.state.history(NAME).items) == 0


@pytest.mark.parametrize("purged", [False, True])
def test_an_old_file_brings_nobody_back_but_new_rows_do(
    board: Any, tmp_path: Path, purged: bool
) -> None:
    sources = shop_rows(tmp_path / "old files", NAME, "other-9")
    bring_in(board, sources)
    board.erase(NAME)
    settle(board.shop, board.at, purge_now=purged)
    for _ in range(2):
        bring_in(board, sources)
        settle(board.shop, board.at, purge_now=purged)
        assert len(board.shop.now.state.history(NAME).items) == 0
        assert NAME not in {user.user_id for user in board.shop.lake.users()}
    board.post((NAME, "black-1", "view"))
    settle(board.shop, board.at)
    report = bring_in(board, sources)
    assert [user.attributes for user in board.shop.lake.users() if user.user_id == NAME] == [
        {"city": "Ulm"}
    ]
    assert report.tables["users"].accepted == 1 + 1
    rows = board.shop.now.state.history(NAME).items
    assert board.shop.now.state.items.ids(rows) == ["black-1"]


def test_who_came_back_before_the_purge_keeps_what_came_since(board: Any) -> None:
    shop = board.shop
    board.post((NAME, "white-1", "view"))
    settle(shop, board.at)
    erase_user(shop, NAME, board.at)
    board.post((NAME, "black-2", "view"))
    remember(shop.documents, NAME, "garden", "Bonn", board.at)
    settle(shop, board.at, purge_now=True)
    for seen in (shop, board.open()):
        rows = seen.now.state.history(NAME).items
        assert seen.now.state.items.ids(rows) == ["black-2"]
    assert len(shop.documents.query("CustomerInterest")) == 1
    payloads = [payload for _, payload in shop.log.read(0) if NAME.encode() in payload]
    assert len(payloads) == 1


def test_nothing_erased_is_nothing_written(board: Any) -> None:
    settle(board.shop, board.at)
    before = {path: path.stat().st_mtime_ns for path in board.home.rglob("*") if path.is_file()}
    assert settle(board.shop, board.at, purge_now=True).purged == {}
    changed = [p for p, at in before.items() if p.exists() and p.stat().st_mtime_ns != at]
    assert [path for path in changed if "lock" not in path.name] == []
