"""What drivers say of a failure, as the code that a person reads."""

from __future__ import annotations

import socket
import ssl

import psycopg
import pymysql
import pytest

from endcap.adapters import mysql_errors, postgres_source_errors
from endcap.adapters.database_url import parse_url
from endcap.domain.errors import InvalidInput, Unavailable

URL = parse_url("mysql://reader:pw-x@db.example:33/shop")
HEAD = 'connection failed: connection to server at "10.0.0.1", port 5432 failed: '


def caused(number: int, text: str, cause: Exception) -> pymysql.err.OperationalError:
    error = pymysql.err.OperationalError(number, text)
    error.original_exception = cause  # type: ignore[attr-defined]  # as PyMySQL does
    return error


MYSQL = [
    (pymysql.err.OperationalError(1045, "Access denied"), "database_login_refused"),
    (pymysql.err.OperationalError(1044, "Access denied to database"), "database_rights_missing"),
    (pymysql.err.OperationalError(1049, "Unknown database"), "database_missing"),
    (pymysql.err.OperationalError(1040, "Too many connections"), "database_busy"),
    (pymysql.err.OperationalError(2013, "Lost connection"), "database_gone"),
    (pymysql.err.OperationalError(1927, "Connection was killed"), "database_gone"),
    (pymysql.err.OperationalError(1205, "Lock wait timeout"), "database_timeout"),
    (pymysql.err.OperationalError(1114, "The table is full"), "database_server_full"),
    (pymysql.err.OperationalError(2026, "SSL is required"), "database_tls_refused"),
    (pymysql.err.ProgrammingError(1064, "You have an error"), "database_query_failed"),
    (caused(2003, "x", socket.gaierror(-2, "unknown")), "database_host_unknown"),
    (caused(2003, "x", ConnectionRefusedError(111, "refused")), "database_refused"),
    (caused(2003, "x", TimeoutError("timed out")), "database_timeout"),
    (caused(2003, "x", OSError(113, "No route to host")), "database_unreachable"),
    (caused(2003, "x", ssl.SSLError(1, "bad certificate")), "database_tls_refused"),
    (ConnectionResetError(104, "reset"), "database_gone"),
    (RuntimeError("'cryptography' package is required"), "database_login_needs_tls"),
]
POSTGRES = [
    (HEAD + 'FATAL:  password authentication failed for user "x"', "database_login_refused"),
    (HEAD + 'FATAL:  no pg_hba.conf entry for host "h", user "x", no encryption',
     "database_login_refused"),
    (HEAD + "fe_sendauth: no password supplied", "database_login_refused"),
    (HEAD + 'FATAL:  database "x" does not exist', "database_missing"),
    (HEAD + 'FATAL:  permission denied for database "x"', "database_rights_missing"),
    (HEAD + "FATAL:  sorry, too many clients already", "database_busy"),
    (HEAD + "FATAL:  the database system is starting up", "database_busy"),
    (HEAD + "SSL error: certificate verify failed", "database_tls_refused"),
    (HEAD + 'server certificate for "a" does not match host name "b"', "database_tls_refused"),
    (HEAD + "server does not support SSL, but SSL was required", "database_tls_refused"),
    (HEAD + "Connection refused\n\tIs the server running on that host?", "database_refused"),
    (HEAD + "No route to host", "database_unreachable"),
    ("connection timeout expired", "database_timeout"),
    ("[Errno -2] Name or service not known", "database_host_unknown"),
    ("consuming input failed: server closed the connection unexpectedly", "database_gone"),
]  # fmt: skip
STATES = [
    (psycopg.errors.InsufficientPrivilege, "database_rights_missing"),
    (psycopg.errors.AdminShutdown, "database_gone"),
    (psycopg.errors.QueryCanceled, "database_timeout"),
    (psycopg.errors.DiskFull, "database_server_full"),
    (psycopg.errors.TooManyConnections, "database_busy"),
    (psycopg.errors.SerializationFailure, "database_gone"),
    (psycopg.errors.SyntaxError, "database_query_failed"),
]


@pytest.mark.parametrize(("error", "code"), MYSQL, ids=lambda one: str(one)[:40])
def test_mysql(error: Exception, code: str) -> None:
    found = mysql_errors.explained(error, URL)
    assert found.code == code
    assert "pw-x" not in f"{found} {found.facts}"


@pytest.mark.parametrize(("said", "code"), POSTGRES)
def test_postgresql_by_its_words(said: str, code: str) -> None:
    assert postgres_source_errors.explained(psycopg.OperationalError(said), URL).code == code


@pytest.mark.parametrize(("kind", "code"), STATES, ids=str)
def test_postgresql_by_its_state(kind: type[Exception], code: str) -> None:
    found = postgres_source_errors.explained(kind("said"), URL)
    assert found.code == code
    assert isinstance(found, Unavailable | InvalidInput)
