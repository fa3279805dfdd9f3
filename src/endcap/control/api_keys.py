"""API keys: made, listed, rotated, revoked; checked without telling by time what was wrong.

A key is ``ek_<id>_<secret>``. The id is no secret and finds the document; of the secret, 256
random bits, only the SHA-256 is kept. (A slow hash protects guessable passwords; nobody guesses
256 bits.)
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from hmac import compare_digest

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from endcap.control.access import SCOPES
from endcap.domain.errors import InvalidInput, NotFound, Unauthorized
from endcap.ports import Documents

KIND = "api_key"
MARK = "ek"
SECRET_BYTES, ID_BYTES = 32, 6
MOST_NAME = 100
NO_HASH = "0" * 64  # the SHA-256 of nothing that anybody knows


class ApiKey(Struct, frozen=True):
    """Times are µs since 1970, 0: never. ``rate_per_s``, ``burst``: None as the settings say."""

    id: str  # 12 hex digits
    name: str
    hash: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int = 0
    revoked_at: int = 0
    rate_per_s: float | None = None  # 0: no limit
    burst: int | None = None
    rotated_at: int = 0
    previous_hash: str = NO_HASH  # valid until ``previous_until``
    previous_until: int = 0

    def status(self, at: int) -> str:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= at else "active"


NOBODY = ApiKey("", "", NO_HASH, (), 0)


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def secret_text(secret: bytes) -> str:
    """43 characters of URL-safe base64 for 32 bytes."""
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def key_text(key_id: str, secret: bytes) -> str:
    return f"{MARK}_{key_id}_{secret_text(secret)}"


def create(
    documents: Documents,
    key_id: bytes,
    secret: bytes,
    at: int,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: int = 0,
    rate_per_s: float | None = None,
    burst: int | None = None,
) -> ApiKey:
    """``key_id`` and ``secret``: random bytes. Raises InvalidInput: bad_scope, bad_key_name."""
    if not 1 <= len(name) <= MOST_NAME or not name.isprintable():
        raise InvalidInput("bad_key_name", field="--name", value=name, most=MOST_NAME)
    unknown = next((scope for scope in scopes if scope not in SCOPES), None if scopes else "")
    if unknown is not None:
        permitted = ", ".join(SCOPES)
        raise InvalidInput("bad_scope", field="--scope", value=unknown, permitted=permitted)
    key = ApiKey(
        id=key_id.hex(),
        name=name,
        hash=hash_of(secret_text(secret)),
        scopes=tuple(scope for scope in SCOPES if scope in scopes),
        created_at=at,
        expires_at=expires_at,
        rate_per_s=rate_per_s,
        burst=burst,
    )
    documents.put(KIND, key.id, msgspec.to_builtins(key), expected=0)
    return key


def api_keys(documents: Documents) -> list[ApiKey]:
    """All of them, in order of their ids, the revoked ones too."""
    found: list[ApiKey] = []
    after = ""
    while page := documents.query(KIND, after=after, limit=500):
        found += [msgspec.convert(document.body, ApiKey) for document in page]
        after = page[-1].key
    return found


def rotate(documents: Documents, key_id: str, secret: bytes, at: int, grace_us: int) -> ApiKey:
    """A new secret for the same key; the one before stays valid for ``grace_us``.

    Raises NotFound (unknown_key), InvalidInput (key_ended), Conflict.
    """
    key, version = _find(documents, key_id)
    if key.status(at) != "active":
        raise InvalidInput("key_ended", field="key", value=key_id)
    new = replace(
        key,
        hash=hash_of(secret_text(secret)),
        rotated_at=at,
        previous_hash=key.hash,
        previous_until=at + grace_us,
    )
    documents.put(KIND, key_id, msgspec.to_builtins(new), expected=version)
    return new


def revoke(documents: Documents, key_id: str, at: int) -> ApiKey:
    """Never valid again; the document stays. Raises NotFound (unknown_key), Conflict."""
    key, version = _find(documents, key_id)
    if not key.revoked_at:
        key = replace(key, revoked_at=at)
        documents.put(KIND, key_id, msgspec.to_builtins(key), expected=version)
    return key


def _find(documents: Documents, key_id: str) -> tuple[ApiKey, int]:
    document = documents.get(KIND, key_id)
    if document is None:
        raise NotFound("unknown_key", field="key", value=key_id)
    return msgspec.convert(document.body, ApiKey), document.version


def check(keys: Mapping[str, ApiKey], text: str, at: int) -> ApiKey:
    """The key that this text is. One hash and two comparisons of 64 characters, whatever the
    text: nothing before them depends on the secret.

    Raises Unauthorized: key_unknown; and for who knows the secret: key_revoked, key_expired,
    key_replaced.
    """
    mark, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    key = keys.get(key_id, NOBODY)
    given = hash_of(secret)
    newest = compare_digest(given, key.hash)
    before = compare_digest(given, key.previous_hash)
    if not (newest or before) or mark != MARK:
        raise Unauthorized("key_unknown")
    if key.revoked_at:
        raise Unauthorized("key_revoked")
    if not newest and key.previous_until <= at:
        raise Unauthorized("key_replaced")
    if key.expires_at and key.expires_at <= at:
        raise Unauthorized("key_expired")
    return key
