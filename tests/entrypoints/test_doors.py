"""Open to this machine alone: by the address that is bound, not by what it was called."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap.adapters.sqlite import SqliteDocuments
from endcap.control import api_keys
from endcap.domain.errors import InvalidInput
from endcap.entrypoints.doors import check_doors, is_loopback, tell_if_nobody_can_ask
from endcap.entrypoints.server import listen
from endcap.settings import load_settings

ANY = "0.0.0.0"  # noqa: S104 - what is refused


@pytest.mark.parametrize("host", ["", "0", ANY])
def test_every_other_address_needs_keys(host: str) -> None:
    with listen(host, 0) as sock:
        with pytest.raises(InvalidInput) as caught:
            check_doors(load_settings({}), sock, host)
        assert (caught.value.code, caught.value.field) == ("open_to_network", "--host")
        check_doors(load_settings({}, auth="required"), sock, host)


def test_no_server_leaves_it_to_a_gateway_who_may_ask() -> None:
    with listen("127.0.0.1", 0) as sock:
        with pytest.raises(InvalidInput) as caught:
            check_doors(load_settings({}, auth="gateway"), sock, "127.0.0.1")
        assert (caught.value.code, caught.value.field) == ("gateway_not_in_front", "ENDCAP_AUTH")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1"])
def test_this_machine_may_ask_without(host: str) -> None:
    with listen(host, 0) as sock:
        check_doors(load_settings({}), sock, host)


@pytest.mark.parametrize(
    ("address", "is_one"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), (ANY, False), ("::", False),
     ("192.168.1.2", False), ("fe80::1%eth0", False)],
)  # fmt: skip
def test_loopback(address: str, is_one: bool) -> None:
    assert is_loopback(address) is is_one


def test_a_server_that_nobody_can_ask_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings({}, home=tmp_path, auth="required")
    tell_if_nobody_can_ask(settings, 100)
    assert "nobody can ask" in caplog.text
    root = tmp_path / "groups" / "default"
    root.mkdir(parents=True)
    documents = SqliteDocuments(root / "documents.sqlite")
    words = {"name": "shop", "scopes": ("read",), "expires_at": 500}
    api_keys.create(documents, b"123456", b"x" * 32, 100, **words)
    for at, says in ((200, False), (600, True)):
        caplog.clear()
        tell_if_nobody_can_ask(settings, at)
        assert ("nobody can ask" in caplog.text) is says
    caplog.clear()
    tell_if_nobody_can_ask(load_settings({}, home=tmp_path), 600)
    tell_if_nobody_can_ask(load_settings({}, home=tmp_path, auth="required", jwks="a.json"), 600)
    assert caplog.text == ""
