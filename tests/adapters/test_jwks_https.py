"""Signing keys over https from a real TLS server: rotation, and an issuer that is slow, wrong,
broken or somebody else."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from endcap.adapters import jwks
from endcap.adapters.jwks import FRESH_S, LEAST_PAUSE_S, FetchedKeys, https_body, key_source
from endcap.domain.errors import InvalidInput, Unavailable

ISSUER, AUDIENCE, PATH = "https://issuer.example", "shop", "/.well-known/jwks.json"
POPULAR = "/v1/recommendations/popular"
PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)
PATIENCE_S = 60  # of the tests alone: nothing is said of how long anything takes


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class Authority:
    """A certificate authority of our own: ``pem`` is its certificate."""

    def __init__(self, folder: Path, name: str = "ours") -> None:
        self._key, self._folder = key(), folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} authority")])
        own = self._certificate(self._name, self._key.public_key(), authority=True)
        self.pem = folder / f"{name}.pem"
        self.pem.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(PEM))

    def context(self, host: str) -> ssl.SSLContext:
        """Of a server that shows a certificate for ``host``."""
        own, path = key(), self._folder / f"{host}-{id(self)}.pem"
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        shown: x509.GeneralName = x509.DNSName(host)
        with suppress(ValueError):
            shown = x509.IPAddress(ipaddress.ip_address(host))
        made = self._certificate(subject, own.public_key(), authority=False)
        made = made.add_extension(x509.SubjectAlternativeName([shown]), critical=False)
        private = own.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(private + made.sign(self._key, hashes.SHA256()).public_bytes(PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _certificate(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, authority: bool
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        usage = x509.KeyUsage(True, False, False, False, False, authority, authority, False, False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder(self._name, subject, public, x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issuer, critical=False)
        )


@dataclass
class Issuer:
    """What stands at the issuer's address; tests change it while it serves."""

    url: str = ""
    keys: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=lambda: {"one": key()})
    status: int = 200
    body: bytes | None = None  # instead of the keys
    manner: str = "at once"  # or "never", "byte by byte"
    asked: int = 0
    over: Event = field(default_factory=Event)  # the test is

    def published(self) -> bytes:
        if self.body is not None:
            return self.body
        form = jwt.algorithms.ECAlgorithm.to_jwk
        entries = [{**json.loads(form(k.public_key())), "kid": n} for n, k in self.keys.items()]
        return json.dumps({"keys": entries}).encode()

    def token(self, kid: str, signer: ec.EllipticCurvePrivateKey | None = None) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 600, "scope": "read", "sub": "u"}
        return jwt.encode(claims, signer or self.keys[kid], "ES256", headers={"kid": kid})

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        if self.manner == "never":
            self.over.wait(PATIENCE_S)
            return
        raw = self.published()
        handler.send_response(self.status)
        handler.send_header("Location", PATH)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        if self.manner == "at once":
            handler.wfile.write(raw)
            return
        for place in range(len(raw)):
            if self.over.wait(0.05):
                return
            handler.wfile.write(raw[place : place + 1])


Standing = Callable[[ssl.SSLContext], Issuer]


@pytest.fixture
def stand() -> Iterator[Standing]:
    """Put an issuer behind TLS on loopback."""
    running: list[tuple[ThreadingHTTPServer, Issuer]] = []

    def start(context: ssl.SSLContext) -> Issuer:
        issuer = Issuer()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(OSError):  # the other side hung up
                    issuer.answer(self)

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        issuer.url = f"https://127.0.0.1:{server.server_port}{PATH}"
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        running.append((server, issuer))
        return issuer

    yield start
    for server, issuer in running:
        issuer.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The one that this process trusts."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.pem))
    return made


@pytest.fixture
def issuer(stand: Standing, authority: Authority) -> Issuer:
    return stand(authority.context("127.0.0.1"))


def until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.01)


class Source:
    """The product's source with its own thread and fetch, and a clock that we turn."""

    def __init__(self, url: str) -> None:
        self.now = 1000.0
        self.source = FetchedKeys(url, clock=lambda: self.now)
        self.settle()

    def settle(self) -> None:
        until(lambda: not self.source._running)

    def later(self, seconds: float, unknown: bool = False) -> set[str]:
        self.now += seconds
        with suppress(Unavailable):
            self.source.keys(unknown)
        self.settle()
        return set(self.source.keys())


def test_keys_are_fetched_and_follow_a_rotation(issuer: Issuer) -> None:
    source = Source(issuer.url)
    assert set(source.source.keys()) == {"one"}
    issuer.keys["two"] = key()
    assert source.later(FRESH_S - 1) == {"one"}
    assert source.later(LEAST_PAUSE_S, unknown=True) == {"one", "two"}
    del issuer.keys["one"]
    assert source.later(FRESH_S) == {"two"}
    assert issuer.asked == 3


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, None), (404, None), (302, None), (200, b"<html>"), (200, b'{"keys":[]}'),
     (200, b" " * (jwks.MOST_BYTES + 1))],
    ids=["500", "404", "redirect", "html", "no key", "too long"],
)  # fmt: skip
def test_a_broken_answer_leaves_the_keys_as_they_are(
    issuer: Issuer, status: int, body: bytes | None
) -> None:
    source = Source(issuer.url)
    issuer.status, issuer.body = status, body
    issuer.keys["two"] = key()
    assert source.later(FRESH_S) == {"one"}
    assert issuer.asked == 2
    issuer.status, issuer.body = 200, None
    assert source.later(LEAST_PAUSE_S) == {"one", "two"}


@pytest.mark.parametrize("wrong", ["another authority", "another host"])
def test_nothing_is_asked_of_somebody_else(
    stand: Standing, authority: Authority, tmp_path: Path, wrong: str
) -> None:
    foreign = wrong == "another authority"
    signer = Authority(tmp_path, "foreign") if foreign else authority
    issuer = stand(signer.context("127.0.0.1" if foreign else "issuer.example"))
    with pytest.raises(ssl.SSLCertVerificationError):
        https_body(issuer.url)
    source = Source(issuer.url)
    with pytest.raises(Unavailable) as caught:
        source.source.keys()
    assert (caught.value.code, issuer.asked) == ("issuer_unreachable", 0)


@pytest.mark.parametrize("manner", ["never", "byte by byte"])
def test_a_slow_issuer_is_left_and_asked_again(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    source = Source(issuer.url)
    # The answer would take as long as the test may: that anything comes back shows the cut.
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.3)
    monkeypatch.setattr(jwks, "ANSWER_SECONDS", 0.6)
    issuer.manner, issuer.body = manner, issuer.published().ljust(10_000)
    with pytest.raises((OSError, HTTPException)):
        https_body(issuer.url)
    assert source.later(FRESH_S) == {"one"}
    issuer.manner, issuer.body = "at once", None
    issuer.keys["two"] = key()
    assert source.later(LEAST_PAUSE_S) == {"one", "two"}


@pytest.mark.parametrize("url", ["https://", "https:///keys", "https://a:b/", "https://a:99999/"])
def test_an_address_without_a_host_is_told_at_the_start(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        key_source(url)
    assert (caught.value.code, caught.value.field) == ("token_keys_unreadable", url)


def settings(issuer: Issuer, authority: Authority) -> dict[str, str]:
    return {
        "ENDCAP_AUTH": "required", "ENDCAP_JWKS": issuer.url, "ENDCAP_JWT_ISSUER": ISSUER,
        "ENDCAP_JWT_AUDIENCE": AUDIENCE, "SSL_CERT_FILE": str(authority.pem),
    }  # fmt: skip


def told(client: Any, token: str) -> tuple[int, str]:
    """(status, error code) of a request with this token."""
    answer = client.get(POPULAR, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.headers.get("endcap-error-code", "")


@pytest.mark.server
def test_a_server_follows_the_issuer(issuer: Issuer, authority: Authority, serve: Any) -> None:
    server = serve(workers=1, **settings(issuer, authority))
    with server.client() as client:
        first = issuer.token("one")
        until(lambda: told(client, first) == (200, ""))
        assert told(client, issuer.token("one", key())) == (401, "token_forged")

        issuer.keys = {"two": key()}
        second = issuer.token("two")
        assert told(client, second) == (401, "token_key_unknown")
        until(lambda: told(client, second) == (200, ""))  # ten seconds after the fetch before
        assert told(client, first) == (401, "token_key_unknown")

        issuer.status = 500
        assert told(client, second) == (200, "")
        assert told(client, first) == (401, "token_key_unknown")


@pytest.mark.server
def test_no_request_waits_for_an_issuer_that_hangs(
    issuer: Issuer, authority: Authority, serve: Any
) -> None:
    issuer.manner = "never"
    server = serve(workers=1, **settings(issuer, authority))
    with server.client() as client:
        until(lambda: issuer.asked == 1)  # and it will not answer before the test is over
        answer = client.get(POPULAR, headers={"Authorization": f"Bearer {issuer.token('one')}"})
        assert answer.status_code == 503
        assert answer.headers["endcap-error-code"] == "issuer_unreachable"
        assert int(answer.headers["retry-after"]) >= 1
        assert client.get("/v1/health").status_code == 200
        assert not issuer.over.is_set()


@pytest.mark.server
def test_a_server_takes_no_keys_from_somebody_else(
    stand: Standing, authority: Authority, tmp_path: Path, serve: Any
) -> None:
    issuer = stand(Authority(tmp_path, "foreign").context("127.0.0.1"))
    server = serve(workers=1, **settings(issuer, authority))
    log = tmp_path / "serve-0.log"
    until(lambda: "signing keys not read" in log.read_text())
    with server.client() as client:
        assert told(client, issuer.token("one")) == (503, "issuer_unreachable")
    assert issuer.asked == 0
    assert "SSLCertVerificationError" in log.read_text()
