"""JSON Web Tokens (RFC 7519) signed with RS256 or ES256, checked with PyJWT.

The algorithm is the signing key's, never the token's: ``none`` and the HMAC family are refused
before any key is looked at. A token that was checked is remembered by its hash until it expires
or the signing keys change.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jwt

from endcap.adapters.jwks import SigningKeys
from endcap.control.access import SCOPES, Access
from endcap.domain.errors import Unauthorized

LEEWAY_S = 30
REMEMBERED = 2048
PERMITTED = ("RS256", "ES256")

# PyJWT's errors, the most special first, and ours
_CODES: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "token_expired"),
    (jwt.ImmatureSignatureError, "token_early"),
    (jwt.InvalidIssuerError, "token_issuer"),
    (jwt.InvalidAudienceError, "token_audience"),
    (jwt.InvalidAlgorithmError, "token_algorithm"),
    (jwt.InvalidSignatureError, "token_forged"),
)


class KeySource(Protocol):
    """Signing keys by their id; the same object until they change."""

    def keys(self, unknown: bool = False) -> SigningKeys: ...


class _Checked(NamedTuple):
    access: Access
    expires: float  # s since 1970


class JwtTokens:
    """``clock`` gives seconds since 1970. Used from one thread."""

    def __init__(
        self,
        source: KeySource,
        issuer: str,
        audience: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._keys: SigningKeys = {}
        self._checked: OrderedDict[bytes, _Checked] = OrderedDict()

    def __call__(self, text: str) -> Access:
        """What the token permits.

        Raises Unauthorized (token_malformed, token_algorithm, token_key_unknown, token_forged,
        token_claim_missing, token_expired, token_early, token_issuer, token_audience) and
        Unavailable (issuer_unreachable).
        """
        keys = self._source.keys()
        if keys is not self._keys:
            self._keys = keys
            self._checked.clear()
        mark = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
        known = self._checked.get(mark)
        if known is not None:
            if known.expires + LEEWAY_S <= self._clock():
                raise Unauthorized("token_expired")
            self._checked.move_to_end(mark)
            return known.access
        claims = self._verified(text)
        checked = _Checked(_access(claims), float(claims["exp"]))
        self._checked[mark] = checked
        if len(self._checked) > REMEMBERED:
            self._checked.popitem(last=False)
        return checked.access

    def _verified(self, text: str) -> dict[str, Any]:
        algorithm, key = self._signing_key(text)
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss"], "verify_aud": False},
            )
        except jwt.MissingRequiredClaimError as error:
            raise Unauthorized("token_claim_missing", permitted=error.claim) from None
        except jwt.PyJWTError as error:
            code = next((c for kind, c in _CODES if isinstance(error, kind)), "token_malformed")
            raise Unauthorized(code) from None
        except (TypeError, ValueError, OverflowError):  # claims of kinds that nobody foresees
            raise Unauthorized("token_malformed") from None
        self._check_audience(claims)
        return claims

    def _signing_key(self, text: str) -> tuple[str, Any]:
        try:
            header = jwt.get_unverified_header(text)
        except (jwt.PyJWTError, ValueError):
            raise Unauthorized("token_malformed") from None
        if header.get("alg") not in PERMITTED:
            raise Unauthorized("token_algorithm")
        kid = str(header.get("kid", ""))
        found = self._keys.get(kid) or self._source.keys(unknown=True).get(kid)
        if found is None:
            raise Unauthorized("token_key_unknown")
        return found

    def _check_audience(self, claims: dict[str, Any]) -> None:
        """Access tokens of Amazon Cognito name the client in ``client_id`` and have no ``aud``."""
        given = claims.get("aud", claims.get("client_id"))
        if given is None:
            raise Unauthorized("token_claim_missing", permitted="aud")
        if self._audience not in (given if isinstance(given, list) else [given]):
            raise Unauthorized("token_audience")


def _access(claims: dict[str, Any]) -> Access:
    """Scopes from ``scope`` (words, of which the part after the last ``/`` counts) and from
    ``cognito:groups`` (names). The rate is that of the subject."""
    scope, groups = claims.get("scope"), claims.get("cognito:groups")
    words = scope.split() if isinstance(scope, str) else []
    words += [name for name in groups if isinstance(name, str)] if isinstance(groups, list) else []
    named = {word.rpartition("/")[2] for word in words}
    subject = str(claims.get("sub") or claims.get("client_id") or "")
    mark = hashlib.blake2b(
        f"{claims['iss']}\0{subject}".encode("utf-8", "surrogatepass"), digest_size=8
    ).digest()
    return Access((int.from_bytes(mark, "little") >> 1) or 1, frozenset(named & set(SCOPES)))
