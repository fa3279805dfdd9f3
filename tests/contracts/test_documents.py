"""The contract of the port Documents. A new adapter is one more line in ``STORES``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from endcap.adapters.dynamodb import DynamoDocuments
from endcap.adapters.dynamodb_calls import DynamoCalls
from endcap.adapters.dynamodb_tables import DOCUMENTS, TABLES, Names, Table, create
from endcap.adapters.sqlite import SqliteDocuments
from endcap.domain.errors import Conflict, InvalidInput
from endcap.ports import Document, Documents

Open = Callable[[], Documents]


def sqlite(request: pytest.FixtureRequest, folder: Path) -> Open:
    return lambda: SqliteDocuments(folder / "documents.sqlite")


def dynamodb(
    request: pytest.FixtureRequest, folder: Path, own: dict[str, Table] | None = None
) -> Open:
    """New tables each time; ``own``: kinds with a table of their own."""
    aws: Any = request.getfixturevalue("aws")
    names = Names(prefix=aws.name("t") + "-")
    client = aws.client("dynamodb")
    create(client, names, [TABLES[DOCUMENTS], *(own or {}).values()])
    calls = DynamoCalls(make=lambda: client)
    return lambda: DynamoDocuments(calls, names, own or {})


def dynamodb_own_tables(request: pytest.FixtureRequest, folder: Path) -> Open:
    kinds = ("kind", "one", "two", "notes", "campaign")
    own = {kind: Table(f"{kind}-rows", "user_id", members=("user_id",)) for kind in kinds}
    return dynamodb(request, folder, own)


STORES = {
    "sqlite": pytest.param(sqlite),
    "dynamodb": pytest.param(dynamodb, marks=pytest.mark.server),
    "dynamodb, own tables": pytest.param(dynamodb_own_tables, marks=pytest.mark.server),
}
# Where a store does less than the port says: why, and what it raises instead.
NO_EMPTY_KEY = {"dynamodb, own tables": ("DynamoDB takes no empty text as a key", InvalidInput)}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
awkward = st.text(
    st.sampled_from(["a", "%", "_", "\0", "\U0010ffff", "\ud7ff", "\ue000", "é", "\U00010000"]),
    max_size=4,
)


@pytest.fixture(params=STORES.values(), ids=STORES)
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Each call opens the same store again, as another process would."""
    opened: Open = request.param(request, tmp_path)
    return opened


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of the store at hand."""
    return request.node.callspec.id


def keys(documents: list[Document]) -> list[str]:
    return [document.key for document in documents]


def test_an_unknown_document_is_none(open_store: Open) -> None:
    assert open_store().get("campaign", "default") is None


def test_what_was_put_is_read_back_whole(open_store: Open) -> None:
    body = {"text": "ü\0\U0001f600", "list": [1, 2.5, None, True], "map": {"a": {}}, "": "empty"}
    store = open_store()
    store.put("kind", "key", body)
    assert store.get("kind", "key") == Document("key", 1, body)
    assert open_store().get("kind", "key") == Document("key", 1, body)


def test_versions_count_the_writes(open_store: Open) -> None:
    store = open_store()
    assert [store.put("kind", "key", {"n": n}) for n in range(3)] == [1, 2, 3]
    document = store.get("kind", "key")
    assert document == Document("key", 3, {"n": 2})


def test_kinds_do_not_meet(open_store: Open) -> None:
    store = open_store()
    store.put("one", "key", {"n": 1})
    store.put("two", "key", {"n": 2})
    assert store.delete("one", "key")
    assert store.get("one", "key") is None
    assert keys(store.query("two")) == ["key"]


def test_put_expecting_nothing_refuses_what_stands(open_store: Open) -> None:
    store = open_store()
    assert store.put("kind", "key", {}, expected=0) == 1
    with pytest.raises(Conflict) as caught:
        store.put("kind", "key", {"n": 2}, expected=0)
    assert (caught.value.code, caught.value.value) == ("document_changed", 0)
    assert store.get("kind", "key") == Document("key", 1, {})


@pytest.mark.parametrize("expected", [1, 3])
def test_put_expecting_another_version_is_refused(open_store: Open, expected: int) -> None:
    store = open_store()
    store.put("kind", "key", {"n": 1})
    store.put("kind", "key", {"n": 2}, expected=1)
    with pytest.raises(Conflict) as caught:
        store.put("kind", "key", {"n": 3}, expected=expected)
    assert (caught.value.value, caught.value.facts) == (expected, {"standing": 2})
    assert store.get("kind", "key") == Document("key", 2, {"n": 2})


def test_put_expecting_a_version_of_nothing_is_refused(open_store: Open) -> None:
    store = open_store()
    with pytest.raises(Conflict):
        store.put("kind", "key", {}, expected=1)
    assert store.get("kind", "key") is None


def test_delete_says_whether_there_was_one(open_store: Open) -> None:
    store = open_store()
    store.put("kind", "key", {})
    assert store.delete("kind", "key")
    assert not store.delete("kind", "key")
    assert not store.delete("kind", "key", expected=0)


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_delete_expecting_another_version_is_refused(open_store: Open, expected: int) -> None:
    store = open_store()
    store.put("kind", "key", {})
    store.put("kind", "key", {})
    with pytest.raises(Conflict):
        store.delete("kind", "key", expected=expected)
    assert store.delete("kind", "key", expected=2)
    with pytest.raises(Conflict):
        store.delete("kind", "key", expected=2)


def test_a_document_put_again_after_its_deletion_counts_from_one(open_store: Open) -> None:
    store = open_store()
    store.put("kind", "key", {})
    store.put("kind", "key", {})
    store.delete("kind", "key")
    assert store.put("kind", "key", {}, expected=0) == 1


def test_put_many_writes_all_and_counts_versions(open_store: Open) -> None:
    store = open_store()
    store.put("kind", "b", {"n": 0})
    store.put_many("kind", {key: {"n": n} for n, key in enumerate("abc")})
    store.put_many("kind", {})
    documents = store.query("kind")
    assert [(d.key, d.version, d.body["n"]) for d in documents] == [
        ("a", 1, 0),
        ("b", 2, 1),
        ("c", 1, 2),
    ]


def test_put_many_of_thousands(open_store: Open) -> None:
    store = open_store()
    store.put_many("kind", {f"{n:05d}": {"n": n} for n in range(3000)})
    assert len(store.query("kind", limit=5000)) == 3000


def test_query_pages_through_everything_in_order(open_store: Open) -> None:
    store = open_store()
    names = [f"{n:03d}" for n in range(25)]
    store.put_many("kind", {name: {} for name in reversed(names)})
    found: list[str] = []
    while page := store.query("kind", after=found[-1] if found else "", limit=10):
        assert len(page) <= 10
        found += keys(page)
    assert found == names


def test_query_joins_prefix_and_after(open_store: Open) -> None:
    store = open_store()
    store.put_many("kind", {key: {} for key in ["a", "ba", "bb", "bc", "c"]})
    assert keys(store.query("kind", prefix="b", after="ba")) == ["bb", "bc"]
    assert keys(store.query("kind", prefix="b", after="a")) == ["ba", "bb", "bc"]
    assert keys(store.query("kind", prefix="b", after="c")) == []
    assert keys(store.query("kind", prefix="b", limit=0)) == []


def test_an_empty_key_is_a_key(open_store: Open, name: str) -> None:
    store = open_store()
    if name in NO_EMPTY_KEY:
        with pytest.raises(NO_EMPTY_KEY[name][1]):
            store.put("kind", "", {"n": 1})
        assert store.get("kind", "") is None
        return
    store.put("kind", "", {"n": 1})
    assert store.get("kind", "") == Document("", 1, {"n": 1})
    assert keys(store.query("kind")) == [""]


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(stored=st.sets(texts | awkward, max_size=12), prefix=awkward | texts, after=awkward | texts)
def test_query_is_right_for_every_text(
    open_store: Open, name: str, stored: set[str], prefix: str, after: str
) -> None:
    store = open_store()
    stored -= {""} if name in NO_EMPTY_KEY else set()
    for left in store.query("kind"):
        store.delete("kind", left.key)
    store.put_many("kind", {key: {} for key in stored})
    expected = sorted(key for key in stored if key.startswith(prefix) and key > after)
    if not after:  # the default: everything, an empty key too
        expected = sorted(key for key in stored if key.startswith(prefix))
    assert keys(store.query("kind", prefix=prefix, after=after)) == expected


def test_text_that_is_no_unicode_is_refused(open_store: Open) -> None:
    store = open_store()
    for call in (store.get, store.delete, store.query):
        with pytest.raises(InvalidInput) as caught:
            call("kind", "a\ud800")
        assert caught.value.code == "bad_key"


def test_one_of_many_threads_wins_each_version(open_store: Open) -> None:
    """Every thread adds by compare-and-set; no addition is lost."""
    store = open_store()
    store.put("kind", "sum", {"n": 0})

    def add() -> None:
        done = 0
        while done < 10:
            standing = store.get("kind", "sum")
            assert standing is not None
            try:
                store.put("kind", "sum", {"n": standing.body["n"] + 1}, standing.version)
            except Conflict:
                continue
            done += 1

    threads = [Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("kind", "sum") == Document("sum", 41, {"n": 40})


def test_what_stands_survives_a_scrub(open_store: Open) -> None:
    store = open_store()
    store.put_many("notes", {f"key-{n}": {"text": "gone " * 20} for n in range(50)})
    store.put("notes", "key-0", {"text": "new"})
    for n in range(1, 49):
        store.delete("notes", f"key-{n}")
    store.scrub()
    assert keys(open_store().query("notes")) == ["key-0", "key-49"]
    assert open_store().get("notes", "key-0") == Document("key-0", 2, {"text": "new"})
