"""What the contract does not say of ``PgVectors``: rights, faults, switches meanwhile, bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import numpy as np
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from endcap.adapters import pgvector
from endcap.adapters.pgvector import SCHEMA_FILE, PgVectors
from endcap.adapters.postgres import Postgres, is_remote, parameters_of
from endcap.domain.errors import EndcapError, InvalidInput, NotFound, Unavailable

ROOT = Path(__file__).parents[2]
IDS = [f"item-{n}" for n in range(40)]
QUERY = np.ones((1, 40), np.float32)
SECRET = "s3cret-word"

pytestmark = pytest.mark.server


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """A new database on the server, and its URL."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield make_conninfo(postgres, dbname=name)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {} (FORCE)").format(sql.Identifier(name)))


def opened(url: str, **options: object) -> PgVectors:
    return PgVectors(Postgres(url), "default", "items", **options)  # type: ignore[arg-type]


def filled(url: str) -> PgVectors:
    index = opened(url)
    index.load("v1", IDS, np.eye(40, dtype=np.float32))
    index.switch("v1")
    return index


def as_role(url: str, role: str) -> str:
    """The URL of a new account that has ``role`` and no more."""
    account = f"test_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(
                sql.Identifier(account), sql.Identifier(role)
            )
        )
    return make_conninfo(url, user=account)


def test_the_file_at_the_root_is_the_one_that_is_used() -> None:
    assert (ROOT / "sql" / "embeddings.sql").read_text() == SCHEMA_FILE.read_text()


def test_the_file_can_be_run_again(database: str) -> None:
    filled(database)
    with psycopg.connect(database) as admin:
        admin.execute((ROOT / "sql" / "embeddings.sql").read_bytes())
    assert len(opened(database).nearest(QUERY, 99).lists[0].ids) == 40


def test_a_reader_reads_and_no_more(database: str) -> None:
    filled(database)
    url = as_role(database, "endcap_reader")
    reader = opened(url)
    assert len(reader.nearest(QUERY, 99).lists[0].ids) == 40
    assert reader.vectors(["item-3"])[0, 3] == 1.0
    assert [v.version for v in reader.versions()] == ["v1"]
    for change in (
        lambda: reader.load("v2", IDS, np.eye(40, dtype=np.float32)),
        lambda: reader.switch("v1"),
        lambda: reader.erase(["item-1"]),
    ):
        with pytest.raises(InvalidInput) as caught:
            change()
        assert caught.value.code == "vectors_forbidden"
    with psycopg.connect(url) as plain, pytest.raises(psycopg.errors.InsufficientPrivilege):
        plain.execute("DELETE FROM endcap.vectors_1")


def test_a_loader_goes_on_with_what_another_loaded(database: str) -> None:
    filled(database)
    index = opened(as_role(database, "endcap_loader"))
    index.load("v2", IDS, 2 * np.eye(40, dtype=np.float32))
    index.switch("v2")
    index.load("v3", IDS, 3 * np.eye(40, dtype=np.float32))
    index.switch("v3")  # drops v1, which the administrator had loaded
    assert [v.version for v in index.versions()] == ["v2", "v3"]
    assert index.erase(["item-1"]) == 2


def test_the_view_shows_what_answers(database: str) -> None:
    index = opened(database)
    for version, n in (("v1", 3), ("v2", 5)):
        index.load(version, IDS[:n], np.eye(n, dtype=np.float32), {"colour": ["red"] * n})
        index.switch(version)
        with psycopg.connect(database) as plain:
            rows = plain.execute("SELECT id, labels, version FROM endcap.default_items").fetchall()
        assert sorted(rows) == [(i, {"colour": "red"}, version) for i in sorted(IDS[:n])]


def test_the_index_is_used_and_measured(database: str) -> None:
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((3000, 16)).astype(np.float32)
    index = opened(database, exact_to=0)
    index.load("v1", [f"item-{n:05d}" for n in range(3000)], vectors)
    index.switch("v1")
    (held,) = index.versions()
    assert 0.95 <= held.recall <= 1.0
    found = index.nearest(vectors[:20], 10)
    true = np.argsort(-(vectors[:20] @ vectors.T), axis=1)[:, :10]
    hits = [
        len({int(i.removeprefix("item-")) for i in one.ids} & set(row.tolist()))
        for one, row in zip(found.lists, true, strict=True)
    ]
    assert np.mean(hits) >= 9
    with psycopg.connect(database) as plain:
        (scans,) = plain.execute(
            "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname LIKE '%embedding%'"
        ).fetchone() or (0,)
    assert scans > 0


def test_a_filtered_search_finds_what_is_nearest(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one where few are permitted, through a wider search of the graph where many are."""
    monkeypatch.setattr(pgvector, "MOST_EXACT", 150)
    draw = np.random.default_rng(0)
    vectors = draw.standard_normal((5000, 16)).astype(np.float32)
    ids = [f"item-{n:05d}" for n in range(5000)]
    index = opened(database, exact_to=0)
    index.load(
        "v1", ids, vectors, {"size": ["s" if n % 50 == 0 else "ml"[n % 2] for n in range(5000)]}
    )
    index.switch("v1")
    for size, least in (("s", 1.0), ("m", 0.93)):
        kept = [
            n for n in range(5000) if (n % 50 == 0) == (size == "s") and (size == "s" or n % 2 == 0)
        ]
        shares = []
        for query in draw.standard_normal((20, 16)).astype(np.float32):
            best = np.argsort(-(vectors[kept] @ query))[:10]
            found = index.nearest(query[None, :], 10, {"size": [size]}).lists[0].ids
            shares.append(len(set(found) & {ids[kept[at]] for at in best}) / 10)
        assert np.mean(shares) >= least


def test_every_answer_during_switches_is_of_one_version(database: str) -> None:
    writer = filled(database)
    done, wrong, asked = Event(), [], []

    def look() -> None:
        reader = opened(database)
        while not done.is_set():
            found = reader.nearest(np.ones((2, 40), np.float32), 5)
            asked.append(found.version)
            for one in found.lists:
                if set(one.scores) != {float(found.version.removeprefix("v"))}:
                    wrong.append((found.version, one.scores))

    def search() -> None:
        try:
            look()
        except EndcapError as error:
            wrong.append(error)

    threads = [Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for n in range(2, 7):
            writer.load(f"v{n}", IDS, n * np.eye(40, dtype=np.float32))
            writer.switch(f"v{n}")
            writer.erase([f"item-{n}"])
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(set(asked)) > 1


def test_what_is_erased_stands_in_no_file_of_the_tables(database: str) -> None:
    index = opened(database)
    ids = [f"shopper-{n:04d}-letters" for n in range(2000)]
    index.load("v1", ids, np.ones((2000, 2), np.float32))
    index.switch("v1")
    assert index.erase(["shopper-0777-letters"]) == 1
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CHECKPOINT")
        (folder,) = admin.execute("SHOW data_directory").fetchone() or ("",)
        (oid,) = admin.execute(
            "SELECT oid FROM pg_database WHERE datname = current_database()"
        ).fetchone() or (0,)
    files = [path for path in (Path(folder) / "base" / str(oid)).iterdir() if path.is_file()]
    held = {path.name for path in files if b"shopper-0778-letters" in path.read_bytes()}
    assert held, "the ids stand somewhere else"
    assert [path.name for path in files if b"shopper-0777-letters" in path.read_bytes()] == []


def refused(url: str) -> EndcapError:
    with pytest.raises(EndcapError) as caught:
        opened(url).load("v2", IDS, np.eye(40, dtype=np.float32))
    assert SECRET not in str(caught.value)
    return caught.value


def test_nobody_listens() -> None:
    error = refused(f"postgresql://shop:{SECRET}@127.0.0.1:1/none")
    assert (error.code, error.status) == ("vectors_unreachable", 503)


def test_a_host_that_is_not_there() -> None:
    assert refused(f"postgresql://shop:{SECRET}@nowhere.invalid/none").code == "vectors_unreachable"


def test_an_unknown_account_and_database(database: str) -> None:
    where = conninfo_to_dict(database)["host"]
    assert refused(f"host={where} user=nobody-we-know password={SECRET}").code == "vectors_denied"
    assert refused(make_conninfo(database, dbname="none")).code == "vectors_no_database"


def test_a_wrong_password(database: str) -> None:
    """The server asks for one where its file of rules says so."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE ROLE shop_with_password LOGIN PASSWORD 'right'")
        (rules,) = admin.execute("SHOW hba_file").fetchone() or ("",)
        before = Path(rules).read_text()
        try:
            Path(rules).write_text(f"local all shop_with_password scram-sha-256\n{before}")
            admin.execute("SELECT pg_reload_conf()")
            admin.execute("SELECT pg_sleep(0.5)")
            error = refused(make_conninfo(database, user="shop_with_password", password=SECRET))
        finally:
            Path(rules).write_text(before)
            admin.execute("SELECT pg_reload_conf()")
            admin.execute("DROP ROLE shop_with_password")
    assert (error.code, error.status) == ("vectors_denied", 400)


@pytest.mark.parametrize("password", ["{}/x", "{}@x", "x@{}", "{}%x", "x#{}/"])
def test_a_url_that_cannot_be_read_is_not_shown(password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parameters_of(f"postgresql://shop:{password.format(SECRET)}@host/name")
    assert caught.value.code == "bad_vectors_url"
    assert SECRET not in str(caught.value)


def test_the_extension_is_not_there(database: str, postgres: str) -> None:
    index = filled(database)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP SCHEMA endcap CASCADE")
        admin.execute("DROP EXTENSION vector CASCADE")
    with pytest.raises(NotFound) as caught:
        opened(database).nearest(QUERY, 3)
    assert caught.value.code == "vectors_table_missing"
    index.load("v1", IDS, np.eye(40, dtype=np.float32))  # made anew
    index.switch("v1")
    assert len(opened(database).nearest(QUERY, 99).lists[0].ids) == 40


def test_an_account_that_may_not_set_up(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as admin:
        name = f"test_{uuid4().hex}"
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    assert refused(make_conninfo(database, user=name)).code == "vectors_forbidden"


def test_a_broken_connection_is_replaced(database: str) -> None:
    index = filled(database)
    index.nearest(QUERY, 3)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        admin.execute("SELECT pg_sleep(0.2)")
    assert len(index.nearest(QUERY, 3).lists[0].ids) == 3


def ended(url: str, statement: str) -> int:
    """End whoever runs a statement that begins so, once somebody does."""
    with psycopg.connect(url, autocommit=True) as admin:
        for _ in range(500):
            rows = admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE %s "
                "AND pid <> pg_backend_pid() AND state = 'active'",
                [f"{statement}%"],
            ).fetchall()
            if rows:
                return len(rows)
            admin.execute("SELECT pg_sleep(0.01)")
    return 0


def test_a_load_that_is_cut_off_leaves_nothing(database: str) -> None:
    index = filled(database)
    ids = [f"item-{n:06d}" for n in range(30_000)]
    vectors = np.random.default_rng(0).standard_normal((30_000, 32)).astype(np.float32)
    counts: list[int] = []
    cutter = Thread(target=lambda: counts.append(ended(database, "COPY")))
    cutter.start()
    with pytest.raises(Unavailable) as caught:
        index.load("v2", ids, vectors)
    cutter.join()
    assert counts == [1]
    assert caught.value.code == "vectors_unreachable"
    assert [v.version for v in index.versions()] == ["v1"]
    with psycopg.connect(database) as plain:
        names = plain.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'endcap'")
        assert {name for (name,) in names} == {"versions", "ids_1", "vectors_1"}
    index.load("v2", IDS, np.eye(40, dtype=np.float32))


def test_no_room_on_the_disk_leaves_what_answered(database: str) -> None:
    """The server says so in the middle of the transaction, as a real one does."""
    index = filled(database)
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("DROP FUNCTION endcap.finish_version")
        admin.execute(
            "CREATE FUNCTION endcap.finish_version(bigint, boolean, boolean) "
            "RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"
        )
    with pytest.raises(Unavailable) as caught:
        index.load("v2", IDS, np.eye(40, dtype=np.float32))
    assert (caught.value.code, caught.value.value) == ("vectors_no_room", "53100")
    assert [v.version for v in index.versions()] == ["v1"]
    assert len(index.nearest(QUERY, 99).lists[0].ids) == 40


def test_a_search_ends_in_time(database: str) -> None:
    filled(database)
    index = PgVectors(Postgres(database, timeout_s=0.2), "default", "items")
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE endcap.vectors_1 IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable) as caught:
            index.nearest(QUERY, 3)
    assert caught.value.code == "vectors_late"
    assert len(index.nearest(QUERY, 3).lists[0].ids) == 3


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://db.example/shop", "require"),
        ("postgresql://db.example/shop?sslmode=verify-full", "verify-full"),
        ("postgresql://10.0.0.5/shop?sslmode=disable", "disable"),
        ("postgresql://127.0.0.1/shop", None),
        ("postgresql://localhost/shop", None),
        ("host=/run/postgresql", None),
    ],
)
def test_other_machines_are_asked_through_tls(
    url: str, mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    assert parameters_of(url).get("sslmode") == mode


def test_of_several_hosts_one_elsewhere_is_enough() -> None:
    assert is_remote("localhost,db.example")
    assert not is_remote("localhost,127.0.0.1,::1")


def test_the_schema_names_no_account_of_its_own() -> None:
    assert not re.search(r"PASSWORD '(?!…)", SCHEMA_FILE.read_text())
