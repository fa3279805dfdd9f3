"""What ``SqliteDocuments`` does beyond the contract: damage, processes, durability."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from endcap.adapters.sqlite import SqliteDocuments, behind_prefix
from endcap.domain.errors import Damaged, Unavailable


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "documents.sqlite"
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(Damaged) as caught:
        SqliteDocuments(path)
    assert (caught.value.code, caught.value.field) == ("documents_damaged", str(path))


def test_another_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "documents.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE documents (something INTEGER)")
    other.commit()
    other.close()
    with pytest.raises(Damaged):
        SqliteDocuments(path)


def test_overwritten_pages_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "documents.sqlite"
    store = SqliteDocuments(path)
    store.put_many("kind", {f"{n:04d}": {"text": "x" * 200} for n in range(500)})
    del store
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    with pytest.raises(Damaged):
        SqliteDocuments(path).query("kind", limit=1000)


def test_a_body_that_is_no_json_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "documents.sqlite"
    store = SqliteDocuments(path)
    store.put("kind", "key", {})
    store._sql().execute("UPDATE documents SET body = '{'")
    with pytest.raises(Damaged):
        store.get("kind", "key")


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "documents.sqlite").mkdir()
    with pytest.raises(Unavailable) as caught:
        SqliteDocuments(tmp_path / "documents.sqlite")
    assert caught.value.code == "documents_unusable"


def test_a_write_lock_held_too_long_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("endcap.adapters.sqlite.BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "documents.sqlite"
    store, other = SqliteDocuments(path), SqliteDocuments(path)
    store._sql().execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        other.put("kind", "key", {})
    assert caught.value.code == "documents_busy"
    store._sql().execute("ROLLBACK")
    assert other.put("kind", "key", {}) == 1


def test_a_failed_put_many_writes_nothing_and_leaves_the_store_usable(tmp_path: Path) -> None:
    store = SqliteDocuments(tmp_path / "documents.sqlite")
    with pytest.raises(Exception, match="Unicode"):
        store.put_many("kind", {"a": {}, "\ud800": {}})
    assert store.query("kind") == []
    assert store.put("kind", "a", {}) == 1


@pytest.mark.parametrize(
    ("prefix", "behind"),
    [
        ("", None),
        ("a", "b"),
        ("a\U0010ffff", "b"),
        ("\U0010ffff\U0010ffff", None),
        ("a\ud7ff", "a\ue000"),
        ("100%", "100&"),
    ],
)
def test_behind_prefix(prefix: str, behind: str | None) -> None:
    assert behind_prefix(prefix) == behind


def test_every_commit_is_synced(tmp_path: Path) -> None:
    store = SqliteDocuments(tmp_path / "documents.sqlite")
    assert store._sql().execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._sql().execute("PRAGMA journal_mode").fetchone() == ("wal",)


COUNT = """
import sys
from pathlib import Path
from endcap.adapters.sqlite import SqliteDocuments
from endcap.domain.errors import Conflict
store = SqliteDocuments(Path(sys.argv[1]))
done = 0
while done < int(sys.argv[2]):
    standing = store.get("kind", "sum")
    number, version = (standing.body["n"], standing.version) if standing else (0, 0)
    try:
        store.put("kind", "sum", {"n": number + 1}, version)
    except Conflict:
        continue
    done += 1
    sys.stdout.write(f"{number + 1}\\n")
    sys.stdout.flush()
"""


@pytest.mark.server
def test_processes_open_at_once_and_lose_no_addition(tmp_path: Path) -> None:
    words = [sys.executable, "-c", COUNT, str(tmp_path / "documents.sqlite"), "25"]
    processes = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in range(5)]
    assert [process.wait(timeout=120) for process in processes] == [0] * 5
    document = SqliteDocuments(tmp_path / "documents.sqlite").get("kind", "sum")
    assert document is not None
    assert (document.version, document.body) == (125, {"n": 125})


@pytest.mark.server
def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    words = [sys.executable, "-c", COUNT, str(tmp_path / "documents.sqlite"), "1000000"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = [process.stdout.readline() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    printed += process.communicate()[0].split("\n")
    last = max(int(line) for line in printed if line.strip())
    document = SqliteDocuments(tmp_path / "documents.sqlite").get("kind", "sum")
    assert document is not None
    assert document.body["n"] in (last, last + 1)
