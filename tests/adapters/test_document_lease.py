"""One holder at a time, over all machines; what becomes of a holder that died or stood still."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Event, Thread

import pytest

from endcap.adapters.document_lease import KIND, document_lease
from endcap.adapters.sqlite import SqliteDocuments
from endcap.domain.errors import Conflict

HELD_S = 0.4


def documents(folder: Path) -> SqliteDocuments:
    return SqliteDocuments(folder / "documents.sqlite")


def test_one_holds_it_at_a_time_and_for_as_long_as_it_works(tmp_path: Path) -> None:
    inside, most, turns = 0, 0, 0

    def work(seconds: float) -> None:
        nonlocal inside, most, turns
        with document_lease(documents(tmp_path), "maintenance", HELD_S):
            inside, turns = inside + 1, turns + 1
            most = max(most, inside)
            time.sleep(seconds)
            inside -= 1

    workers = [Thread(target=work, args=(seconds,)) for seconds in (3 * HELD_S, 0.05, 0.05, 0.05)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (most, turns) == (1, 4)


def test_leases_of_two_names_are_two(tmp_path: Path) -> None:
    with document_lease(documents(tmp_path), "a"), document_lease(documents(tmp_path), "b"):
        pass


def test_who_died_with_it_is_waited_for_once(tmp_path: Path) -> None:
    documents(tmp_path).put(KIND, "maintenance", {"holder": "dead"})
    began = time.monotonic()
    with document_lease(documents(tmp_path), "maintenance", HELD_S):
        assert time.monotonic() - began >= HELD_S
    began = time.monotonic()
    with document_lease(documents(tmp_path), "maintenance", 3600):
        assert time.monotonic() - began < 30  # it was given back: nobody waits


def test_who_stood_still_for_too_long_is_told(tmp_path: Path) -> None:
    store, taken = documents(tmp_path), Event()

    def stand_still() -> None:
        with document_lease(store, "maintenance", HELD_S):
            standing = store.get(KIND, "maintenance")
            assert standing is not None
            store.put(KIND, "maintenance", {"holder": "another"}, expected=standing.version)
            taken.set()
            time.sleep(HELD_S)

    with pytest.raises(Conflict) as caught:
        stand_still()
    assert (caught.value.code, taken.is_set()) == ("lease_lost", True)
    standing = store.get(KIND, "maintenance")
    assert standing is not None
    assert standing.body == {"holder": "another"}  # what another holds is not given back


def test_what_goes_wrong_inside_gives_it_back(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), document_lease(documents(tmp_path), "maintenance"):
        raise RuntimeError
    with document_lease(documents(tmp_path), "maintenance", 3600):
        pass
