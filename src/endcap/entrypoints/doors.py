"""Who can reach a server without a key: this machine alone, or the start is refused."""

from __future__ import annotations

import logging
import socket
from ipaddress import ip_address
from pathlib import Path

from endcap.adapters.sqlite import SqliteDocuments
from endcap.control.api_keys import api_keys
from endcap.control.dataset_groups import folder
from endcap.domain.errors import EndcapError, InvalidInput
from endcap.ports import Documents
from endcap.settings import Settings

log = logging.getLogger("endcap.server")


def check_doors(settings: Settings, sock: socket.socket, host: str) -> None:
    """Look at the address that is really bound: names and short forms of ``host`` may mean more
    than they seem to.

    Raises InvalidInput (open_to_network, gateway_not_in_front).
    """
    if settings.auth == "gateway":
        raise InvalidInput("gateway_not_in_front", field="ENDCAP_AUTH", value=settings.auth)
    if settings.auth != "open":
        return
    if not is_loopback(sock.getsockname()[0]):
        raise InvalidInput("open_to_network", field="--host", value=host or "''")


def tell_if_open(settings: Settings) -> None:
    if settings.auth == "open":
        log.warning("open: no key is asked for; only this machine can reach the server")


def tell_if_nobody_can_ask(settings: Settings, at: int) -> None:
    """Keys are asked for, and none is valid. ``at``: now, in µs."""
    if settings.auth == "open" or settings.jwks:
        return
    root = folder(settings.home, settings.group)
    try:
        documents = _documents(settings, root)
        keys = api_keys(documents) if documents else []
    except EndcapError:
        return  # the workers say it
    if not any(key.status(at) == "active" for key in keys):
        log.warning("nobody can ask: no valid key exists; endcap keys create makes one")


def _documents(settings: Settings, root: Path) -> Documents | None:
    """None: there are none yet. Those of the home are opened without the bootstrap, which loads
    numpy: it starts threads, unless the supervisor has said first that it must not."""
    if not settings.documents:
        file = root / "documents.sqlite"
        return SqliteDocuments(file) if file.exists() else None
    from endcap.bootstrap.documents import documents_of

    return documents_of(settings, settings.group, root)


def is_loopback(address: str) -> bool:
    return ip_address(address.partition("%")[0]).is_loopback
