"""Servers of the tests' own that are killed and started again, and that show certificates."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap.adapters.database_url import parse_url
from endcap.bootstrap import open_database
from endcap.data.database import rows
from endcap.data.database.importing import import_database
from endcap.data.database.mapping import parse
from endcap.data.importer import ImportOptions
from endcap.domain.errors import InvalidInput, Unavailable

pytestmark = pytest.mark.server

AT = 1_760_000_000_000_000
PASSWORD = "reAd:er/@ %secret"
HOST = "localhost"  # the certificate's; 127.0.0.1 is another
MAPPING = """
[events.view]
table = "views"
watermark = "id"
columns = { user_id = "who", item_id = "what", ts = "at" }
"""


def connected(server, host: str, **more: str) -> None:
    """Connect and leave."""
    url = parse_url(server.url("shop"), password=PASSWORD, **more)._replace(host=host)
    open_database(url).close()


def refused(server, host: str, **more: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        connected(server, host, **more)
    assert caught.value.code == "database_tls_refused"
    assert caught.value.value == more["tls"]
    assert PASSWORD not in f"{caught.value} {caught.value.facts}"


def test_who_is_trusted(safe_server) -> None:
    server, certificate = safe_server
    own = {"ca": str(certificate)}
    connected(server, HOST, tls="verify", **own)
    refused(server, HOST, tls="verify")  # signed by nobody who is known
    refused(server, "127.0.0.1", tls="verify", **own)  # another name
    connected(server, "127.0.0.1", tls="verify-ca", **own)
    connected(server, "127.0.0.1", tls="require")
    connected(server, "127.0.0.1", tls="off")


def test_a_server_without_tls_is_not_trusted(database_server) -> None:
    refused(database_server, "127.0.0.1", tls="require")
    connected(database_server, "127.0.0.1", tls="off")


def test_a_server_that_is_killed_and_comes_back(
    mariadb_template: Path, tmp_path: Path, start, restart, lake, monkeypatch
) -> None:
    monkeypatch.setattr(rows, "ROWS", 20_000)
    server = start(mariadb_template, tmp_path / "m", "--innodb-flush-log-at-trx-commit=1")
    server.sql(
        "CREATE TABLE views (id INT PRIMARY KEY, who INT, what VARCHAR(200), at INT);\n"
        "INSERT INTO views SELECT seq, seq % 97, REPEAT('x', 200), 1700000000 "
        "FROM seq_1_to_300000", "shop",
    )  # fmt: skip
    seen: list[int] = []

    def progress(state) -> None:
        seen.append(state.rows)
        if len(seen) == 1:  # far more is to come than the network holds
            server.kill()

    def run(wanted):
        database = open_database(parse_url(wanted.url(), password=PASSWORD))
        try:
            return import_database(lake, database, parse(MAPPING, "m"), ImportOptions(AT), progress)
        finally:
            database.close()

    with pytest.raises(Unavailable) as caught:
        run(server)
    assert caught.value.code == "database_gone"
    assert lake.manifest().version == 0
    with pytest.raises(Unavailable) as caught:
        run(server)
    assert caught.value.code == "database_refused"
    back = restart(server, tmp_path / "m")
    try:
        report = run(back)
    finally:
        back.stop()
    assert (report.tables["events"].rows, report.tables["events"].repeats) == (300_000, 0)
    with lake.connect() as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT event_id) FROM events"
        ).fetchall()
    assert found == [(300_000, 300_000)]
