"""Open to this machine alone: by the address that is bound, not by what it was called."""

from __future__ import annotations

import pytest

from endcap.domain.errors import InvalidInput
from endcap.entrypoints.doors import check_doors, is_loopback
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
