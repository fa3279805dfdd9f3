"""The signing keys of a token issuer (JWKS, RFC 7517), from a file or over https.

Keys once read stay in use while their source cannot be read. A file is looked at again once a
second; a URL is fetched in a thread, every five minutes and when a token names an unknown key,
so that no request waits for it. An issuer that answers byte by byte is cut off.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from threading import Thread, Timer
from typing import Any
from urllib.parse import urlsplit

import jwt

from endcap.domain.errors import InvalidInput, Unavailable

log = logging.getLogger("endcap.tokens")

MOST_BYTES = 1 << 20
FETCH_SECONDS = 5.0  # most for each of: an address, the handshake, a pause within the answer
ANSWER_SECONDS = 10.0  # most for request and answer together
FRESH_S = 300.0
LEAST_PAUSE_S = 10.0
LEAST_RSA_BITS = 2048
ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}

SigningKeys = dict[str, tuple[str, Any]]  # kid → (algorithm, public key)


def read_keys(raw: bytes, source: str) -> SigningKeys:
    """The keys that can check RS256 or ES256; others are passed over.

    Raises InvalidInput (token_keys_unreadable) when none is left.
    """
    found: SigningKeys = {}
    try:
        given = json.loads(raw)["keys"]
        for entry in given:
            if entry.get("use", "sig") == "sig" and entry.get("kty") in ALGORITHMS:
                _add(found, entry)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        reason = type(error).__name__
        raise InvalidInput("token_keys_unreadable", field=source, reason=reason) from None
    if not found:
        raise InvalidInput("token_keys_unreadable", field=source, reason="none in it")
    return found


def _add(found: SigningKeys, entry: dict[str, Any]) -> None:
    algorithm = ALGORITHMS[entry["kty"]]
    if entry.get("alg", algorithm) != algorithm:
        return
    public = {name: value for name, value in entry.items() if name not in ("d", "p", "q")}
    try:
        key = jwt.PyJWK(public, algorithm).key
    except jwt.PyJWTError:
        return
    bits = key.key_size
    if bits >= LEAST_RSA_BITS if algorithm == "RS256" else bits == 256:
        found[str(entry.get("kid", ""))] = (algorithm, key)


class FileKeys:
    """Signing keys in a file, read anew when it changes."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises InvalidInput (token_keys_unreadable): a wrong file is told at the start."""
        self._path = path
        self._clock = clock
        self._looked = clock()
        self._stamp, self._keys = self._read()

    def keys(self, unknown: bool = False) -> SigningKeys:
        """The same object until the file has changed. ``unknown``: a token named another key."""
        now = self._clock()
        if unknown or now - self._looked >= 1:
            self._looked = now
            try:
                if self._path.stat().st_mtime_ns != self._stamp:
                    self._stamp, self._keys = self._read()
            except (OSError, InvalidInput) as error:
                log.warning(
                    "signing keys not read", extra={"facts": {"kind": type(error).__name__}}
                )
        return self._keys

    def _read(self) -> tuple[int, SigningKeys]:
        try:
            stamp = self._path.stat().st_mtime_ns
            return stamp, read_keys(self._path.read_bytes(), str(self._path))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InvalidInput(
                "token_keys_unreadable", field=str(self._path), reason=reason
            ) from None


class FetchedKeys:
    """Signing keys at an https URL. ``start`` runs a function beside the caller."""

    def __init__(
        self,
        url: str,
        fetch: Callable[[str], bytes] | None = None,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self._url = url
        self._fetch = fetch or https_body
        self._clock = clock
        self._start = start or _in_thread
        self._keys: SigningKeys = {}
        self._read_at = self._tried_at = float("-inf")
        self._running = False
        self._refresh()

    def keys(self, unknown: bool = False) -> SigningKeys:
        """Raises Unavailable (issuer_unreachable) until they were read once."""
        if unknown or self._clock() - self._read_at >= FRESH_S:
            self._refresh()
        if not self._keys:
            raise Unavailable("issuer_unreachable")
        return self._keys

    def _refresh(self) -> None:
        now = self._clock()
        if not self._running and now - self._tried_at >= LEAST_PAUSE_S:
            self._running, self._tried_at = True, now
            self._start(self._read)

    def _read(self) -> None:
        try:
            self._keys = read_keys(self._fetch(self._url), self._url)
            self._read_at = self._clock()
        except (OSError, HTTPException, InvalidInput) as error:
            log.warning("signing keys not read", extra={"facts": {"kind": type(error).__name__}})
        finally:
            self._running = False


def _in_thread(run: Callable[[], None]) -> None:
    Thread(target=run, daemon=True, name="jwks").start()


def https_body(url: str) -> bytes:
    """The body of a 200; redirects are not followed. Raises OSError, HTTPException."""
    parts = urlsplit(url)
    connection = HTTPSConnection(parts.hostname or "", parts.port, timeout=FETCH_SECONDS)
    try:
        connection.connect()
        with _cut_after(connection.sock, ANSWER_SECONDS):
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read(MOST_BYTES + 1)
    finally:
        connection.close()
    if answer.status != 200 or len(body) > MOST_BYTES or answer.length:  # bytes that never came
        raise OSError(f"status {answer.status}, {len(body)} bytes")
    return body


@contextmanager
def _cut_after(sock: socket.socket, seconds: float) -> Iterator[None]:
    """End the connection then: a time-out of the socket begins anew with each byte that comes."""

    def cut() -> None:
        with suppress(OSError):  # beneath TLS, whose own shutdown would ask the other side
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    timer = Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def key_source(source: str) -> FileKeys | FetchedKeys:
    """``source``: an https URL or the path of a file.

    Raises InvalidInput (token_keys_unreadable): a wrong file or address is told at the start.
    """
    if not source.lower().startswith("https://"):
        return FileKeys(Path(source.removeprefix("file://")).expanduser())
    try:
        named = bool(urlsplit(source).hostname) and urlsplit(source).port != 0
    except ValueError:
        named = False
    if not named:
        reason = "no host, or no port from 1 to 65535"
        raise InvalidInput("token_keys_unreadable", field=source, reason=reason)
    return FetchedKeys(source)
