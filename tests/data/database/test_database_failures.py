"""Every way in which a database cannot be read: what is said, and what stands afterwards."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

import pytest

from endcap import bootstrap
from endcap.adapters.database_url import DatabaseUrl, Secret, parse_url
from endcap.bootstrap import open_database
from endcap.data.database import rows
from endcap.data.database.importing import import_database
from endcap.data.database.mapping import parse
from endcap.data.importer import ImportOptions
from endcap.data.lake import Lake
from endcap.domain.errors import EndcapError, InvalidInput, Unavailable

pytestmark = pytest.mark.server

AT = 1_760_000_000_000_000
PASSWORD = "reAd:er/@ %secret"
WRONG = "wr0ng-secret"
TABLES = """
CREATE TABLE events (id INT PRIMARY KEY, who INT, what VARCHAR(200), at TIMESTAMP NULL, spot POINT,
    kind VARCHAR(9));
CREATE TABLE hidden (id INT PRIMARY KEY, who INT, what VARCHAR(9), at TIMESTAMP NULL);
CREATE TABLE keyless (id INT, who INT, what VARCHAR(9), at TIMESTAMP NULL);
"""


def mapping(table: str = "events", more: str = "", **columns: str) -> str:
    named = {"user_id": "who", "item_id": "what", "ts": "at"} | columns
    listed = ", ".join(f'{ours} = "{theirs}"' for ours, theirs in named.items())
    return f'[events.view]\ntable = "{table}"\n{more}\ncolumns = {{ {listed} }}\n'


@dataclass
class Attempt:
    """An import that shall fail."""

    server: object
    name: str
    lake: Lake

    def fails(self, text: str = mapping(), progress=lambda _: None, **url) -> EndcapError:
        """The error; whatever it is, nothing of a password is in it and the lake stays."""
        words = {"user": "reader", "password": PASSWORD, "database": self.name, "timeout_s": 10}
        words |= url
        words["password"] = Secret(words["password"])
        given = parse_url(self.server.url())._replace(**words)
        before = self.lake.manifest()
        with pytest.raises(EndcapError) as caught:
            self._run(given, text, progress)
        error = caught.value
        shown = f"{error} {error!r} {error.facts} {error.value} {error.__cause__!r}"
        assert PASSWORD not in shown
        assert WRONG not in shown
        assert self.lake.manifest() == before
        return error

    def _run(self, url: DatabaseUrl, text: str, progress) -> None:
        database = open_database(url)
        try:
            import_database(self.lake, database, parse(text, "m"), ImportOptions(AT), progress)
        finally:
            database.close()


@pytest.fixture
def attempt(fresh, lake) -> Attempt:
    server, name = fresh
    server.sql(TABLES, name)
    server.rows(name, "events", [(1, 2, "I1", "2025-01-01 00:00:00", None, "view")])
    return Attempt(server, name, lake)


def told(error: EndcapError) -> tuple[type, str, str, object]:
    return type(error), error.code, error.field, error.value


def test_the_network(attempt, monkeypatch) -> None:
    unknown = attempt.fails(host="no-such-host.invalid")
    assert told(unknown) == (InvalidInput, "database_host_unknown", "host", "no-such-host.invalid")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        refused = attempt.fails(port=port)
        assert told(refused)[:3] == (Unavailable, "database_refused", f"127.0.0.1:{port}")
        silent.listen()
        begun = time.monotonic()
        slow = attempt.fails(port=port, timeout_s=2)
        assert told(slow) == (Unavailable, "database_timeout", f"127.0.0.1:{port}", "2 s")
        assert time.monotonic() - begun < 60


def test_who_asks(attempt) -> None:
    server, place = attempt.server, f"127.0.0.1:{attempt.server.port}"
    wrong = attempt.fails(password=WRONG)
    assert told(wrong) == (InvalidInput, "database_login_refused", place, "reader")
    nobody = attempt.fails(user="nobody_knows", password=WRONG)
    assert told(nobody) == (InvalidInput, "database_login_refused", place, "nobody_knows")
    missing = attempt.fails(database="no_such_database")
    assert told(missing) == (InvalidInput, "database_missing", place, "no_such_database")
    user = f"few{time.monotonic_ns() % 10**9}"
    if server.dialect == "mysql":
        server.sql(
            f"CREATE USER {user}@'%' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT SELECT ON {attempt.name}.events TO {user}@'%';\n"
            f"GRANT INSERT ON {attempt.name}.hidden TO {user}@'%'"
        )
    else:
        server.sql(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'")
        server.sql(f"GRANT SELECT ON events TO {user}", attempt.name)
    right = attempt.fails(mapping("hidden"), user=user)
    assert told(right) == (InvalidInput, "database_rights_missing", place, user)
    crowd = "ALTER USER {}@'%' WITH MAX_USER_CONNECTIONS 1"
    if server.dialect == "mysql":
        server.sql(crowd.format(user))
        first = open_database(parse_url(server.url(attempt.name, user), password=PASSWORD))
        busy = attempt.fails(user=user)
        first.close()
        server.sql(f"DROP USER {user}@'%'")
    else:
        server.sql(f"ALTER ROLE {user} CONNECTION LIMIT 0")
        busy = attempt.fails(user=user)
        server.sql(f"DROP OWNED BY {user};\nDROP ROLE {user}", attempt.name)
    assert told(busy)[:3] == (Unavailable, "database_busy", place)


# mapping → code, value, a word of what is permitted
MISFITS = [
    (mapping("event"), "database_table_missing", "event", "events"),
    (mapping(user_id="whom"), "database_column_missing", "whom", "who"),
    (mapping(user_id="orders.whom"), "database_column_missing", "orders.whom", "who"),
    (mapping(ts="spot"), "database_column_type", "point", "a time"),
    (mapping(value="at"), "database_column_type", "timestamp", "a number"),
    (mapping(more='watermark = "kind"'), "database_column_type", "varchar(9)", "watermark"),
    (mapping("keyless"), "database_key_missing", "keyless", ""),
    (mapping(more='join.tags.id = "id"'), "database_table_missing", "tags", "events"),
]


@pytest.mark.parametrize("misfit", MISFITS, ids=lambda misfit: f"{misfit[1]} {misfit[2]}")
def test_the_mapping_does_not_fit(attempt, misfit) -> None:
    text, code, value, permitted = misfit
    error = attempt.fails(text)
    kind = {
        "point": set(),
        "timestamp": {"timestamp without time zone"},
        "varchar(9)": {"character varying(9)"},
    }
    if code == "database_column_type" and error.code == "database_column_type":
        assert error.value in {value, *kind[value]}
    else:
        assert (error.code, error.value) == (code, value)
    assert error.field == "[events.view]"
    assert permitted in error.facts.get("permitted", "")


def test_a_zone_that_the_server_does_not_know(attempt) -> None:
    error = attempt.fails('time_zone = "Mars/Olympus"\n' + mapping())
    expected = {"mysql": "database_time_zone", "postgresql": "database_query_failed"}
    assert error.code == expected[attempt.server.dialect]


@pytest.fixture
def many(attempt, monkeypatch) -> Attempt:
    """400,000 events, far more than the network holds, read 20,000 at a time."""
    monkeypatch.setattr(rows, "ROWS", 20_000)
    numbers = {
        "mysql": "SELECT seq + 1, seq % 97, REPEAT('x', 200), '2025-01-01', NULL, 'filler' "
        "FROM seq_1_to_400000",
        "postgresql": "SELECT n + 1, n % 97, REPEAT('x', 200), timestamp '2025-01-01', NULL, '' "
        "FROM generate_series(1, 400000) n",
    }
    attempt.server.sql(f"INSERT INTO events {numbers[attempt.server.dialect]}", attempt.name)
    return attempt


def hang_up(server) -> None:
    """End the connection of the reader from the other side."""
    if server.dialect == "mysql":
        server.sql("KILL USER reader")
    else:
        server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'"
        )


def test_a_connection_that_ends_in_the_middle_goes_on_with_the_next(many, importing) -> None:
    seen: list[int] = []

    def progress(state) -> None:
        seen.append(state.rows)
        if len(seen) == 1:
            hang_up(many.server)

    text = mapping(more='watermark = "id"')
    error = many.fails(text, progress)
    assert told(error)[:3] == (Unavailable, "database_gone", f"127.0.0.1:{many.server.port}")
    assert 0 < seen[-1] < 400_001
    report = importing(many.server, many.name, text)
    assert report.tables["events"].rows == 400_001
    assert report.tables["events"].repeats == 0
    with many.lake.connect() as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT event_id) FROM events"
        ).fetchall()
    assert found == [(400_001, 400_001)]
    (mark,) = many.lake.manifest().marks
    assert (mark.column, mark.value) == ("id", "400001")


def test_an_extra_that_is_not_installed(attempt, monkeypatch) -> None:
    monkeypatch.setattr(bootstrap, "find_spec", lambda _: None)
    error = attempt.fails()
    assert error.code == "database_extra_missing"
    assert error.facts["permitted"] in ("mysql", "postgres")
