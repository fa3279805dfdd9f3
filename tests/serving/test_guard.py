"""The gate before the routes: the exact answer to every wrong, late or weak key or token."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from endcap.app.intake import Intake
from endcap.app.keys import change
from endcap.bootstrap import open_shop, tokens_of
from endcap.control import api_keys
from endcap.control.access import SCOPES
from endcap.domain.errors import InvalidInput
from endcap.serving.api import Api
from endcap.serving.guard import scope_of
from endcap.serving.routes import ROUTES
from endcap.settings import load_settings

POPULAR, EVENTS = "/v1/recommendations/popular", "/v1/events"
EVENT = {"userId": "U1", "itemId": "I1", "event_type": "view"}
ISSUER, AUDIENCE = "https://issuer.example", "shop"
HOUR_US = 3_600_000_000
SECRET = bytes(range(32))


def now() -> int:
    return time.time_ns() // 1000


class Keys:
    """Makes keys of a shop as the command does."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self.made = 0

    def make(self, *scopes: str, **more: Any) -> str:
        self.made += 1
        key_id, at = self.made.to_bytes(6, "big"), now()
        more.setdefault("rate_per_s", 0)
        change(
            self.shop,
            at,
            lambda: api_keys.create(
                self.shop.documents, key_id, SECRET, at, name="a", scopes=scopes, **more
            ),
        )
        return api_keys.key_text(key_id.hex(), SECRET)

    def act(self, text: str, act: Callable[..., Any], *more: Any) -> None:
        change(self.shop, now(), lambda: act(self.shop.documents, text.split("_")[1], *more))


@pytest.fixture(scope="module")
def signers() -> dict[str, Any]:
    return {
        "rsa": rsa.generate_private_key(65537, 2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "other": rsa.generate_private_key(65537, 2048),
    }


def published(key: Any, kid: str) -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if hasattr(key, "decrypt") else jwt.algorithms.ECAlgorithm
    return {**json.loads(kind.to_jwk(key.public_key())), "kid": kid, "use": "sig"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, signers: dict[str, Any]) -> Path:
    home = tmp_path_factory.mktemp("home")
    keys = [published(signers["rsa"], "one"), published(signers["ec"], "two")]
    (home / "jwks.json").write_text(json.dumps({"keys": keys}))
    return home


@pytest.fixture(scope="module")
def guarded(ask: Any, home: Path) -> Any:
    """A shop that asks for keys and takes tokens; called as a server calls it."""
    settings = load_settings(
        {},
        home=home,
        auth="required",
        jwks=str(home / "jwks.json"),
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        cors_origins="https://shop.example, http://127.0.0.1:3000",
    )
    shop = open_shop(settings)
    shop.tokens = tokens_of(settings)
    return type(ask)(shop)


@pytest.fixture(scope="module")
def keys(guarded: Any) -> Keys:
    return Keys(guarded.shop)


@pytest.fixture(scope="module")
def token(signers: dict[str, Any]) -> Callable[..., str]:
    def make(
        signer: str = "rsa", kid: str | None = "one", alg: str = "RS256", **changed: Any
    ) -> str:
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": time.time() + 600,
                  "scope": "shop/read openid", **changed}  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        key = signers.get(signer, signer)
        return jwt.encode(claims, key, alg, headers={"kid": kid} if kid else None)

    return make


def asked(guarded: Any, *headers: tuple[str, str], method: str = "GET", path: str = POPULAR) -> Any:
    return guarded(method, path, None if method == "GET" else EVENT, headers)


def refused(told: Any) -> tuple[int, str, str, Any]:
    assert list(told.body) == ["error"]
    headers = told.headers
    return (
        told.status,
        headers["endcap-error-code"],
        headers["endcap-error-field"],
        headers.get("www-authenticate"),
    )


PLAIN, INVALID = 'Bearer realm="endcap"', 'Bearer realm="endcap", error="invalid_token"'


def test_without_a_key(guarded: Any) -> None:
    told = asked(guarded)
    assert refused(told) == (401, "key_missing", "X-Api-Key", PLAIN)
    assert told.raw == (
        b'{"error":"A key is needed: send it as X-Api-Key, or as Authorization: Bearer KEY"}'
    )
    for header in ("Basic YTpi", "Bearer", "", "ek_x"):
        assert refused(asked(guarded, ("Authorization", header)))[1] == "key_missing"


@pytest.mark.parametrize("path", ["/v1/health", "/health", "/openapi.json", "/docs"])
def test_what_stays_open(guarded: Any, path: str) -> None:
    assert guarded("GET", path).status == 200


def test_every_other_route_asks(guarded: Any) -> None:
    for route in ROUTES:
        if scope_of(route) is not None:
            path = route.path.replace("{itemId}", "I1").replace("{userId}", "U1")
            assert guarded(route.method, path).status == 401, route.name


def test_a_key_in_either_header(guarded: Any, keys: Keys) -> None:
    key = keys.make("read")
    for header in (("X-Api-Key", key), ("Authorization", f"Bearer {key}"),
                   ("authorization", f"bearer  {key}")):  # fmt: skip
        assert asked(guarded, header).status == 200
        assert guarded("HEAD", POPULAR, headers=[header]).status == 200


def test_an_unknown_or_wrong_key(guarded: Any, keys: Keys) -> None:
    key = keys.make("read")
    for wrong in (key[:-1] + "A", "ek_ffffffffffff_" + key[16:], "secret", "é"):
        told = asked(guarded, ("X-Api-Key", wrong))
        assert refused(told) == (401, "key_unknown", "X-Api-Key", INVALID)
        assert told.body == {"error": "The key is not known"}
    told = asked(guarded, ("Authorization", f"Bearer {key[:-1]}A"))
    assert refused(told) == (401, "key_unknown", "Authorization", INVALID)


def test_revoked_expired_rotated(guarded: Any, keys: Keys) -> None:
    key = keys.make("read")
    assert asked(guarded, ("X-Api-Key", key)).status == 200
    keys.act(key, api_keys.rotate, b"n" * 32, now(), HOUR_US)
    newer = api_keys.key_text(key.split("_")[1], b"n" * 32)
    for valid in (key, newer):
        assert asked(guarded, ("X-Api-Key", valid)).status == 200
    keys.act(key, api_keys.rotate, b"m" * 32, now(), 0)
    assert refused(asked(guarded, ("X-Api-Key", newer)))[:2] == (401, "key_replaced")
    assert refused(asked(guarded, ("X-Api-Key", key)))[:2] == (401, "key_unknown")
    newest = api_keys.key_text(key.split("_")[1], b"m" * 32)
    keys.act(key, api_keys.revoke, now())
    told = asked(guarded, ("X-Api-Key", newest))
    assert refused(told) == (401, "key_revoked", "X-Api-Key", INVALID)
    past = keys.make("read", expires_at=now() - 1)
    told = asked(guarded, ("X-Api-Key", past))
    assert refused(told) == (401, "key_expired", "X-Api-Key", INVALID)


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_opens_its_routes_alone(guarded: Any, keys: Keys, scope: str) -> None:
    key = ("X-Api-Key", keys.make(scope))
    for route in ROUTES:
        needed = scope_of(route)
        path = route.path.replace("{itemId}", "I1").replace("{userId}", "U1")
        told = guarded(route.method, path, headers=[key])
        if needed in (None, scope):
            assert told.status not in (401, 403), route.name
        else:
            challenge = f'{PLAIN}, error="insufficient_scope", scope="{needed}"'
            assert refused(told) == (403, "scope_missing", "X-Api-Key", challenge), route.name


def test_which_scope_a_route_needs() -> None:
    needed = {route.name: scope_of(route) for route in ROUTES}
    assert needed["personalized"] == needed["storedRecommendations"] == needed["rerank"] == "read"
    assert needed["postEvent"] == needed["putItems"] == needed["putUser"] == "write"
    assert needed["deleteUser"] == needed["metrics"] == "admin"


def test_over_its_rate(guarded: Any, keys: Keys) -> None:
    key = ("X-Api-Key", keys.make("read", rate_per_s=0.4, burst=2))
    other = ("X-Api-Key", keys.make("read", rate_per_s=0.4, burst=2))
    assert [asked(guarded, key).status for _ in range(4)] == [200, 200, 429, 429]
    told = asked(guarded, key)
    assert told.headers["endcap-error-code"] == "over_rate"
    assert told.headers["retry-after"] == "3"
    assert told.body == {"error": "More than 0.4 requests per second; try again in 3 s"}
    assert asked(guarded, other).status == 200


def bearer(guarded: Any, text: str) -> Any:
    return asked(guarded, ("Authorization", f"Bearer {text}"))


def test_tokens_of_the_issuer(guarded: Any, token: Callable[..., str]) -> None:
    for good in (token(), token("ec", "two", "ES256"), token(aud=["x", AUDIENCE]),
                 token(scope=None, **{"cognito:groups": ["read"]}),
                 token(aud=None, client_id=AUDIENCE), token(sub=None)):  # fmt: skip
        for _ in range(2):  # the second time from memory
            assert bearer(guarded, good).status == 200
    told = asked(guarded, ("Authorization", f"Bearer {token()}"), method="POST", path=EVENTS)
    assert refused(told)[:3] == (403, "scope_missing", "Authorization")


def parts(text: str, **changed: Any) -> str:
    """The token with members of its header changed, its signature kept."""
    head, claims, signature = text.split(".")
    header = json.loads(jwt.utils.base64url_decode(head)) | changed
    encoded = jwt.utils.base64url_encode(json.dumps(header).encode()).decode()
    return f"{encoded}.{claims}.{signature}"


def signed_with_the_public_key(text: str, signer: Any) -> str:
    """HMAC under what everybody can read: taken by who lets a token choose its algorithm."""
    pem = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = parts(text, alg="HS256").rpartition(".")[0]
    signature = hmac.digest(pem, signed.encode(), "sha256")
    return f"{signed}.{jwt.utils.base64url_encode(signature).decode()}"


def test_tokens_that_are_refused(
    guarded: Any, token: Callable[..., str], signers: dict[str, Any]
) -> None:
    good, at = token(), time.time()
    head, claims, signature = good.split(".")
    table = {
        "token_malformed": ["x", "a.b.c", good + ".x", f"{head}.{claims}", "x" * 9000, "ékey"],
        "token_forged": [token("other"), f"{head}.{token(sub='b').split('.')[1]}.{signature}"],
        "token_algorithm": [
            parts(good, alg="none"),
            f"{parts(good, alg='none').rpartition('.')[0]}.",
            token("k" * 32, alg="HS256"),
            signed_with_the_public_key(good, signers["rsa"]),
            token("other", alg="PS256"),
        ],
        "token_key_unknown": [token(kid="three"), token(kid=None)],
        "token_expired": [token(exp=at - 60)],
        "token_early": [token(nbf=at + 60), token(iat=at + 600)],
        "token_issuer": [token(iss="https://other.example")],
        "token_audience": [token(aud="other"), token(aud=[]), token(aud=None, client_id="x")],
        "token_claim_missing": [token(exp=None), token(iss=None), token(aud=None)],
    }
    for code, texts in table.items():
        for text in texts:
            told = bearer(guarded, text)
            assert refused(told) == (401, code, "Authorization", INVALID)
            assert text not in told.raw.decode()
    # an EC key does not check what claims to be RSA, nor the reverse
    assert refused(bearer(guarded, token(kid="two")))[1] in ("token_algorithm", "token_forged")


def test_a_token_is_late_also_when_it_is_remembered(
    guarded: Any, token: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = token()
    assert bearer(guarded, text).status == 200
    monkeypatch.setattr(guarded.shop.tokens, "_clock", lambda: time.time() + 700)
    assert refused(bearer(guarded, text))[1] == "token_expired"


def test_nothing_secret_is_logged_or_counted(
    guarded: Any, keys: Keys, token: Callable[..., str], caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    key, text = keys.make("read"), token("other")
    asked(guarded, ("X-Api-Key", key))
    asked(guarded, ("X-Api-Key", key[:-1]))
    bearer(guarded, text)
    metrics = guarded("GET", "/metrics", headers=[("X-Api-Key", keys.make("admin"))]).raw.decode()
    assert 'refusals_total{code="token_forged"}' in metrics
    for secret in (key[16:-1], text.split(".")[1], "U1"):
        assert secret not in caplog.text + metrics


def test_keys_are_told_apart_by_nothing_when_the_store_is_away(
    guarded: Any, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents that cannot be read let nobody in."""
    from endcap.domain.errors import Unavailable

    key = ("X-Api-Key", keys.make("read"))
    assert asked(guarded, key).status == 200

    def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("documents_busy", field="documents.sqlite")

    keys.make("read")
    monkeypatch.setattr(guarded.shop, "documents", SimpleNamespace(query=away))
    told = asked(guarded, key)
    assert (told.status, told.headers["endcap-error-code"]) == (503, "documents_busy")
    monkeypatch.undo()
    assert asked(guarded, key).status == 200


def test_where_tokens_are_not_set_up_they_are_unknown_keys(
    ask: Any, tmp_path: Path, token: Callable[..., str]
) -> None:
    other = type(ask)(open_shop(load_settings({}, home=tmp_path, auth="required")))
    assert refused(bearer(other, token()))[1] == "key_unknown"


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [({"jwt_issuer": ISSUER}, "token_unbound", "ENDCAP_JWT_AUDIENCE"),
     ({"jwt_audience": AUDIENCE}, "token_unbound", "ENDCAP_JWT_ISSUER")],
)  # fmt: skip
def test_tokens_need_one_issuer_and_one_audience(
    given: dict[str, str], code: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        tokens_of(load_settings({}, jwks="keys.json", **given))
    assert (caught.value.code, caught.value.field) == (code, field)


def test_an_application_built_without_more_asks_for_keys_too(guarded: Any) -> None:
    """The gate is part of the application, not of the program around it."""
    api = Api(guarded.shop, Intake(guarded.shop), now)
    assert api._guard.is_open is False
