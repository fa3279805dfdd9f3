"""API keys: what is kept, when they are valid, and that every check does the same work."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.adapters.sqlite import SqliteDocuments
from endcap.control import api_keys
from endcap.control.api_keys import ApiKey, check, key_text
from endcap.domain.errors import EndcapError, InvalidInput, NotFound, Unauthorized

AT = 1_755_369_000_000_000
HOUR = 3_600_000_000
ID, SECRET, NEWER = b"\x01\x02\x03\x04\x05\x06", bytes(range(32)), bytes(range(100, 132))
TEXT = key_text(ID.hex(), SECRET)


@pytest.fixture
def documents(tmp_path: Path) -> SqliteDocuments:
    return SqliteDocuments(tmp_path / "documents.sqlite")


def make(documents: SqliteDocuments, **more: Any) -> ApiKey:
    given = {"name": "shop", "scopes": ("write", "read"), **more}
    return api_keys.create(documents, ID, SECRET, AT, **given)


def ring(documents: SqliteDocuments) -> dict[str, ApiKey]:
    return {key.id: key for key in api_keys.api_keys(documents)}


def refusal(keys: dict[str, ApiKey], text: str, at: int = AT) -> str:
    with pytest.raises(Unauthorized) as caught:
        check(keys, text, at)
    assert caught.value.status == 401
    return caught.value.code


def test_a_key_is_its_id_and_256_random_bits() -> None:
    assert TEXT == "ek_010203040506_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def test_a_made_key_is_known_and_only_its_hash_is_kept(
    documents: SqliteDocuments, tmp_path: Path
) -> None:
    key = make(documents)
    assert check(ring(documents), TEXT, AT) == key
    assert key.scopes == ("read", "write")
    secret = TEXT.rpartition("_")[2].encode()
    for path in tmp_path.rglob("*"):
        raw = path.read_bytes()
        assert secret not in raw
        assert SECRET not in raw
    assert key.hash.encode() in b"".join(p.read_bytes() for p in tmp_path.rglob("*"))


WRONG = [
    "", "_", "__", "ek", "ek__", "ek_010203040506", "ek_010203040506_", TEXT[:-1], TEXT + "x",
    TEXT.replace("ek_", "EK_"), TEXT.replace("010203040506", "010203040507"), TEXT[3:],
    "ek_010203040506_" + "A" * 43, "ek__" + TEXT[16:], "ek_x_" + "é" * 9, TEXT + "\0",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_key_is_unknown(documents: SqliteDocuments, text: str) -> None:
    make(documents)
    assert refusal(ring(documents), text) == "key_unknown"


@given(st.text(max_size=80))
def test_no_text_but_the_key_is_taken(text: str) -> None:
    key = ApiKey(ID.hex(), "a", api_keys.hash_of(TEXT[16:]), ("read",), AT)
    if text != TEXT:
        assert refusal({key.id: key}, text) == "key_unknown"


def test_expiry(documents: SqliteDocuments) -> None:
    make(documents, expires_at=AT + HOUR)
    assert check(ring(documents), TEXT, AT + HOUR - 1)
    assert refusal(ring(documents), TEXT, AT + HOUR) == "key_expired"


def test_revocation_is_for_good(documents: SqliteDocuments) -> None:
    make(documents)
    first = api_keys.revoke(documents, ID.hex(), AT + 5)
    assert api_keys.revoke(documents, ID.hex(), AT + 9) == first
    assert refusal(ring(documents), TEXT) == "key_revoked"
    with pytest.raises(InvalidInput) as caught:
        api_keys.rotate(documents, ID.hex(), NEWER, AT, HOUR)
    assert caught.value.code == "key_ended"


def test_rotation_keeps_the_secret_before_for_its_grace(documents: SqliteDocuments) -> None:
    make(documents)
    api_keys.rotate(documents, ID.hex(), NEWER, AT, HOUR)
    keys, newer = ring(documents), key_text(ID.hex(), NEWER)
    assert check(keys, newer, AT + 9 * HOUR)
    assert check(keys, TEXT, AT + HOUR - 1)
    assert refusal(keys, TEXT, AT + HOUR) == "key_replaced"
    api_keys.rotate(documents, ID.hex(), bytes(32), AT + 1, 0)
    assert refusal(ring(documents), newer, AT + 1) == "key_replaced"
    assert refusal(ring(documents), TEXT, AT) == "key_unknown"


@pytest.mark.parametrize("text", [TEXT, *WRONG])
@pytest.mark.parametrize("state", ["sound", "revoked", "expired", "rotated"])
def test_every_check_does_the_same_work(
    documents: SqliteDocuments, monkeypatch: pytest.MonkeyPatch, text: str, state: str
) -> None:
    """One hash of the secret, two comparisons of 64 characters in constant time: always."""
    make(documents, expires_at=AT + HOUR if state == "expired" else 0)
    if state == "revoked":
        api_keys.revoke(documents, ID.hex(), AT)
    if state == "rotated":
        api_keys.rotate(documents, ID.hex(), NEWER, AT, 0)
    hashed, compared = [], []

    def hash_of(secret: str, real: Any = api_keys.hash_of) -> Any:
        hashed.append(secret)
        return real(secret)

    def compare(one: str, other: str, real: Any = api_keys.compare_digest) -> Any:
        compared.append((len(one), len(other)))
        return real(one, other)

    keys = ring(documents)
    monkeypatch.setattr(api_keys, "hash_of", hash_of)
    monkeypatch.setattr(api_keys, "compare_digest", compare)
    with suppress(Unauthorized):
        check(keys, text, AT + HOUR)
    assert len(hashed) == 1
    assert compared == [(64, 64), (64, 64)]


@pytest.mark.parametrize(
    ("given", "code", "value"),
    [({"scopes": ("read", "all")}, "bad_scope", "all"), ({"scopes": ()}, "bad_scope", ""),
     ({"name": ""}, "bad_key_name", ""), ({"name": "a\nb"}, "bad_key_name", "a\nb"),
     ({"name": "x" * 101}, "bad_key_name", "x" * 101)],
)  # fmt: skip
def test_a_key_that_cannot_be_made(
    documents: SqliteDocuments, given: dict[str, Any], code: str, value: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        make(documents, **given)
    assert (caught.value.code, caught.value.value) == (code, value)
    assert ring(documents) == {}


def test_an_unknown_key_cannot_be_changed(documents: SqliteDocuments) -> None:
    for change in (
        lambda: api_keys.revoke(documents, "ffff", AT),
        lambda: api_keys.rotate(documents, "ffff", NEWER, AT, 0),
    ):
        with pytest.raises(NotFound) as caught:
            change()
        assert caught.value.code == "unknown_key"


def test_the_id_is_taken_once(documents: SqliteDocuments) -> None:
    make(documents)
    with pytest.raises(EndcapError):
        make(documents)
