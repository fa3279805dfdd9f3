"""Makes what a new database needs before Endcap can use it, and keeps its accounts' passwords.

    python infra/bootstrap_databases.py pgvector --host HOST --database endcap \\
        --master-secret ARN --reader-secret ARN --loader-secret ARN
    python infra/bootstrap_databases.py mysql --host HOST --database shop \\
        --master-secret ARN --reader-secret ARN

The master's password is read from AWS Secrets Manager; those of the accounts are chosen here and
put there, with the URL that Endcap's settings take. Run it where the database can be reached, with
``endcap[aws,mysql,postgres]`` installed. Running it again keeps the passwords, unless --renew.
"""

from __future__ import annotations

import argparse
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

SQL = Path(__file__).parents[1] / "sql"
READER, LOADER = "endcap_api", "endcap_etl"  # of sql/bootstrap-pgvector.sql
MYSQL_READER = "endcap_reader"
PASSWORD_BYTES = 32
CONNECT_S = 10
PORTS = {"pgvector": 5432, "mysql": 3306}
MYSQL_BEHIND_TLS = "ssl"


class Server(NamedTuple):
    """Where a database is, and who may make accounts there. ``ca``: the certificates that the
    server's must be signed by; empty: whoever answers is spoken to, encrypted."""

    host: str
    port: int
    database: str
    user: str
    password: str
    ca: str = ""


def bootstrap_pgvector(server: Server, passwords: Mapping[str, str], **more: Any) -> None:
    """Extension, schema, roles and accounts, all or nothing. The passwords do not leave this
    process: the server gets verifiers. ``more``: further parameters of libpq."""
    import psycopg

    tls = {"sslmode": "verify-full", "sslrootcert": server.ca} if server.ca else {}
    with psycopg.connect(**{
        "host": server.host, "port": server.port, "dbname": server.database, "user": server.user,
        "password": server.password, "connect_timeout": CONNECT_S, "sslmode": "require",
        **tls, **more,
    }) as master:  # fmt: skip
        master.execute((SQL / "embeddings.sql").read_bytes())
        for account, password in passwords.items():
            verifier = master.pgconn.encrypt_password(
                password.encode(), account.encode(), b"scram-sha-256"
            )
            master.execute(
                "SELECT set_config(%s, %s, true)", [f"{account}.verifier", verifier.decode()]
            )
        master.execute((SQL / "bootstrap-pgvector.sql").read_bytes())


def bootstrap_mysql(server: Server, account: str, password: str, **more: Any) -> None:
    """The account that reads. ``more``: further parameters of the driver."""
    import pymysql

    tls = {"ca": server.ca, "check_hostname": True} if server.ca else {"check_hostname": False}
    text = (SQL / "bootstrap-mysql.sql").read_text("utf-8")
    with pymysql.connect(**{
        "host": server.host, "port": server.port, "user": server.user,
        "password": server.password, "connect_timeout": CONNECT_S, MYSQL_BEHIND_TLS: tls, **more,
    }) as master, master.cursor() as cursor:  # fmt: skip
        cursor.execute(
            "SET @endcap_account = %s, @endcap_database = %s, @endcap_password = %s",
            [account, server.database, password],
        )
        for statement in filter(str.strip, text.split(";\n")):
            cursor.execute(statement)


def kept_password(client: Any, place: str, renew: bool) -> str:
    """What the secret has; a new one where it has none yet, or another is wanted."""
    if not renew:
        try:
            told = json.loads(client.get_secret_value(SecretId=place)["SecretString"])
            return str(told["password"])
        except client.exceptions.ResourceNotFoundException:
            pass  # there is the secret, but nothing in it (or not even the secret: see ``keep``)
    return secrets.token_urlsafe(PASSWORD_BYTES)


def url_of(scheme: str, server: Server, account: str, password: str, options: str) -> str:
    """As ENDCAP_VECTORS and ``endcap import`` take it."""
    who = f"{quote(account, '')}:{quote(password, '')}"
    asked = f"?{options}" if options else ""
    return f"{scheme}://{who}@{server.host}:{server.port}/{quote(server.database, '')}{asked}"


def keep(client: Any, place: str, server: Server, account: str, password: str, url: str) -> None:
    """All that is needed to log in, as one secret."""
    told = {
        "host": server.host, "port": server.port, "dbname": server.database,
        "username": account, "password": password, "url": url,
    }  # fmt: skip
    client.put_secret_value(SecretId=place, SecretString=json.dumps(told))


def run(given: argparse.Namespace, client: Any, **more: Any) -> list[str]:
    """The accounts that can log in afterwards. ``more``: of the driver."""
    master = json.loads(client.get_secret_value(SecretId=given.master_secret)["SecretString"])
    server = Server(
        given.host, given.port or PORTS[given.kind], given.database,
        master["username"], master["password"], given.ca,
    )  # fmt: skip
    places = {READER: given.reader_secret, LOADER: given.loader_secret}
    scheme, options = "postgresql", given.options
    if given.kind == "mysql":
        places, scheme, options = {MYSQL_READER: given.reader_secret}, "mysql", ""
    passwords = {
        account: kept_password(client, place, given.renew) for account, place in places.items()
    }
    if given.kind == "mysql":
        bootstrap_mysql(server, MYSQL_READER, passwords[MYSQL_READER], **more)
    else:
        bootstrap_pgvector(server, passwords, **more)
    for account, place in places.items():
        url = url_of(scheme, server, account, passwords[account], options)
        keep(client, place, server, account, passwords[account], url)
    return list(places)


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, port in PORTS.items():
        asked = kinds.add_parser(kind)
        asked.add_argument("--host", required=True)
        asked.add_argument("--port", type=int, help=f"default: {port}")
        asked.add_argument("--database", required=True)
        asked.add_argument("--master-secret", required=True, metavar="ARN")
        asked.add_argument("--reader-secret", required=True, metavar="ARN")
        asked.add_argument("--ca", default="", metavar="FILE", help="certificates of RDS")
        asked.add_argument("--renew", action="store_true", help="other passwords")
        if kind == "pgvector":
            asked.add_argument("--loader-secret", required=True, metavar="ARN")
            asked.add_argument(
                "--options", default="sslmode=require", help="parameters of the accounts' URLs"
            )
        else:
            asked.set_defaults(loader_secret="", options="")
    return parser.parse_args(words)


def main() -> None:
    given = arguments(None)
    import boto3

    accounts = run(given, boto3.session.Session().client("secretsmanager"))
    print(f"{given.host}/{given.database}: {', '.join(accounts)} can log in")


if __name__ == "__main__":
    main()
