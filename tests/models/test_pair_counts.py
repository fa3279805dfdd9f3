"""Second-order transitions equal a count by hand."""

from collections import defaultdict

import numpy as np
import pytest

from endcap.data.interactions import Interactions, from_sequences
from endcap.models.pair_counts import pair_followers
from endcap.models.pairs import freshness


def counted(sequences: list[list[int]], decay: float) -> dict[tuple[int, int], dict[int, float]]:
    rows: dict[tuple[int, int], dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for items in sequences:
        for at, newest in enumerate(items):
            for back in range(1, 4):
                for ahead in range(1, 4):
                    if at - back >= 0 and at + ahead < len(items):
                        weight = decay ** ((back - 1) / 2 + ahead - 1)
                        rows[newest, items[at - back]][items[at + ahead]] += weight
    return rows


def test_rows_are_shrunk_shares_of_what_followed_both() -> None:
    draw = np.random.default_rng(0)
    sequences = [draw.integers(0, 6, draw.integers(1, 9)).tolist() for _ in range(60)]
    data = from_sequences(sequences, 6, ordered=True)
    found = pair_followers(data, np.ones(len(data), "f4"), 0.5, 2.0, 10**6)
    expected = counted(sequences, 0.5)
    assert found.keys.tolist() == sorted(newest * 6 + earlier for newest, earlier in expected)
    for p, key in enumerate(found.keys.tolist()):
        follows = expected[divmod(key, 6)]
        span = slice(found.rows.starts[p], found.rows.starts[p + 1])
        given = dict(zip(found.rows.columns[span].tolist(), found.rows.weights[span], strict=True))
        total = sum(follows.values()) + 2.0
        assert given == pytest.approx({item: n / total for item, n in follows.items()}, rel=1e-4)


def test_only_the_newest_events_are_counted_when_memory_is_short() -> None:
    data = from_sequences([[0, 1, 2], [3, 4, 5]], 6, ordered=True)
    found = pair_followers(data, np.ones(6, "f4"), 0.5, 0.0, 3)
    assert found.keys.tolist() == [4 * 6 + 3]
    assert len(pair_followers(data, np.ones(6, "f4"), 0.5, 0.0, 0).keys) == 0


def test_freshness_halves_by_share_of_the_span() -> None:
    data = from_sequences([[0], [1], [2]], 3, ordered=True)
    assert freshness(data, 0.5).tolist() == [0.25, 0.5, 1]
    assert freshness(data, 0.0).tolist() == [1, 1, 1]
    timed = Interactions(
        np.zeros(3, "i4"), np.zeros(3, "i4"), np.zeros(3, "u1"), np.array([0, 3, 4]), ["u"], ["i"]
    )
    np.testing.assert_allclose(freshness(timed, 0.5), [0.25, 2**-0.5, 1], rtol=1e-6)
