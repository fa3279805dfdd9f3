"""The public benchmarks: protocols on files whose figures can be worked out by hand."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from endcap.data.interactions import Interactions
from endcap.domain.errors import InvalidInput
from endcap.evaluation import benchmarks
from endcap.evaluation.benchmark_baselines import PLAIN
from endcap.evaluation.learnt_baselines import best_of

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


def shop_of_two_tastes(users: int = 120) -> Interactions:
    """Shoppers who take the items of their half one after another, a day apart."""
    user = np.repeat(np.arange(users, dtype="i4"), 6)
    step = np.tile(np.arange(6), users)
    return Interactions(
        user=user,
        item=((user // 2 + step) % 15 + 15 * (user % 2)).astype("i4"),
        type=np.zeros(len(user), "u1"),
        ts=step.astype("i8") * 86_400_000_000,
        user_ids=[f"u{u}" for u in range(users)],
        item_ids=[f"i{i}" for i in range(30)],
    )


def test_baselines_answer_the_same_questions_and_are_compared_in_pairs() -> None:
    found = benchmarks.events(shop_of_two_tastes(), 4 * 86_400_000_000, RUN)
    told = found["baselines"]
    assert set(told) == {"popularity", "recent", "random", "item-knn", "ease", "als"}
    assert told["random"]["ndcg@20"] < told["item-knn"]["ndcg@20"]
    for figures in told.values():
        for name, (middle, low, high) in figures["ahead"].items():
            assert middle == pytest.approx(found[name] - figures[name], abs=2e-6)
            assert low <= middle <= high
    assert told["random"]["ahead"]["ndcg@20"][1] > 0
    assert found["fit_seconds"] == found["baselines_seconds"] == 1  # a tick of the clock each


@pytest.mark.parametrize("verb", ["cf", "sessions"])
def test_baselines_keep_to_the_protocol(tmp_path: Path, verb: str) -> None:
    train = write(tmp_path / "train.txt", "1 10 20 30\n2 10 20\n3 10 20\n4 10 40\n")
    if verb == "cf":  # 10 and 20 are had: the most popular of the rest is 30 or 40
        found = benchmarks.cf(train, write(tmp_path / "test.txt", "2 30\n"), RUN)
        assert found["baselines"]["popularity"]["mrr@20"] == 1.0
        assert "recent" not in found["baselines"]  # there are no times
        return
    sessions = write(tmp_path / "sessions.txt", "10 20 30\n10 20\n10 20\n10 40\n")
    test = write(tmp_path / "test.txt", "10\t10\n10 77\t20\n")  # nothing is left out
    found = benchmarks.sessions(sessions, test, RUN)
    assert found["baselines"]["popularity"]["mrr@20"] == pytest.approx((1 + 1 / 2) / 2)


def test_slow_baselines_can_be_left_out() -> None:
    quick = benchmarks.Run(
        5, 0, 1, 512, iter(range(100)).__next__, lambda stage, share: None, lambda: 7.0, PLAIN
    )
    found = benchmarks.events(shop_of_two_tastes(), 4 * 86_400_000_000, quick)
    assert set(found["baselines"]) == {"popularity", "recent", "random"}
    assert found["peak_mb"] == 7.0


@given(
    arrays("f4", st.tuples(st.integers(1, 5), st.integers(1, 30)), elements=st.integers(0, 6)),
    st.integers(1, 30),
)
def test_the_best_are_those_of_a_whole_sort(scores: np.ndarray, k: int) -> None:
    best = best_of(scores, k)
    whole = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    for row in range(len(scores)):
        assert np.array_equal(scores[row, best[row]], scores[row, whole[row]])
        assert len(set(best[row].tolist())) == best.shape[1]


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
