"""Segments of users: the split of each history, and measures by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.data.interactions import Interactions
from endcap.evaluation.segment_metrics import (
    SegmentExam,
    no_segments_measured,
    segment_measures,
    split_each,
)
from endcap.models.queries import Queries


def made(lengths: list[int], items: int = 6) -> Interactions:
    n = sum(lengths)
    ts = np.concatenate([np.arange(length) for length in lengths]) * 1_000_000
    return Interactions(
        user=np.repeat(np.arange(len(lengths)), lengths).astype("i4"),
        item=np.random.default_rng(1).integers(0, items, n).astype("i4"),
        type=np.zeros(n, "u1"),
        ts=ts.astype("i8"),
        user_ids=[f"u{row}" for row in range(len(lengths))],
        item_ids=[f"i{row}" for row in range(items)],
    )


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(0, 30), min_size=10, max_size=40))
def test_the_oldest_four_fifths_train(lengths: list[int]) -> None:
    data = made(lengths)
    exam = split_each(data, 0)
    able = [row for row, n in enumerate(lengths) if n >= 2]
    if exam is None:
        assert len(able) < 10 or sum(lengths) < 60
        return
    assert exam.queries.size == len(able)
    bounds = data.starts()
    for place, row in enumerate(able):
        late = max(1, round(0.2 * lengths[row]))
        own = data.item[bounds[row] : bounds[row + 1]]
        asked = exam.queries.rows[exam.queries.starts[place] : exam.queries.starts[place + 1]]
        assert asked.tolist() == own[:-late].tolist()
        assert (exam.fitting.item[exam.fitting.user == row] == own[:-late]).all()
        taken = exam.items[exam.taken[:, place]].tolist()
        assert taken == sorted(set(own[-late:].tolist()) & set(exam.items.tolist()))
        assert exam.queries.ages_s[exam.queries.starts[place + 1] - 1] == 1


def test_measures_by_hand() -> None:
    """Of 40 users 0, 1, 2 took the first item, 39 the second; nobody the third."""
    taken = np.zeros((3, 40), bool)
    taken[0, :3] = taken[1, 39] = True
    scores = np.zeros((40, 3), "f4")
    scores[:, 0] = scores[:, 1] = -np.arange(40)
    nothing = Queries(np.zeros(41, "i8"), *(np.zeros(0, t) for t in ("i4", "u1", "f4")))
    exam = SegmentExam(made([1]), nothing, np.arange(3, dtype="i4"), taken)
    found = segment_measures(exam, scores)
    assert found.keys() == no_segments_measured().keys()
    assert [found[f"hit_at_{k}"] for k in (5, 10, 25)] == [1.5, 1.5, 1.5]
    assert [found[f"recall_at_{k}"] for k in (5, 10, 25)] == [0.5, 0.5, 0.5]
    assert found["coverage"] == pytest.approx(25 / 40)
