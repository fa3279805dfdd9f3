"""A lake in a bucket when the bucket denies, breaks off or holds what a crash left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from endcap.adapters import s3_reading
from endcap.adapters.s3 import Bucket
from endcap.adapters.s3_lake import S3LakeFiles
from endcap.cli.failures import explain
from endcap.data.lake import UNFIT, Lake
from endcap.domain.errors import EndcapError, Forbidden, Unavailable
from endcap.domain.values import Event

pytestmark = pytest.mark.server


@pytest.fixture
def lake(s3_url: str, tmp_path: Path) -> Lake:
    return open_lake(s3_url, tmp_path / "here")


def open_lake(url: str, root: Path) -> Lake:
    return Lake(root, 256, 1, files=S3LakeFiles(url, root))


def events(count: int, start: int = 0) -> list[Event]:
    return [Event(f"U{n}", "I1", "view", start + n, f"e{start + n}") for n in range(count)]


def count(lake: Lake) -> int:
    with lake.connect() as connection:
        found = connection.execute("SELECT count(DISTINCT event_id) FROM events").fetchone()
    assert found is not None
    return int(found[0])


def local_files(lake: Lake) -> list[Path]:
    return [path for path in lake.root.rglob("*.parquet") if path.is_file()]


def test_nothing_stays_on_the_machine_that_wrote(lake: Lake, s3_url: str, tmp_path: Path) -> None:
    lake.append(events(50), [], [], [], 10)
    assert local_files(lake) == []
    assert count(open_lake(s3_url, tmp_path / "there")) == 50


@pytest.mark.parametrize("step", ["put_files", "put_new"])
def test_a_publish_that_fails_changes_nothing_and_can_be_done_again(
    lake: Lake, s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    lake.append(events(5), [], [], [], 10)
    bucket: Any = lake.files._bucket  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(bucket, step, denied)
        with pytest.raises(Forbidden):
            lake.append(events(5, 100), [], [], [], 20)
    there = open_lake(s3_url, tmp_path / "there")
    assert (there.manifest().version, count(there)) == (1, 5)
    lake.append(events(5, 100), [], [], [], 20)
    assert (there.manifest().version, count(there)) == (2, 10)
    lake.append([], [], [], ["U1"], 30)
    lake.purge()
    lake.sweep()
    assert local_files(lake) == []
    named = lake.manifest().paths()
    keys = {found.key for found in Bucket(s3_url).objects()}
    assert {key for key in keys if key.endswith(".parquet")} == named


def denied(*_: object) -> bool:
    raise Forbidden("s3_denied", field="s3://bucket", reason="AccessDenied")


def test_a_bucket_that_breaks_off_in_a_query_is_no_fault_of_a_record(
    lake: Lake,
    s3_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Else a record would be set aside for what the network did."""
    lake.append(events(5), [], [], [], 10)
    there = open_lake(s3_url, tmp_path / "there")
    bucket: Any = there.files._bucket  # type: ignore[attr-defined]

    def gone(*_: object) -> bytes:
        raise Unavailable("s3_unavailable", field=s3_url, reason="gone")

    monkeypatch.setattr(bucket, "get_tail", gone)
    with pytest.raises((EndcapError, duckdb.Error)) as caught:
        there.append(events(5, 100), [], [], [], 20)
    assert not isinstance(caught.value, UNFIT)
    assert explain(caught.value, None, debug=False) == 1
    sentence = f"error: {s3_url} cannot be reached (gone); nothing was changed, try again\n"
    assert capsys.readouterr().err == sentence


def test_large_files_are_read_by_ranges(
    lake: Lake, s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.append(events(20_000), [], [], [], 10)
    monkeypatch.setattr(s3_reading, "TAIL_BYTES", 1000)
    monkeypatch.setattr(s3_reading, "LEAST_BYTES", 4096)
    there = open_lake(s3_url, tmp_path / "there")
    assert count(there) == 20_000
    with there.connect() as connection:
        found = connection.execute("SELECT sum(ts), count(DISTINCT user_id) FROM events").fetchone()
    assert found == (sum(range(20_000)), 20_000)
