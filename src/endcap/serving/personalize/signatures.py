"""Signature Version 4 of requests: whose they say they are, for which region, and whether that is
true."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from endcap.serving.personalize.errors import Refused

ALGORITHM, SERVICE, END = "AWS4-HMAC-SHA256", "personalize", "aws4_request"
MOST_SKEW = timedelta(minutes=15)
HASH, DATE = "x-amz-content-sha256", "x-amz-date"
_PARTS = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d", re.ASCII)
_UNRESERVED = "-_.~"

INCOMPLETE, MISSING = "IncompleteSignatureException", "MissingAuthenticationTokenException"
UNKNOWN, WRONG = "UnrecognizedClientException", "InvalidSignatureException"

RawHeaders = Sequence[tuple[bytes, bytes]]


class Signed(NamedTuple):
    """What the header Authorization says. ``day``: as YYYYMMDD."""

    key_id: str
    day: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str


class Sent(NamedTuple):
    """What of a request is signed. ``path`` and ``query`` as they stand on the wire."""

    method: str
    path: str
    query: str
    headers: RawHeaders


def header(headers: RawHeaders, name: str) -> str:
    """All values of a header, with commas between; "" for none."""
    wanted = name.encode()
    return ",".join(value.decode("latin-1") for given, value in headers if given == wanted)


def signed(headers: RawHeaders) -> Signed | None:
    """None where nothing is signed, or not in this form."""
    text = header(headers, "authorization")
    if not text.startswith(ALGORITHM):
        return None
    parts = dict(_PARTS.findall(text))
    scope = parts.get("Credential", "").rsplit("/", 4)
    if len(parts) < 3 or len(scope) != 5 or scope[4] != END:
        return None
    names = tuple(parts["SignedHeaders"].lower().split(";"))
    return Signed(scope[0], scope[1], scope[2], scope[3], names, parts["Signature"])


def region_of(headers: RawHeaders, default: str) -> str:
    """The region that a request is meant for."""
    found = signed(headers)
    return found.region if found is not None and _REGION.fullmatch(found.region) else default


def partition_of(region: str) -> str:
    """The first part of ARNs in that region."""
    begins = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
    return next((name for start, name in begins.items() if region.startswith(f"{start}-")), "aws")


def secrets_of(text: str) -> dict[str, str]:
    """ACCESS_KEY_ID:SECRET,… as a table."""
    return dict(pair.split(":", 1) for pair in text.split(",") if pair)


class Verifier:
    """``secrets``: by access key id. ``now`` gives µs since 1970."""

    def __init__(self, secrets: Mapping[str, str], now: Callable[[], int]) -> None:
        self._secrets, self._now = secrets, now

    def claim(self, sent: Sent) -> Signed:
        """What can be said before the body is read. Raises Refused."""
        found = signed(sent.headers)
        if found is None:
            has = bool(header(sent.headers, "authorization"))
            raise Refused(INCOMPLETE if has else MISSING, "signature_missing")
        if found.key_id not in self._secrets:
            raise Refused(UNKNOWN, "signature_of_nobody")
        if found.service != SERVICE or not {"host", DATE} <= set(found.headers):
            raise Refused(INCOMPLETE, "signature_incomplete")
        self._check_time(found, header(sent.headers, DATE))
        return found

    def _check_time(self, found: Signed, text: str) -> None:
        now = datetime.fromtimestamp(self._now() / 1_000_000, UTC)
        try:
            at = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise Refused(INCOMPLETE, "signature_incomplete") from None
        if abs(now - at) > MOST_SKEW or found.day != text[:8]:
            raise Refused(WRONG, "signature_expired", now=now.strftime("%Y%m%dT%H%M%SZ"))

    def verify(self, sent: Sent, found: Signed, body: bytes) -> None:
        """Raises Refused (signature_wrong)."""
        digest = hashlib.sha256(body).hexdigest()
        announced = header(sent.headers, HASH)
        expected = signature(self._secrets[found.key_id], sent, found, digest)
        fits = hmac.compare_digest(expected.encode(), found.signature.encode())
        if not fits or announced not in ("", digest):
            raise Refused(WRONG, "signature_wrong")


def signature(secret: str, sent: Sent, found: Signed, digest: str) -> str:
    """Of a body whose SHA-256 is ``digest``."""
    canonical = "\n".join(
        (
            sent.method,
            _canonical_path(sent.path),
            _canonical_query(sent.query),
            *(f"{name}:{_trimmed(header(sent.headers, name))}" for name in found.headers),
            "",
            ";".join(found.headers),
            digest,
        )
    )
    scope = f"{found.day}/{found.region}/{found.service}/{END}"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((ALGORITHM, header(sent.headers, DATE), scope, hashed))
    key = _signing_key(secret, found.day, found.region, found.service)
    return hmac.digest(key, text.encode(), "sha256").hex()


@lru_cache(maxsize=64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The same for all requests of a day."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, END):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _trimmed(value: str) -> str:
    return " ".join(value.split())


def _canonical_path(path: str) -> str:
    """Without dots and doubled slashes, and encoded once more than on the wire."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    end = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + end, safe="/~")


def _canonical_query(query: str) -> str:
    pairs = [part.partition("=") for part in query.split("&") if part]
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote(text), safe=_UNRESERVED)
