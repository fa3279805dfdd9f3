"""Every way a connection to a shop's database fails, as an error that a person can act on.

``Unavailable``: it may pass, and what an import has staged is kept. ``InvalidInput``: somebody has
to change something first. No error shows a password.
"""

from __future__ import annotations

import socket
import ssl

from endcap.adapters.database_url import DatabaseUrl
from endcap.domain.errors import EndcapError, InvalidInput, Unavailable, shorten

# code → seconds after which it is worth trying again
PASSING = {
    "database_gone": 10, "database_busy": 30, "database_refused": 10, "database_timeout": 60,
    "database_server_full": 60, "database_unreachable": 10,
}  # fmt: skip
_MOST = 160  # characters of what a server said


def failure(code: str, url: DatabaseUrl, reason: str = "", state: object = "") -> EndcapError:
    """The error of a code. ``reason``: what the driver said; ``state``: the server's number."""
    said = shorten(" ".join(reason.split()), _MOST)
    if code == "database_timeout":
        value = "the time it sets itself" if state else f"{url.timeout_s} s"
        return Unavailable(code, retry_after_s=PASSING[code], field=url.place, value=value)
    if code in PASSING:
        return Unavailable(code, retry_after_s=PASSING[code], field=url.place, reason=said)
    values = {
        "database_host_unknown": url.host,
        "database_missing": url.database,
        "database_tls_refused": url.tls,
        "database_query_failed": state,
    }
    return InvalidInput(
        code,
        field="host" if code == "database_host_unknown" else url.place,
        value=values.get(code, url.user),
        user=url.user,
        database=url.database,
        reason=said,
    )


def network_code(error: BaseException) -> str:
    """The code of a failure of the network; empty for another."""
    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (ssl.SSLError, "database_tls_refused"),
        (socket.gaierror, "database_host_unknown"),
        (TimeoutError, "database_timeout"),
        (ConnectionRefusedError, "database_refused"),
        (FileNotFoundError, "database_refused"),
        (ConnectionError, "database_gone"),
        (OSError, "database_unreachable"),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), "")
