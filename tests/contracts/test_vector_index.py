"""The contract of the port VectorIndex. A new adapter is one more line in ``INDEXES``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.adapters.pgvector import PgVectors
from endcap.adapters.postgres import Postgres
from endcap.adapters.vector_folder import FolderVectors
from endcap.domain.arrays import Float32s
from endcap.domain.errors import Conflict, InvalidInput, NotFound
from endcap.ports import VectorIndex

Open = Callable[[], VectorIndex]

# A folder of its own, and the URL of a database ("" where none is asked for) → the index
INDEXES: dict[str, Callable[[Path, str], VectorIndex]] = {
    "folder": lambda folder, _: FolderVectors(folder),
    "folder, in lists": lambda folder, _: FolderVectors(folder, exact_to=20, recall=1.0),
    "pgvector": lambda folder, url: PgVectors(Postgres(url), str(folder), "items"),
    "pgvector, indexed": lambda folder, url: PgVectors(
        Postgres(url), str(folder), "items", exact_to=20, recall=1.0
    ),
}
EXACT = ("folder", "pgvector")
EVERY = [
    pytest.param(name, marks=pytest.mark.server if "pgvector" in name else ()) for name in INDEXES
]


@pytest.fixture(params=EVERY)
def make_index(request: pytest.FixtureRequest) -> Callable[[Path], VectorIndex]:
    name = request.param
    url = request.getfixturevalue("postgres") if "pgvector" in name else ""
    return lambda folder: INDEXES[name](folder, url)


@pytest.fixture
def open_index(make_index: Callable[[Path], VectorIndex], tmp_path: Path) -> Open:
    """Each call opens the same index again, as another process would."""
    return lambda: make_index(tmp_path / "vectors")


def integers(seed: int, n: int, d: int = 4) -> Float32s:
    """Whole numbers, whose inner products are exact in whatever order they are summed."""
    return np.random.default_rng(seed).integers(-9, 10, (n, d)).astype(np.float32)


def named(n: int) -> list[str]:
    return [f"item-{number}" for number in range(n)]


def expected(ids: list[str], vectors: Float32s, query: Float32s, k: int) -> list[tuple[str, float]]:
    """The answer by definition: highest first, equal ones by id."""
    found = [(i, float(v @ query)) for i, v in zip(ids, vectors, strict=True)]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]


def answered(
    index: VectorIndex, query: Float32s, k: int, where: dict[str, list[str]] | None = None
) -> list[tuple[str, float]]:
    found = index.nearest(query[None, :], k, where).lists[0]
    return list(zip(found.ids, found.scores, strict=True))


def test_nothing_answers_before_the_first_switch(open_index: Open) -> None:
    index = open_index()
    with pytest.raises(NotFound):
        index.nearest(integers(0, 1), 3)
    index.load("v1", named(3), integers(0, 3))
    with pytest.raises(NotFound):
        index.nearest(integers(0, 1), 3)
    with pytest.raises(NotFound):
        index.vectors(["item-1"])


@settings(max_examples=8, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(n=st.integers(1, 60), k=st.integers(1, 70), seed=st.integers(0, 10**6))
def test_the_nearest_are_found_in_order(
    request: pytest.FixtureRequest,
    make_index: Callable[[Path], VectorIndex],
    tmp_path_factory: pytest.TempPathFactory,
    n: int,
    k: int,
    seed: int,
) -> None:
    index = make_index(tmp_path_factory.mktemp("vectors"))
    ids, vectors, query = named(n), integers(seed, n), integers(seed + 1, 1)[0]
    index.load("v1", ids, vectors)
    index.switch("v1")
    if request.node.callspec.params["make_index"] in EXACT:
        assert answered(index, query, k) == expected(ids, vectors, query, k)
    assert len(answered(index, query, k)) == min(n, k)


def test_many_are_asked_at_once(open_index: Open) -> None:
    index = open_index()
    index.load("v1", named(50), integers(1, 50))
    index.switch("v1")
    queries = integers(2, 3)
    found = index.nearest(queries, 5)
    assert found.version == "v1"
    assert [one.ids for one in found.lists] == [
        tuple(i for i, _ in answered(index, query, 5)) for query in queries
    ]


def test_a_filter_never_starves_the_answer(open_index: Open) -> None:
    index = open_index()
    ids, vectors, query = named(200), integers(3, 200), integers(4, 1)[0]
    department = ["rare" if n % 40 == 7 else "common" for n in range(200)]
    colour = ["red" if n % 2 else "blue" for n in range(200)]
    index.load("v1", ids, vectors, {"department": department, "colour": colour})
    index.switch("v1")
    rare = [n for n in range(200) if department[n] == "rare"]
    wanted = expected([ids[n] for n in rare], vectors[rare], query, 10)
    assert len(wanted) == 5
    assert answered(index, query, 10, {"department": ["rare"]}) == wanted
    both = {"department": ["rare", "none"], "colour": ["red"]}
    assert answered(index, query, 10, both) == wanted
    assert answered(index, query, 10, {"department": ["rare"], "colour": ["blue"]}) == []
    assert answered(index, query, 10, {"size": ["xl"]}) == []
    assert len(answered(index, query, 60, {"colour": ["blue"]})) == 60


def test_a_switch_is_seen_by_who_has_it_open(open_index: Open) -> None:
    writer, reader = open_index(), open_index()
    query = integers(5, 1)[0]
    for version, n in (("v1", 30), ("v2", 40)):
        writer.load(version, named(n), integers(n, n))
    writer.switch("v1")
    assert reader.nearest(query[None, :], 99).version == "v1"
    assert len(answered(reader, query, 99)) == 30
    writer.switch("v2")
    assert reader.nearest(query[None, :], 99).version == "v2"
    assert len(answered(reader, query, 99)) == 40
    writer.switch("v1")
    assert len(answered(reader, query, 99)) == 30
    assert len(answered(open_index(), query, 99)) == 30


def test_versions_before_the_last_two_are_dropped(open_index: Open) -> None:
    index = open_index()
    for version in ("v1", "v2", "v3", "v4"):
        index.load(version, named(3), integers(0, 3))
    index.switch("v1")
    index.switch("v3")
    index.switch("v1")
    index.switch("v4")
    with pytest.raises(NotFound) as caught:
        index.switch("v2")
    assert caught.value.value == "v2"
    index.switch("v1")


def test_what_is_loaded_is_listed(open_index: Open) -> None:
    index = open_index()
    assert index.versions() == []
    for version, n in (("v1", 40), ("v2", 3)):
        index.load(version, named(n), integers(n, n))
    index.switch("v1")
    index.erase(["item-2", "item-30"])
    told = [(v.version, v.vectors, v.dimensions, v.answers) for v in open_index().versions()]
    assert told == [("v1", 38, 4, True), ("v2", 2, 4, False)]
    assert all(0.0 < v.recall <= 1.0 for v in index.versions())


def test_a_version_is_loaded_once(open_index: Open) -> None:
    index = open_index()
    index.load("v1", named(3), integers(0, 3))
    with pytest.raises(Conflict) as caught:
        open_index().load("v1", named(3), integers(0, 3))
    assert caught.value.value == "v1"


@pytest.mark.parametrize(
    ("ids", "vectors", "labels"),
    [
        (["a", "b"], np.zeros((3, 2), np.float32), None),
        (["a", "b"], np.zeros(2, np.float32), None),
        (["a", "b"], np.array([[1.0, np.nan], [0, 0]], np.float32), None),
        (["a", "b"], np.array([[1.0, np.inf], [0, 0]], np.float32), None),
        (["a", "a"], np.zeros((2, 2), np.float32), None),
        (["a", "b"], np.zeros((2, 2), np.float32), {"colour": ["red"]}),
    ],
)
def test_what_cannot_be_searched_is_refused(
    open_index: Open, ids: list[str], vectors: Float32s, labels: dict[str, list[str]] | None
) -> None:
    index = open_index()
    with pytest.raises(InvalidInput):
        index.load("v1", ids, vectors, labels)
    with pytest.raises(NotFound):
        index.switch("v1")


def test_a_query_of_another_length_is_refused(open_index: Open) -> None:
    index = open_index()
    index.load("v1", named(30), integers(0, 30))
    index.switch("v1")
    with pytest.raises(InvalidInput):
        index.nearest(np.zeros((1, 5), np.float32), 3)


def test_vectors_are_read_back(open_index: Open) -> None:
    index, vectors = open_index(), integers(6, 50)
    index.load("v1", named(50), vectors)
    index.switch("v1")
    found = index.vectors(["item-40", "nobody", "item-3"])
    assert np.array_equal(found[[0, 2]], vectors[[40, 3]])
    assert np.isnan(found[1]).all()


def test_what_is_erased_is_gone_from_every_version(open_index: Open) -> None:
    index, query = open_index(), integers(7, 1)[0]
    colours = {"colour": ["red" if n % 2 else "blue" for n in range(60)]}
    index.load("v1", named(60), integers(8, 60), colours)
    index.load("v2", named(30), integers(9, 30))
    index.switch("v1")
    reader = open_index()
    assert len(answered(reader, query, 99)) == 60
    assert index.erase({"item-5", "item-40", "nobody"}) == 3  # item-40 is in v1 alone
    left = [n for n in range(60) if n not in (5, 40)]
    wanted = expected([f"item-{n}" for n in left], integers(8, 60)[left], query, 99)
    assert answered(reader, query, 99) == wanted
    red = {i for i, _ in answered(reader, query, 99, {"colour": ["red"]})}
    assert red == {f"item-{n}" for n in left if n % 2}
    assert np.isnan(reader.vectors(["item-5"])).all()
    index.switch("v2")
    assert len(answered(reader, query, 99)) == 29
    assert index.erase(["item-5"]) == 0


def test_everything_can_be_erased(open_index: Open) -> None:
    index = open_index()
    index.load("v1", named(30), integers(0, 30))
    index.switch("v1")
    assert index.erase(named(30)) == 30
    assert answered(open_index(), integers(0, 1)[0], 5) == []


def test_ids_may_be_any_text(open_index: Open) -> None:
    index = open_index()
    ids = ["", "é", "\U0001f600", "\ue000", "a b", "'; DROP TABLE x; --", "item\0zero"]
    index.load("v1", ids, np.zeros((7, 2), np.float32), {"'": ids})
    index.switch("v1")
    assert [i for i, _ in answered(index, np.ones(2, np.float32), 9)] == sorted(ids)
    found = answered(index, np.ones(2, np.float32), 9, {"'": ["'; DROP TABLE x; --"]})
    assert [i for i, _ in found] == ["'; DROP TABLE x; --"]
