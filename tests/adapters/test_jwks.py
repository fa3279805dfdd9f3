"""Signing keys from their source: what is taken, when it is read, and what a failure leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from endcap.adapters.jwks import FRESH_S, LEAST_PAUSE_S, FetchedKeys, FileKeys, read_keys
from endcap.domain.errors import InvalidInput, Unavailable

URL = "https://issuer.example/jwks.json"


def entry(key: Any, **more: str) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if hasattr(key, "decrypt") else jwt.algorithms.ECAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), **more}


P256 = ec.generate_private_key(ec.SECP256R1())


def published(*kids: str) -> bytes:
    return json.dumps({"keys": [entry(P256, kid=kid) for kid in kids]}).encode()


def test_only_keys_that_can_check_our_algorithms_are_taken() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - what is refused
    other = ec.generate_private_key(ec.SECP384R1())
    keys = [
        entry(P256, kid="good"),
        entry(P256, kid="encrypts", use="enc"),
        entry(P256, kid="other-algorithm", alg="ES512"),
        entry(other, kid="other-curve"),
        entry(weak, kid="weak"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
        {"kty": "EC", "kid": "broken"},
    ]
    found = read_keys(json.dumps({"keys": keys}).encode(), URL)
    assert {kid: algorithm for kid, (algorithm, _) in found.items()} == {"good": "ES256"}


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"keys":[]}', b'{"keys":[1]}', b"\xff"])
def test_what_holds_no_key_is_named(raw: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_keys(raw, URL)
    assert (caught.value.code, caught.value.field) == ("token_keys_unreadable", URL)


def test_a_file_is_read_anew_when_it_changes_and_kept_when_it_breaks(tmp_path: Path) -> None:
    path, now = tmp_path / "jwks.json", [0.0]
    with pytest.raises(InvalidInput):
        FileKeys(path)
    path.write_bytes(published("one"))
    source = FileKeys(path, lambda: now[0])
    first = source.keys()
    for moment, raw in enumerate([published("one", "two"), b"broken"], 1):
        path.write_bytes(raw)
        os.utime(path, (moment, moment))
        assert set(source.keys()) == {"one"} or moment == 2
        now[0] += 1
        assert set(source.keys()) == {"one", "two"}
    assert source.keys() is not first
    path.unlink()
    now[0] += 1
    assert set(source.keys()) == {"one", "two"}


class Issuer:
    """A source over the network: each fetch waits until ``run``."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.body: bytes | Exception = published("one")
        self.waiting: list[Callable[[], None]] = []
        self.source = FetchedKeys(URL, self.fetch, lambda: self.now, self.waiting.append)

    def fetch(self, url: str) -> bytes:
        assert url == URL
        if isinstance(self.body, Exception):
            raise self.body
        return self.body

    def run(self) -> None:
        (act,) = self.waiting
        self.waiting.clear()
        act()


def test_no_request_waits_for_a_fetch() -> None:
    issuer = Issuer()
    with pytest.raises(Unavailable) as caught:
        issuer.source.keys()
    assert caught.value.code == "issuer_unreachable"
    issuer.run()
    assert set(issuer.source.keys()) == {"one"}
    assert issuer.waiting == []
    issuer.body = published("two")
    issuer.now += FRESH_S
    assert set(issuer.source.keys()) == {"one"}
    issuer.run()
    assert set(issuer.source.keys()) == {"two"}


def test_old_keys_stay_while_the_issuer_is_away() -> None:
    issuer = Issuer()
    issuer.run()
    issuer.now += FRESH_S
    issuer.body = OSError("away")
    for _ in range(3):
        assert set(issuer.source.keys()) == {"one"}
        issuer.run()
        assert issuer.source.keys()
        assert issuer.waiting == []  # not again at once
        issuer.now += LEAST_PAUSE_S


def test_an_unknown_key_is_asked_for_but_not_often() -> None:
    issuer = Issuer()
    issuer.run()
    issuer.source.keys(unknown=True)
    assert issuer.waiting == []  # tried a moment ago
    issuer.now += LEAST_PAUSE_S
    issuer.body = published("one", "two")
    assert set(issuer.source.keys(unknown=True)) == {"one"}
    issuer.run()
    assert set(issuer.source.keys()) == {"one", "two"}


def test_another_key_under_the_same_id_replaces_the_one_before() -> None:
    issuer = Issuer()
    issuer.run()
    before = issuer.source.keys()
    newer = ec.generate_private_key(ec.SECP256R1())
    issuer.body = json.dumps({"keys": [entry(newer, kid="one")]}).encode()
    issuer.now += FRESH_S
    issuer.source.keys()
    issuer.run()
    (_, key) = issuer.source.keys()["one"]
    assert key.public_numbers() == newer.public_key().public_numbers()
    assert issuer.source.keys() is not before
