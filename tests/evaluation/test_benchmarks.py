"""The public benchmarks: protocols on files whose figures can be worked out by hand."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from endcap.data.interactions import Interactions
from endcap.domain.errors import InvalidInput
from endcap.evaluation import benchmarks

RUN = benchmarks.Run(5, 0, 1, 512, iter(range(100)).__next__, lambda stage, share: None)


def write(path: Path, text: str) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


@pytest.mark.parametrize("ending", ["txt", "txt.gz"])
def test_cf_masks_training_items_and_counts_unknown_ones_as_missed(
    tmp_path: Path, ending: str
) -> None:
    train = write(tmp_path / f"train.{ending}", "7 10 20\n8 10 20 30\n9 10 30\n\n")
    # user 7: 30 is the only item left; user 8 wants something nobody has; user 9 has no test item
    test = write(tmp_path / f"test.{ending}", "7 30\n8 99\n9\n")
    found = benchmarks.cf(train, test, RUN)
    assert found["queries"] == 2
    for name in ("recall", "ndcg", "hr", "mrr"):
        assert found[f"{name}@20"] == found[f"{name}@5"] == 0.5
    assert found["fit_seconds"] == 1


def test_sessions_mask_nothing_and_rank_the_next_item(tmp_path: Path) -> None:
    train = write(tmp_path / "train.txt", "5 6 7\n5 6 7\n6 7\n5 5\n")
    test = write(tmp_path / "test.txt", "5\t6\n5 77\t5\n5\t1000\textra\n")
    found = benchmarks.sessions(train, test, RUN)
    assert found["queries"] == 3
    assert found["hr@20"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["recall@20"] == found["hr@20"]
    assert 0 < found["mrr@20"] <= 2 / 3 + 1e-6


def test_events_split_in_time_and_keep_to_the_seen_policy() -> None:
    day = 86_400_000_000
    data = Interactions(
        user=np.repeat(np.arange(4, dtype="i4"), 4),
        item=np.tile(np.array([0, 1, 2, 3], "i4"), 4),
        type=np.full(16, 2, "u1"),
        ts=np.tile(np.arange(4, dtype="i8") * day, 4) + 1,
        user_ids=list("abcd"),
        item_ids=list("wxyz"),
    )
    found = benchmarks.events(data, 2 * day, RUN)
    # both known items are bought and left out, the two later ones were never seen before
    assert found["seen_policy"] == "exclude_purchased"
    assert found["queries"] == 4
    assert found["recall@20"] == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "benchmark_unreadable"),
        ("", "benchmark_empty"),
        ("\n \n", "benchmark_empty"),
        ("1 2 x\n", "benchmark_not_a_number"),
        ("1 2.5\n", "benchmark_not_a_number"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str | None, code: str) -> None:
    path = tmp_path / "data.txt"
    if text is not None:
        write(path, text)
    with pytest.raises(InvalidInput) as caught:
        benchmarks.cf(path, path, RUN)
    assert (caught.value.code, caught.value.field) == (code, str(path))


@pytest.mark.parametrize("line", ["1 2 3", "1 2\t", "1\t2 3"])
def test_an_example_needs_one_target(tmp_path: Path, line: str) -> None:
    train, test = write(tmp_path / "a.txt", "1 2\n"), write(tmp_path / "b.txt", line + "\n")
    with pytest.raises(InvalidInput) as caught:
        benchmarks.sessions(train, test, RUN)
    assert caught.value.code == "benchmark_no_target"
    assert caught.value.facts["line"] == 1


def test_users_without_items_are_an_empty_file(tmp_path: Path) -> None:
    train = write(tmp_path / "a.txt", "1\n2\n")
    with pytest.raises(InvalidInput) as caught:
        benchmarks.cf(train, train, RUN)
    assert caught.value.code == "benchmark_empty"


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.txt.gz"
    path.write_bytes(gzip.compress(b"1 2 3\n" * 500)[:-20])
    with pytest.raises(InvalidInput) as caught:
        benchmarks.cf(path, path, RUN)
    assert caught.value.code == "benchmark_unreadable"
