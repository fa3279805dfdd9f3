"""The URL of a shop's database, its password, and how the connection is protected."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from endcap.data.database.dialects import MYSQL, POSTGRESQL
from endcap.domain.errors import InvalidInput

SCHEMES = {
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
}
PORTS = {MYSQL: 3306, POSTGRESQL: 5432}
TLS = ("verify", "verify-ca", "require", "off")
FORM = "mysql://USER@HOST:PORT/DATABASE (or mariadb://, postgresql://)"
_LOCAL = ("localhost", "127.0.0.1", "::1")
_OPTIONS = ("socket", "tls", "tls-ca")


class Secret:
    """A password that no text, log or traceback shows."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"


class DatabaseUrl(NamedTuple):
    """Where the database is and who asks. ``socket``: a path (MySQL) or folder (PostgreSQL).
    ``tls``: verify the certificate and the host's name, verify-ca the certificate alone, require
    encrypts to anybody, off does not."""

    dialect: str
    host: str
    port: int
    user: str
    database: str
    password: Secret
    tls: str
    ca: str = ""
    socket: str = ""
    timeout_s: int = 10

    @property
    def name(self) -> str:
        """Without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "mysql" if self.dialect == MYSQL else "postgresql"
        return f"{scheme}://{self.socket or f'{host}:{self.port}'}/{self.database}"

    @property
    def place(self) -> str:
        return self.socket or f"{self.host}:{self.port}"


def is_database(given: str) -> bool:
    return given.partition("://")[0].lower() in SCHEMES


def parse_url(
    given: str, *, password: str | None = None, tls: str | None = None, ca: str | None = None
) -> DatabaseUrl:
    """``password`` goes before the URL's. Without ``tls``: verify, but off on this machine itself.

    Raises InvalidInput (bad_database_url, bad_database_tls); no error shows the password.
    """
    parts, port, options = _split(given)
    dialect = SCHEMES[parts.scheme.lower()]
    host = parts.hostname or "localhost"
    socket = options.get("socket", "")
    default = "off" if socket or host.lower() in _LOCAL else "verify"
    tls = tls or options.get("tls") or default
    ca = ca or options.get("tls-ca", "")
    if tls not in TLS:
        raise InvalidInput("bad_choice", field="--tls", value=tls, permitted=", ".join(TLS))
    _check_ca(ca, tls)
    found = password if password is not None else unquote(parts.password or "")
    user, database = unquote(parts.username or ""), unquote(parts.path.lstrip("/"))
    return DatabaseUrl(
        dialect, host, port or PORTS[dialect], user, database, Secret(found), tls, ca, socket
    )


def _split(given: str) -> tuple[SplitResult, int | None, dict[str, str]]:
    """(parts, port, options) of a URL that has all that is needed."""
    try:
        parts = urlsplit(given)
        port = parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        reason = "it cannot be read; write reserved characters as %40 and the like"
        raise _bad(given, reason) from None  # the cause shows the password
    wrong = [name for name in options if name not in _OPTIONS]
    database = parts.path.lstrip("/")
    faults = (
        (parts.scheme.lower() not in SCHEMES, "its scheme is none of " + ", ".join(SCHEMES)),
        (bool(wrong), f"it has the option {wrong[:1]}; permitted are {', '.join(_OPTIONS)}"),
        (not parts.username, "it names no user"),
        (not database or "/" in database, "it must end in the name of one database"),
    )
    for wrong_so, reason in faults:
        if wrong_so:
            raise _bad(given, reason)
    return parts, port, options


def _check_ca(ca: str, tls: str) -> None:
    if not ca:
        return
    if tls not in ("verify", "verify-ca"):
        raise InvalidInput(
            "bad_choice", field="--tls beside --tls-ca", value=tls, permitted="verify, verify-ca"
        )
    try:
        ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or "it holds no certificate"
        raise InvalidInput("unreadable_file", field="--tls-ca", value=ca, reason=reason) from error


def password_of(given: str) -> str | None:
    """The password that stands in a URL, to be removed from what others can see."""
    try:
        return urlsplit(given).password
    except ValueError:
        return None


def cut_password(given: str) -> tuple[str, str | None]:
    """A URL as it may be kept, with its user but without its password, and the password."""
    try:
        parts = urlsplit(given)
    except ValueError:
        return without_password(given), None
    if parts.password is None:
        return given, None
    user, _, host = parts.netloc.rpartition("@")
    kept = parts._replace(netloc=f"{user.partition(':')[0]}@{host}")
    return urlunsplit(kept), unquote(parts.password)


def without_password(given: str) -> str:
    """A URL as an error may show it, however wrong it is: nothing between scheme and host."""
    scheme, _, rest = given.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if rest else given.rpartition("@")[2]


def read_password(path: str) -> str:
    """The first line of a file. Raises InvalidInput (unreadable_file)."""
    try:
        lines = Path(path).expanduser().read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise InvalidInput(
            "unreadable_file", field="--password-file", value=path, reason=reason
        ) from error
    return lines[0] if lines else ""


def _bad(given: str, reason: str) -> InvalidInput:
    return InvalidInput(
        "bad_database_url",
        field="URL",
        value=without_password(given),
        reason=reason,
        permitted=FORM,
    )
