"""Signature Version 4, as botocore signs and as others spoil it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from endcap.domain.setting import Hidden
from endcap.serving.personalize.signatures import (
    Sent,
    Verifier,
    region_of,
    secrets_of,
    signed,
)

KEYS = Hidden("AKIDONE:first/secret+=,AKIDTWO:second")
TARGET = (b"x-amz-target", b"AmazonPersonalize.ListSchemas")
URL = "http://127.0.0.1:8000/personalize"
Headers = list[tuple[bytes, bytes]]


def headers_of(
    url: str = URL,
    key: str = "AKIDTWO",
    secret: str = "second",  # noqa: S107 - of this test
    body: bytes = b"{}",
    service: str = "personalize",
    **more: str,
) -> Headers:
    """What botocore would send, signed now."""
    given = {"X-Amz-Target": "AmazonPersonalize.ListSchemas", **more}
    request = AWSRequest("POST", url, data=body, headers=given)
    SigV4Auth(Credentials(key, secret), service, "eu-west-1").add_auth(request)
    found = {name.lower(): value for name, value in request.headers.items()}
    found.setdefault("host", urlsplit(url).netloc)
    return [(name.encode(), str(value).encode()) for name, value in found.items()]


def changed(headers: Headers, name: str, change: Callable[[str], str]) -> Headers:
    return [(n, change(v.decode()).encode() if n == name.encode() else v) for n, v in headers]


@pytest.fixture
def wire(make_wire: Any) -> Any:
    return make_wire(
        {"ListSchemas": {"schemas": []}},
        {"GetRecommendations": {"itemList": []}},
        personalize_keys=KEYS,
        auth="required",
    )


def kind_of(wire: Any, headers: Headers, body: bytes = b"{}", path: str = "/personalize") -> str:
    status, told, _ = wire.bridge.ask("POST", path, headers, body)
    if status == 200:
        return "ok"
    assert status in (400, 403)
    assert not wire.table.asked
    return str(told["x-amzn-errortype"])


def test_who_signs_with_a_key_that_is_known_may_ask(wire: Any) -> None:
    for key, secret in (("AKIDONE", "first/secret+="), ("AKIDTWO", "second")):
        signer = {"aws_access_key_id": key, "aws_secret_access_key": secret}
        assert wire.client(**signer).list_schemas()["schemas"] == []
        runtime = wire.client("personalize-runtime", **signer, aws_session_token="x")
        assert runtime.get_recommendations(numResults=3)["itemList"] == []


@pytest.mark.parametrize(
    ("key", "secret", "kind"),
    [("AKIDONE", "second", "InvalidSignatureException"),
     ("NOBODY", "second", "UnrecognizedClientException")],
)  # fmt: skip
def test_who_signs_otherwise_may_not(key: str, secret: str, kind: str, wire: Any) -> None:
    for service, call, status in (
        ("personalize", "list_schemas", 400),
        ("personalize-runtime", "get_recommendations", 403),
    ):
        client = wire.client(service, aws_access_key_id=key, aws_secret_access_key=secret)
        with pytest.raises(ClientError) as caught:
            getattr(client, call)()
        told = caught.value.response
        assert told["Error"]["Code"] == kind
        assert told["ResponseMetadata"]["HTTPStatusCode"] == status
        assert secret not in told["Error"]["Message"]
    assert not wire.table.asked


def test_signed_as_it_should_be(wire: Any) -> None:
    assert kind_of(wire, headers_of()) == "ok"
    assert kind_of(wire, headers_of(**{"X-Amz-Meta": "  a   b "})) == "ok"
    assert kind_of(wire, headers_of(f"{URL}/"), path="/personalize/") == "ok"


@pytest.mark.parametrize(
    ("name", "change", "kind"),
    [
        ("authorization", lambda v: "", "MissingAuthenticationTokenException"),
        ("authorization", lambda v: "Bearer abc", "IncompleteSignatureException"),
        ("authorization", lambda v: v.split(", SignedHeaders")[0], "IncompleteSignatureException"),
        ("authorization", lambda v: v.replace("/aws4_request", ""), "IncompleteSignatureException"),
        ("authorization", lambda v: v.replace("host;", ""), "IncompleteSignatureException"),
        ("authorization", lambda v: v.replace(";x-amz-date", ""), "IncompleteSignatureException"),
        ("authorization", lambda v: v.replace("/personalize/", "/s3/"),
         "IncompleteSignatureException"),
        ("authorization", lambda v: v[:-1] + ("0" if v[-1] != "0" else "1"),
         "InvalidSignatureException"),
        ("authorization", lambda v: v[:-1] + "é", "InvalidSignatureException"),
        ("authorization", lambda v: v.replace("eu-west-1", "eu-west-2"),
         "InvalidSignatureException"),
        ("authorization", lambda v: v.replace("AKIDTWO", "AKIDONE"), "InvalidSignatureException"),
        ("host", lambda v: "elsewhere.example", "InvalidSignatureException"),
        ("x-amz-target", lambda v: "AmazonPersonalize.ListRecipes", "InvalidSignatureException"),
        ("x-amz-date", lambda v: "yesterday", "IncompleteSignatureException"),
        ("x-amz-date", lambda v: "20200101T000000Z", "InvalidSignatureException"),
    ],
)  # fmt: skip
def test_what_is_spoiled_on_its_way(
    name: str, change: Callable[[str], str], kind: str, wire: Any
) -> None:
    headers = changed(headers_of(), name, change)
    if headers[0][1] == b"":
        headers = [pair for pair in headers if pair[1]]
    assert kind_of(wire, headers) == kind


def test_a_body_that_was_changed(wire: Any) -> None:
    assert kind_of(wire, headers_of(), b'{"maxResults": 1}') == "InvalidSignatureException"
    unsigned = headers_of(**{"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert kind_of(wire, unsigned) == "InvalidSignatureException"


def test_a_path_that_was_changed(wire: Any) -> None:
    headers = headers_of(f"{URL}/recommendations")
    assert kind_of(wire, headers, path="/personalize/recommendations") == "ok"
    wire.table.asked.clear()
    told = kind_of(wire, headers, path="/personalize/recommendations/")
    assert told == "InvalidSignatureException"


@pytest.mark.parametrize(("minutes", "kind"), [(14, "ok"), (16, "InvalidSignatureException")])
def test_old_and_early_signatures(minutes: int, kind: str) -> None:
    headers = headers_of()
    sent = Sent("POST", "/personalize", "", headers)
    found = signed(headers)
    assert found is not None
    for late in (timedelta(minutes=minutes), -timedelta(minutes=minutes)):
        at = int((datetime.now(UTC) + late).timestamp() * 1e6)
        verifier = Verifier(secrets_of(KEYS), lambda at=at: at)  # type: ignore[misc]
        if kind == "ok":
            verifier.verify(sent, verifier.claim(sent), b"{}")
            continue
        with pytest.raises(Exception) as caught:  # noqa: PT011 - its kind is looked at
            verifier.claim(sent)
        assert caught.value.kind == kind  # type: ignore[attr-defined]


def test_paths_and_queries_of_other_forms() -> None:
    for path, query in (
        ("/", ""),
        ("/a//b/../c", ""),
        ("/a%20b/ü", "x=1&b=%20&a=2&a=1&flag"),
        ("/personalize/events", "z=~a-b_c."),
    ):
        url = f"http://127.0.0.1{path}" + (f"?{query}" if query else "")
        headers = headers_of(url)
        verifier = Verifier(secrets_of(KEYS), lambda: int(datetime.now(UTC).timestamp() * 1e6))
        sent = Sent("POST", path, query, headers)
        verifier.verify(sent, verifier.claim(sent), b"{}")


def test_the_region_of_what_is_no_region() -> None:
    def headers(region: str) -> Headers:
        text = f"AWS4-HMAC-SHA256 Credential=A/20260101/{region}/personalize/aws4_request, "
        return [(b"authorization", f"{text}SignedHeaders=host, Signature=ab".encode())]

    assert region_of(headers("ap-south-1"), "x") == "ap-south-1"
    for region in ("", "..", "us-east-1/../x", "US-EAST-1", "a" * 300, "us-east-1\n"):
        assert region_of(headers(region), "us-east-1") == "us-east-1"


def test_with_keys_asked_for_and_none_set_nobody_may_ask(make_wire: Any) -> None:
    wire = make_wire({"ListSchemas": {"schemas": []}}, auth="required")
    with pytest.raises(ClientError) as caught:
        wire.client().list_schemas()
    told = caught.value.response["Error"]
    assert told["Code"] == "AccessDeniedException"
    assert "ENDCAP_PERSONALIZE_KEYS" in told["Message"]
    runtime = wire.client("personalize-runtime")
    with pytest.raises(ClientError) as caught:
        runtime.get_recommendations()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_access_key_may_not_ask_more_often_than_it_may(make_wire: Any) -> None:
    wire = make_wire(
        {"ListSchemas": {"schemas": []}}, personalize_keys=KEYS, rate_per_s=0.001, burst=2
    )
    kinds = [kind_of(wire, headers_of()) for _ in range(2)]
    assert kinds == ["ok", "ok"]
    wire.table.asked.clear()
    assert kind_of(wire, headers_of()) == "ThrottlingException"
    assert kind_of(wire, headers_of(key="AKIDONE", secret="first/secret+=")) == "ok"


def test_a_page_of_a_listed_origin_may_ask(make_wire: Any) -> None:
    ours = "https://shop.example"
    wire = make_wire({}, {"PutEvents": None}, cors_origins=ours)
    question = [(b"origin", ours.encode()), (b"access-control-request-method", b"POST")]
    path = "/personalize/events"
    status, told, _ = wire.bridge.ask("OPTIONS", path, question, b"")
    assert status == 204
    assert told["access-control-allow-methods"] == "POST"
    assert "x-amz-date" in told["access-control-allow-headers"]
    body = b'{"trackingId":"t","sessionId":"s","eventList":[{"eventType":"e","sentAt":1}]}'
    status, told, _ = wire.bridge.ask("POST", path, question[:1], body)
    assert (status, told["access-control-allow-origin"]) == (200, ours)
    foreign = [(b"origin", b"https://evil.example"), *question[1:]]
    assert wire.bridge.ask("OPTIONS", path, foreign, b"")[0] == 400


def test_a_gateway_has_looked_before_us(make_wire: Any) -> None:
    wire = make_wire({"ListSchemas": {"schemas": []}}, auth="gateway")
    assert wire.client().list_schemas()["schemas"] == []


def test_a_page_of_another_site_cannot_make_a_browser_write(make_wire: Any) -> None:
    wire = make_wire({}, {"PutEvents": None})
    body = b'{"trackingId":"t","sessionId":"s","eventList":[{"eventType":"e","sentAt":1}]}'
    path = "/personalize/events"
    own = [(b"origin", b"http://x"), (b"host", b"x")]
    assert wire.bridge.ask("POST", path, own, body)[0] == 200
    foreign = [(b"origin", b"http://evil.example"), (b"host", b"x")]
    assert wire.bridge.ask("POST", path, foreign, body)[0] == 403
