"""Which tables ENDCAP_DOCUMENTS, ENDCAP_TABLES and CustomerInterestTable name."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap.adapters.dynamodb import KINDS, DynamoDocuments
from endcap.adapters.dynamodb_log import DynamoLog
from endcap.adapters.log import FileLog
from endcap.adapters.sqlite import SqliteDocuments
from endcap.app.batch import STORED
from endcap.bootstrap.documents import OF_USERS, documents_of, events_of, log_of, names_of
from endcap.domain.errors import InvalidInput
from endcap.engagement.interests import CUSTOMER_INTEREST
from endcap.settings import Settings, load_settings


def settings(**given: str) -> Settings:
    return load_settings({"ENDCAP_DOCUMENTS": "dynamodb://shop-", **given})


def test_by_default_documents_lie_in_the_home(tmp_path: Path) -> None:
    plain = load_settings({})
    assert isinstance(documents_of(plain, "default", tmp_path), SqliteDocuments)
    assert events_of(plain, "default") is None


def test_nothing_is_asked_before_something_is_needed(tmp_path: Path) -> None:
    assert isinstance(documents_of(settings(), "default", tmp_path), DynamoDocuments)
    assert events_of(settings(), "default") is not None


def test_the_log_lies_in_the_home_unless_it_is_to_lie_beside_the_documents(tmp_path: Path) -> None:
    assert isinstance(log_of(settings(), "default", tmp_path), FileLog)
    beside = tmp_path / "beside"
    log = log_of(settings(ENDCAP_LOG="dynamodb"), "default", beside)
    assert (isinstance(log, DynamoLog), beside.exists()) == (True, False)


def test_a_log_in_dynamodb_needs_documents_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        log_of(load_settings({"ENDCAP_LOG": "dynamodb"}), "default", tmp_path)
    assert caught.value.code == "log_needs_documents"
    assert "ENDCAP_DOCUMENTS" in str(caught.value)
    with pytest.raises(InvalidInput, match="one of folder, dynamodb"):
        load_settings({"ENDCAP_LOG": "s3"})


def test_the_prefix_goes_before_and_the_group_behind() -> None:
    ours, theirs = names_of(settings(), "default"), names_of(settings(), "second")
    assert (ours.of("events"), theirs.of("events")) == ("shop-events", "shop-events.second")
    assert ours.of("documents") == theirs.of("documents") == "shop-documents"
    bare = names_of(settings(ENDCAP_DOCUMENTS="dynamodb://"), "default")
    assert bare.of("storeRecommendations") == "storeRecommendations"


def test_tables_may_have_names_of_their_own() -> None:
    given = settings(
        ENDCAP_TABLES="events=clicks,catalog=all.products", CustomerInterestTable="ci-1"
    )
    names = names_of(given, "default")
    found = [names.of(table) for table in ("events", "catalog", "CustomerInterest", "documents")]
    assert found == ["clicks", "all.products", "ci-1", "shop-documents"]
    assert names_of(given, "second").of("events") == "clicks.second"


@pytest.mark.parametrize(
    "given",
    [
        {"ENDCAP_TABLES": "events"},
        {"ENDCAP_TABLES": "events=x"},
        {"ENDCAP_TABLES": "nothing=table"},
        {"CustomerInterestTable": "a b c"},
        {"ENDCAP_DOCUMENTS": "dynamodb://a/b"},
        {"ENDCAP_DOCUMENTS": "sqlite"},
    ],
    ids=str,
)
def test_what_names_no_table_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        names_of(settings(**given), "default")
    assert caught.value.code == "bad_setting"


def test_the_kinds_of_the_shop_have_their_tables() -> None:
    assert {STORED, CUSTOMER_INTEREST, *OF_USERS} <= set(KINDS)
