"""What ``infra/bootstrap_databases.py`` makes of new servers: who may do what afterwards."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import psycopg
import pymysql
import pytest

from endcap.adapters.database_url import parse_url
from endcap.adapters.pgvector import PgVectors
from endcap.adapters.postgres import Postgres
from endcap.bootstrap import open_database
from endcap.domain.errors import EndcapError

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[3]
MASTER_PASSWORD = "ma$ter's word"
ACCOUNTS = ("endcap_api", "endcap_etl", "endcap_people", "rds_iam")


@pytest.fixture(scope="session")
def bootstrap() -> ModuleType:
    place = ROOT / "infra" / "bootstrap_databases.py"
    spec = importlib.util.spec_from_file_location("bootstrap_databases", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def secrets(aws: Any) -> dict[str, str]:
    """Names of three secrets as Terraform leaves them: the master's, and two that are empty."""
    client = aws.client("secretsmanager")
    names = {role: aws.name(f"bootstrap-{role}") for role in ("master", "reader", "loader")}
    word = json.dumps({"username": "master", "password": MASTER_PASSWORD})
    client.create_secret(Name=names["master"], SecretString=word)
    for role in ("reader", "loader"):
        client.create_secret(Name=names[role])
    return names


@pytest.fixture
def run(bootstrap: ModuleType, aws: Any, secrets: dict[str, str]) -> Callable[..., list[str]]:
    """The script's work on a server of this machine."""

    def work(kind: str, server: Any, *words: str, **more: Any) -> list[str]:
        loader = ["--loader-secret", secrets["loader"], "--options", ""]
        given = bootstrap.arguments([
            kind, "--host", "127.0.0.1", "--port", str(server.port), "--database", "shop_a",
            "--master-secret", secrets["master"], "--reader-secret", secrets["reader"],
            *(loader if kind == "pgvector" else []), *words,
        ])  # fmt: skip
        done: list[str] = bootstrap.run(given, aws.client("secretsmanager"), **more)
        return done

    return work


@pytest.fixture
def told(aws: Any, secrets: dict[str, str]) -> Callable[[str], dict[str, Any]]:
    """What the secret of a role holds."""

    def read(role: str) -> dict[str, Any]:
        found = aws.client("secretsmanager").get_secret_value(SecretId=secrets[role])
        content: dict[str, Any] = json.loads(found["SecretString"])
        return content

    return read


@pytest.fixture
def server(postgres: Any) -> Iterator[Any]:
    """PostgreSQL with an empty database whose owner may make roles but is no superuser, as the
    master of RDS, and who has what RDS gives it: the extension, and the role of IAM log-ins."""
    word = MASTER_PASSWORD.replace("'", "''")
    postgres.sql(
        f"CREATE ROLE master LOGIN CREATEROLE PASSWORD '{word}';\nCREATE ROLE rds_iam;\n"
        "GRANT rds_iam TO master WITH ADMIN OPTION;\nCREATE DATABASE shop_a OWNER master"
    )
    postgres.sql("CREATE EXTENSION vector", database="shop_a")
    yield postgres
    postgres.sql("DROP DATABASE shop_a WITH (FORCE)")
    for role in (*ACCOUNTS, "endcap_reader", "endcap_loader", "master"):
        postgres.sql(f"DROP ROLE IF EXISTS {role}")


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(EndcapError) as caught:
        call()
    return caught.value.code


def test_the_loader_loads_and_the_reader_searches_and_no_more(
    server: Any, run: Any, told: Any, secrets: dict[str, str], aws: Any,
    endcap: Callable[..., Any], checkerboard_home: Path, tmp_path: Path,
) -> None:  # fmt: skip
    assert run("pgvector", server, sslmode="disable") == ["endcap_api", "endcap_etl"]
    shutil.copytree(checkerboard_home, tmp_path / "home")
    place = f"secret:{secrets['loader']}#url"
    endcap(
        "vectors", "load", "--label", "department", home=tmp_path / "home",
        ENDCAP_VECTORS=place, **aws.environment,
    )  # fmt: skip
    reader = PgVectors(Postgres(told("reader")["url"]), "default", "items")
    (version,) = reader.versions()
    vectors = reader.vectors(["black-0"])
    found = reader.nearest(vectors, 3, {"department": ["black"]}).lists[0].ids
    assert (version.version, len(found)) == ("v0001", 3)
    assert all(name.startswith("black-") for name in found)

    wide = np.ones((1, vectors.shape[1]), np.float32)
    assert refused(lambda: reader.load("v2", ["a"], wide)) == "vectors_forbidden"
    with psycopg.connect(told("reader")["url"], autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in (
            "INSERT INTO endcap.versions (shop, kind, version, dimensions) VALUES ('a','b','c',1)",
            "SELECT endcap.begin_version('a', 'b', 'c', 1)",
            "DELETE FROM endcap.versions",
            "CREATE TABLE public.mine (id integer)",
            "CREATE TEMPORARY TABLE mine (id integer)",
            "SELECT rolpassword FROM pg_authid",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_nobody_else_enters_and_people_come_by_iam(server: Any, run: Any) -> None:
    run("pgvector", server, sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(
            host="127.0.0.1", port=server.port, dbname="shop_a", user="reader",
            password="reAd:er/@ %secret",
        )  # fmt: skip
    with psycopg.connect(server.url("shop_a", "postgres")) as owner:
        rows = owner.execute(
            "SELECT r.rolname, g.rolname FROM pg_auth_members m "
            "JOIN pg_roles r ON r.oid = m.member "
            "JOIN pg_roles g ON g.oid = m.roleid WHERE r.rolname LIKE 'endcap%' ORDER BY 1, 2"
        ).fetchall()
        words: dict[str, Any] = dict(
            owner.execute("SELECT rolname, rolpassword FROM pg_authid").fetchall()
        )
    assert rows == [
        ("endcap_api", "endcap_reader"), ("endcap_etl", "endcap_loader"),
        ("endcap_people", "endcap_reader"), ("endcap_people", "rds_iam"),
    ]  # fmt: skip
    assert words["endcap_people"] is None
    assert words["endcap_api"].startswith("SCRAM-SHA-256$")


def test_passwords_stay_until_others_are_asked_for(server: Any, run: Any, told: Any) -> None:
    run("pgvector", server, sslmode="disable")
    before = told("reader")["url"], told("loader")["url"]
    run("pgvector", server, sslmode="disable")
    assert (told("reader")["url"], told("loader")["url"]) == before
    run("pgvector", server, "--renew", sslmode="disable")
    for old, role in zip(before, ("reader", "loader"), strict=True):
        index = PgVectors(Postgres(old), "default", "items")
        assert refused(index.versions) == "vectors_denied"
        assert PgVectors(Postgres(told(role)["url"]), "default", "items").versions() == []
    log = (server.folder / "server.log").read_text()
    assert all(told(role)["password"] not in log for role in ("reader", "loader"))


def test_what_fails_leaves_nothing_behind(server: Any, run: Any, told: Any, aws: Any) -> None:
    server.sql("CREATE ROLE endcap_etl NOLOGIN SUPERUSER")  # not the master's to change
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run("pgvector", server, sslmode="disable")
    with psycopg.connect(server.url("shop_a", "postgres")) as owner:
        assert owner.execute("SELECT to_regnamespace('endcap')").fetchone() == (None,)
    with pytest.raises(aws.client("secretsmanager").exceptions.ClientError):
        told("reader")


def test_the_account_of_mysql_reads_one_database_by_tls(
    safe_server: tuple[Any, Path], run: Any, told: Any
) -> None:
    server, certificate = safe_server
    word = MASTER_PASSWORD.replace("'", "''")
    server.sql(
        f"CREATE USER master@'%' IDENTIFIED BY '{word}';\n"
        "GRANT ALL PRIVILEGES ON *.* TO master@'%' WITH GRANT OPTION;\n"
        "CREATE DATABASE shop_a;\nCREATE DATABASE shopXa;\n"
        "CREATE TABLE shop_a.users (id integer PRIMARY KEY);\nINSERT INTO shop_a.users VALUES (7)"
    )
    assert run("mysql", server) == ["endcap_reader"]
    kept = told("reader")
    assert kept["url"].startswith("mysql://endcap_reader:")
    where = {
        "host": "127.0.0.1", "port": server.port, "user": "endcap_reader",
        "password": kept["password"],
    }  # fmt: skip
    open_database(parse_url(kept["url"], tls="verify-ca", ca=str(certificate))).close()
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        pymysql.connect(**where, ssl_disabled=True)
    with (
        pymysql.connect(**where, ssl={"check_hostname": False}) as reader,
        reader.cursor() as cursor,
    ):
        cursor.execute("SELECT id FROM shop_a.users")
        assert cursor.fetchall() == ((7,),)
        for statement in (
            "INSERT INTO shop_a.users VALUES (8)", "DROP TABLE shop_a.users", "USE shopXa",
            "CREATE TABLE shop_a.mine (id integer)", "SELECT * FROM mysql.user",
        ):  # fmt: skip
            with pytest.raises(
                (pymysql.OperationalError, pymysql.ProgrammingError), match="denied"
            ):
                cursor.execute(statement)
    assert (run("mysql", server), told("reader")) == (["endcap_reader"], kept)
    run("mysql", server, "--renew")
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        pymysql.connect(**where, ssl={"check_hostname": False})
