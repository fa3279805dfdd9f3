"""What PostgreSQL says, by SQLSTATE, and libpq, which has none, by its words."""

from __future__ import annotations

import re

import psycopg

from endcap.adapters.database_errors import failure
from endcap.adapters.database_url import DatabaseUrl
from endcap.domain.errors import EndcapError

# SQLSTATE, or its first three or two characters → code
_STATES = {
    "28": "database_login_refused", "3D": "database_missing", "42501": "database_rights_missing",
    "53300": "database_busy", "53": "database_server_full", "57P03": "database_busy",
    "57P": "database_gone", "57014": "database_timeout", "55P03": "database_timeout",
    "08": "database_gone", "40": "database_gone", "25P": "database_gone",
    "58": "database_server_full",
}  # fmt: skip
# Words of libpq → code; the first that is found counts
_WORDS = (
    ("could not translate host name|name or service not known|nodename nor",
     "database_host_unknown"),
    ("permission denied for database", "database_rights_missing"),
    ("password authentication failed|no password supplied|no pg_hba.conf entry|peer auth"
     "|ident auth|role .* does not exist|not permitted to log in", "database_login_refused"),
    ("ssl|certificate|tls", "database_tls_refused"),
    ("database .* does not exist", "database_missing"),
    ("timeout expired|timed out", "database_timeout"),
    ("connection refused|no such file or directory", "database_refused"),
    ("too many clients|too many connections|remaining connection slots|starting up|shutting down"
     "|recovery mode", "database_busy"),
    ("closed|terminat|lost|reset|eof|broken pipe|consuming input|no connection", "database_gone"),
)  # fmt: skip


def explained(error: Exception, url: DatabaseUrl) -> EndcapError:
    """The error of the product for one of the driver."""
    state = getattr(error, "sqlstate", None) or ""
    said = " ".join(str(error).split())
    code = next((_STATES[s] for s in (state, state[:3], state[:2]) if s in _STATES), "")
    if not state and isinstance(error, psycopg.OperationalError | OSError):
        found = (c for form, c in _WORDS if re.search(form, said, re.IGNORECASE))
        code = next(found, "database_unreachable")
        said = said.rpartition("failed: ")[2]
    return failure(code or "database_query_failed", url, said, state)
