"""Who was erased, for whoever has neither log nor lake; the secret that hosts share."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap.adapters.sqlite import SqliteDocuments
from endcap.app.forgotten import OPEN_RECEIPTS, RECEIPTS, Receipts, shared_pepper
from endcap.app.signals import read_signal
from endcap.bootstrap.places import PEPPER_FILE, pepper_of
from endcap.domain.errors import InvalidInput
from endcap.domain.streams import is_about

DEEP = b'{"userId":"u","x":' + b"[" * 200_000


def test_hosts_with_the_same_documents_have_the_same_secret(tmp_path: Path) -> None:
    documents = SqliteDocuments(tmp_path / "documents.sqlite")
    assert shared_pepper(documents) == ""
    homes = [tmp_path / str(n) for n in range(2)]
    found = {pepper_of(home, documents) for home in homes}
    assert found == {shared_pepper(documents)}
    assert len(found.pop()) == 32


def test_the_secret_that_the_home_had_is_the_one_that_is_shared(tmp_path: Path) -> None:
    own = pepper_of(tmp_path)
    assert pepper_of(tmp_path) == own == (tmp_path / PEPPER_FILE).read_text()
    documents = SqliteDocuments(tmp_path / "documents.sqlite")
    assert pepper_of(tmp_path, documents) == own
    assert pepper_of(tmp_path / "another", documents) == own


def test_receipts_say_who_was_erased_and_when(tmp_path: Path) -> None:
    documents = SqliteDocuments(tmp_path / "documents.sqlite")
    receipts = Receipts(documents, lambda: "pepper")
    assert not receipts.any()
    for kind, at in ((RECEIPTS, 5), (OPEN_RECEIPTS, 9), (RECEIPTS, 7)):
        documents.put(kind, f"{receipts.key('gone')}-{at:017d}", {"at": at})
    assert receipts.any()
    assert (receipts.at("gone"), receipts.at("stays")) == (9, 0)
    assert "gone" not in receipts.key("gone")


def test_a_record_that_is_nested_too_deep_is_a_bad_record_and_can_be_erased() -> None:
    with pytest.raises(InvalidInput) as raised:
        read_signal(DEEP, 0)
    assert raised.value.code == "bad_record"
    assert is_about(DEEP, '"u"')
    assert not is_about(DEEP, "somebody")
