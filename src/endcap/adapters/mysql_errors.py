"""What MySQL and MariaDB say, by number."""

from __future__ import annotations

import ssl

from endcap.adapters.database_errors import failure, network_code
from endcap.adapters.database_url import DatabaseUrl
from endcap.domain.errors import EndcapError

_NUMBERS = {
    "database_login_refused": (1045, 1251, 1524, 1698, 1820, 1862, 3118, 4151),
    "database_rights_missing": (1044, 1142, 1143, 1227, 1370, 3619),
    "database_missing": (1049,),
    "database_gone": (
        1053, 1077, 1079, 1152, 1153, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161, 1184, 1317,
        1927, 2006, 2013, 2014, 2055,
    ),
    "database_busy": (1040, 1129, 1203, 1226),
    "database_timeout": (1205, 1969, 3024),
    "database_server_full": (3, 1021, 1030, 1037, 1038, 1041, 1114),
    "database_tls_refused": (2026, 3159),
}  # fmt: skip
CODES = {number: code for code, numbers in _NUMBERS.items() for number in numbers}


def explained(error: Exception, url: DatabaseUrl) -> EndcapError:
    """The error of the product for one of the driver or the network."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    below = getattr(error, "original_exception", error)  # of a connection that failed
    code = CODES.get(number) or network_code(below)
    if isinstance(below, ssl.SSLError):
        code = "database_tls_refused"
    if isinstance(error.__context__, TimeoutError):
        code, number = "database_timeout", 0
    if isinstance(error, RuntimeError) and "cryptography" in str(error):
        code = "database_login_needs_tls"
    said = getattr(below, "verify_message", "") or getattr(below, "strerror", "") or _said(error)
    return failure(code or "database_query_failed", url, said, number)


def _said(error: Exception) -> str:
    return str(error.args[1] if len(error.args) > 1 else error)
