"""Vector search: exact equals numpy, lists equal exact where all are read, damage is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.domain.arrays import Bools, Float32s
from endcap.domain.errors import Damaged, InvalidInput
from endcap.models import clusters, nearest_kernel, nearest_numpy
from endcap.models.nearest import Nearest

NO_FILTER = np.zeros(0, np.bool_)


def whole_numbers(seed: int, n: int, d: int) -> Float32s:
    """Inner products of whole numbers are exact in whatever order they are summed."""
    return np.random.default_rng(seed).integers(-9, 10, (n, d)).astype(np.float32)


def clustered(seed: int, n: int, d: int = 16) -> Float32s:
    draw = np.random.default_rng(seed)
    middles = draw.standard_normal((max(n // 50, 1), d))
    spread = 0.4 * draw.standard_normal((n, d))
    return (middles[draw.integers(0, len(middles), n)] + spread).astype(np.float32)


def filter_of(seed: int, n: int, share: float) -> Bools:
    return np.random.default_rng(seed).random(n) < share


sizes = st.tuples(st.integers(1, 200), st.integers(1, 40))
shares = st.sampled_from([0.0, 0.02, 0.5, 1.0, None])


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(1, 250), shares, st.integers(0, 10**6))
def test_exact_equals_numpy(size: tuple[int, int], k: int, share: float | None, seed: int) -> None:
    (n, d), queries = size, 3
    vectors, asked = whole_numbers(seed, n, d), whole_numbers(seed + 1, queries, d)
    allowed = NO_FILTER if share is None else filter_of(seed, n, share)
    found = np.empty((2, queries, k), np.int32), np.empty((2, queries, k), np.float32)
    whole = allowed[: len(allowed) // 8 * 8].view(np.uint64)
    for places in (np.zeros(0, np.int32), np.random.default_rng(seed).permutation(n).astype("i4")):
        for at, exact in enumerate((nearest_kernel.exact, nearest_numpy.exact)):
            exact(vectors, places, allowed, whole, asked, found[0][at], found[1][at])
        assert np.array_equal(found[0][0], found[0][1])
        assert np.array_equal(found[1][0], found[1][1], equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(1, 250), shares, st.integers(0, 10**6), st.integers(1, 9))
def test_probing_equals_numpy(
    size: tuple[int, int], k: int, share: float | None, seed: int, probes: int
) -> None:
    (n, d), queries, lists = size, 3, 7
    draw = np.random.default_rng(seed)
    vectors, asked = whole_numbers(seed, n, d), whole_numbers(seed + 1, queries, d)
    rows = draw.permutation(n).astype(np.int32)
    starts = np.sort(np.concatenate(([0, n], draw.integers(0, n + 1, lists - 1)))).astype(np.int64)
    centres = whole_numbers(seed + 2, lists, d)
    allowed = NO_FILTER if share is None else filter_of(seed, n, share)
    found = np.empty((2, queries, k), np.int32), np.empty((2, queries, k), np.float32)
    for at, probe in enumerate((nearest_kernel.probe, nearest_numpy.probe)):
        probe(
            vectors, rows, starts, centres, probes, 20, allowed, asked,
            np.empty(lists, np.float32), np.empty(lists, np.int32), found[0][at], found[1][at],
        )  # fmt: skip
    assert np.array_equal(found[0][0], found[0][1])
    assert np.array_equal(found[1][0], found[1][1], equal_nan=True)
    permitted = n if share is None else int(allowed.sum())
    assert ((found[0][0] >= 0).sum(axis=1) == min(k, permitted)).all()


def test_scores_are_inner_products() -> None:
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((500, 33)).astype(np.float32)
    query = draw.standard_normal(33).astype(np.float32)
    found = Nearest.build(vectors).top(query, 500)
    by_hand = (vectors.astype(float) @ query.astype(float))[found.rows]
    assert np.allclose(found.scores, by_hand, atol=1e-4)
    assert sorted(found.rows.tolist()) == list(range(500))
    assert (np.diff(found.scores) <= 0).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(40, 400), shares, st.integers(0, 10**6))
def test_lists_equal_exact_where_all_are_read(n: int, share: float | None, seed: int) -> None:
    vectors, asked = whole_numbers(seed, n, 8), whole_numbers(seed + 1, 4, 8)
    allowed = None if share is None else filter_of(seed, n, share)
    exact = Nearest.build(vectors).top_many(asked, 20, allowed)
    index = Nearest.build(vectors, exact_to=10, seed=seed)
    assert index.facts.lists > 1
    listed = index.top_many(asked, 20, allowed, probes=index.facts.lists)
    assert np.array_equal(exact[0], listed[0])
    assert np.array_equal(exact[1], listed[1], equal_nan=True)
    assert np.array_equal(index.vectors_at(np.arange(n, dtype=np.int32)), vectors)


def recall(index: Nearest, exact: Nearest, queries: Float32s, allowed: Bools | None) -> float:
    found, true = (i.top_many(queries, 50, allowed)[0] for i in (index, exact))
    pairs = zip(found, true, strict=True)
    return float(np.mean([np.isin(t[t >= 0], f).mean() for f, t in pairs]))


def test_the_recall_in_the_manifest_is_what_searches_reach() -> None:
    vectors = clustered(1, 6000)
    exact, index = Nearest.build(vectors), Nearest.build(vectors, exact_to=100, recall=0.9)
    facts = index.facts
    assert 1 <= facts.probes < facts.lists
    assert 0.9 <= facts.recall < 1
    own = vectors[np.random.default_rng(5).choice(6000, 500, replace=False)]
    assert recall(index, exact, own, None) == pytest.approx(facts.recall, abs=0.02)
    for share in (0.5, 0.05, 0.005):
        allowed = filter_of(2, 6000, share)
        assert recall(index, exact, own, allowed) > 0.85


def test_a_filter_that_leaves_few_is_searched_exactly() -> None:
    vectors = clustered(1, 3001)
    exact, index = Nearest.build(vectors), Nearest.build(vectors, exact_to=100)
    for at, share in enumerate((0.0, 0.002, 0.02)):
        allowed = np.concatenate(([False], filter_of(at, 3001, share)))[1:]  # lies unaligned
        assert allowed.sum() <= index.facts.enough
        for found, true in zip(
            index.top_many(vectors[:20], 30, allowed),
            exact.top_many(vectors[:20], 30, allowed), strict=True,
        ):  # fmt: skip
            assert np.array_equal(found, true, equal_nan=True)


def test_queries_unlike_the_vectors_are_tuned_for() -> None:
    vectors = clustered(1, 6000)
    queries = np.random.default_rng(3).standard_normal((400, 16)).astype(np.float32)
    own = Nearest.build(vectors, exact_to=100)
    given_ = Nearest.build(vectors, exact_to=100, queries=queries)
    exact = Nearest.build(vectors)
    assert recall(given_, exact, queries, None) >= 0.95
    assert given_.facts.probes > own.facts.probes


def test_the_same_seed_builds_the_same_index() -> None:
    vectors = clustered(4, 2000)
    one, same = (Nearest.build(vectors, exact_to=100, seed=7) for _ in range(2))
    assert one.facts == same.facts
    assert all(np.array_equal(a, b) for a, b in zip(one.arrays, same.arrays, strict=True))


def test_clusters_find_separate_groups() -> None:
    draw = np.random.default_rng(0)
    middles = np.eye(5, dtype=np.float32) * 10
    truth = draw.integers(0, 5, 400)
    vectors = (middles[truth] + draw.standard_normal((400, 5))).astype(np.float32)
    found = clusters.centres(vectors, 25, 8, draw)
    owner = clusters.assigned(vectors, found)
    for list_ in np.unique(owner):
        assert len(set(truth[owner == list_])) == 1


@pytest.mark.parametrize("exact_to", [10**6, 10])
def test_a_saved_index_answers_the_same(tmp_path: Path, exact_to: int) -> None:
    vectors = clustered(2, 800)
    index = Nearest.build(vectors, exact_to=exact_to)
    index.save(tmp_path)
    opened = Nearest.load(tmp_path)
    assert opened.facts == index.facts
    assert not opened.arrays.vectors.flags.writeable
    for a, b in zip(index.top_many(vectors[:9], 20), opened.top_many(vectors[:9], 20), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("exact_to", [10**6, 10])
def test_rows_can_be_taken_out(exact_to: int) -> None:
    vectors = whole_numbers(3, 300, 6)
    gone = np.array([0, 17, 299], np.int32)
    index = Nearest.build(vectors, exact_to=exact_to).without(gone)
    anew = Nearest.build(np.delete(vectors, gone, axis=0))
    lists = index.facts.lists or None
    listed = index.top_many(vectors[:5], 30, probes=lists)
    assert np.array_equal(listed[0], anew.top_many(vectors[:5], 30)[0])


DAMAGES = {
    "a file is missing": lambda folder: (folder / "rows.npy").unlink(),
    "vectors are cut": lambda folder: shorten(folder / "vectors.npy"),
    "the manifest is cut": lambda folder: shorten(folder / "manifest.json"),
    "another format": lambda folder: change(folder, "format", 9),
    "other lists": lambda folder: change(folder, "facts", {"lists": 3}),
    "a row twice": lambda folder: np.save(folder / "rows.npy", np.zeros(800, np.int32)),
    "rows beyond": lambda folder: np.save(folder / "rows.npy", np.full(800, 2**31 - 1, np.int32)),
    "lists fall": lambda folder: fall(folder / "starts.npy"),
    "another type": lambda folder: np.save(folder / "vectors.npy", np.zeros((800, 16))),
    "a pickle": lambda folder: np.save(folder / "rows.npy", np.array([{}]), allow_pickle=True),
}


def fall(path: Path) -> None:
    starts = np.load(path)
    starts[1:-1] = starts[1:-1][::-1]
    np.save(path, starts)


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def change(folder: Path, name: str, value: object) -> None:
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(msgspec.json.encode({**manifest, name: value}))


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_refused(tmp_path: Path, damage: str) -> None:
    Nearest.build(clustered(2, 800), exact_to=10).save(tmp_path)
    DAMAGES[damage](tmp_path)
    with pytest.raises(Damaged) as caught:
        Nearest.load(tmp_path)
    assert (caught.value.code, caught.value.value) == ("vectors_unreadable", str(tmp_path))


@pytest.mark.parametrize(
    ("vectors", "code"),
    [
        (np.zeros(3, np.float32), "bad_vectors"),
        (np.zeros((3, 0), np.float32), "bad_vectors"),
        (np.array([["a"]]), "bad_vectors"),
        (np.array([[0.0], [np.nan]]), "vector_not_finite"),
    ],
)
def test_what_is_no_vector_is_refused(vectors: Float32s, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Nearest.build(vectors)
    assert caught.value.code == code


def test_a_query_needs_the_same_length() -> None:
    with pytest.raises(InvalidInput):
        Nearest.build(np.ones((3, 4), np.float32)).top(np.ones(5, np.float32), 1)
