"""``endcap import URL`` as a process: passwords nobody sees, kills, full disks, TLS."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from endcap.data.lake import Lake

pytestmark = pytest.mark.server

PASSWORD = "reAd:er/@ %secret"
IN_URL = "reAd%3Aer%2F%40%20%25secret"
ROWS = 150_000  # two chunks
MAPPING = """
[events.view]
table = "views"
watermark = "id"
columns = { user_id = "who", item_id = "what", ts = "at" }
"""


class Shop:
    """A database with ROWS views, and a home to import them into."""

    def __init__(self, server, name: str, folder: Path) -> None:
        self.server, self.name, self.folder, self.home = server, name, folder, folder / "home"
        self.mapping = folder / "views.toml"
        self.mapping.write_text(MAPPING)
        server.sql("CREATE TABLE views (id INT PRIMARY KEY, who INT, what INT, at INT)", name)
        self.add(1, ROWS)

    def add(self, first: int, last: int) -> None:
        columns = "{0}, {0} % 991, {0} % 89, 1700000000 + {0}"
        numbers = {
            "mysql": f"SELECT {columns.format('seq')} FROM seq_{first}_to_{last}",
            "postgresql": f"SELECT {columns.format('n')} FROM generate_series({first}, {last}) n",
        }
        self.server.sql(f"INSERT INTO views {numbers[self.server.dialect]}", self.name)

    def words(self, *more: str, password: str = "") -> list[str]:
        url = self.server.url(self.name, password=password)
        return [
            sys.executable,
            "-m",
            "endcap",
            "import",
            url,
            "--mapping",
            str(self.mapping),
            *more,
        ]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ENDCAP_")}
        return {**kept, "ENDCAP_HOME": str(self.home), **more}

    def run(self, *more: str, password: str = "", limit: int = 0, **settings: str):
        done = subprocess.run(
            self.words(*more, password=password), env=self.environment(**settings),
            capture_output=True, text=True, timeout=280, check=False,
            preexec_fn=(lambda: limit_files(limit)) if limit else None,
        )  # fmt: skip
        for secret in (PASSWORD, IN_URL):
            assert secret not in done.stdout + done.stderr
        return done

    @property
    def lake(self) -> Lake:
        return Lake(self.home / "groups" / "default" / "lake", 256, 1)

    def whole(self, rows: int = ROWS) -> bool:
        with self.lake.connect() as connection:
            found = connection.execute(
                "SELECT count(*), count(DISTINCT event_id) FROM events"
            ).fetchall()
        return found == [(rows, rows)]


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.fixture
def shop(fresh, tmp_path: Path) -> Shop:
    server, name = fresh
    return Shop(server, name, tmp_path)


@pytest.fixture
def maria_shop(mariadb, tmp_path: Path) -> Shop:
    name = f"c{time.monotonic_ns()}"
    mariadb.sql(f"CREATE DATABASE {name}")
    return Shop(mariadb, name, tmp_path)


def holders(folder: Path, words: tuple[str, ...]) -> list[str]:
    """Files below ``folder`` in which one of the words stands."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and any(word.encode() in path.read_bytes() for word in words):
            found.append(str(path))
    return found


def arguments_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")


def test_a_password_is_seen_by_nobody(shop: Shop) -> None:
    process = subprocess.Popen(
        shop.words("--json", password=IN_URL), env=shop.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    seen = set()
    while process.poll() is None:
        seen.add(IN_URL in arguments_of(process.pid))
        time.sleep(0.05)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert False in seen  # taken out while it ran
    assert IN_URL not in out + err
    assert PASSWORD not in out + err
    assert shop.whole()
    assert holders(shop.home, (PASSWORD, IN_URL)) == []


def test_a_password_of_a_file_or_the_environment(maria_shop: Shop) -> None:
    shop = maria_shop
    secret = shop.folder / "password"
    secret.write_text(PASSWORD + "\n")
    assert shop.run("--password-file", str(secret)).returncode == 0
    assert shop.run(ENDCAP_DATABASE_PASSWORD=PASSWORD).returncode == 0
    assert shop.whole()
    wrong = shop.run(ENDCAP_DATABASE_PASSWORD="wr0ng")
    assert (wrong.returncode, "wr0ng" in wrong.stderr) == (2, False)
    assert "refuses the user 'reader'" in wrong.stderr
    lost = shop.run("--password-file", str(shop.folder / "none"))
    assert (lost.returncode, "cannot read" in lost.stderr) == (2, True)


def staged(shop: Shop) -> int:
    """Chunks that a killed import has left."""
    return len([*(shop.lake.root / "staging").glob("*/*.parquet")])


def test_killed_in_the_middle_it_goes_on_without_loss_or_repeat(shop: Shop) -> None:
    kills = 0
    for wanted in (1, 2):
        process = subprocess.Popen(
            shop.words(), env=shop.environment(ENDCAP_DATABASE_PASSWORD=PASSWORD),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while process.poll() is None and staged(shop) < wanted:
            time.sleep(0.002)
        process.kill()
        kills += process.wait() != 0
        assert shop.lake.manifest().marks == ()
    assert kills == 2
    before = staged(shop)
    shop.add(ROWS + 1, ROWS + 5)  # what is new meanwhile comes as well, now or next time
    done = shop.run("--json", ENDCAP_DATABASE_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    assert before >= 2
    again = shop.run("--json", ENDCAP_DATABASE_PASSWORD=PASSWORD)
    assert again.returncode == 0, again.stderr
    assert shop.whole(ROWS + 5)
    (mark,) = shop.lake.manifest().marks
    assert mark.value == str(ROWS + 5)


def test_a_full_disk_is_said_and_nothing_is_lost(maria_shop: Shop) -> None:
    shop = maria_shop
    full = shop.run(limit=600_000, ENDCAP_DATABASE_PASSWORD=PASSWORD)
    assert full.returncode == 1
    assert "the disk is full" in full.stderr
    assert "traceback" not in full.stderr
    assert shop.lake.manifest().version == 0
    assert shop.run(ENDCAP_DATABASE_PASSWORD=PASSWORD).returncode == 0
    assert shop.whole()


def test_what_the_command_line_refuses(maria_shop: Shop, endcap) -> None:
    shop = maria_shop
    url = shop.server.url(shop.name)
    missing = endcap("import", url, check=False)
    assert (missing.returncode, "--propose" in missing.stderr) == (2, True)
    files = endcap("import", url, "--users", "u.csv", check=False)
    assert (files.returncode, "--users is for files" in files.stderr) == (2, True)
    alone = endcap("import", "--full", check=False)
    assert (alone.returncode, "--full is for databases" in alone.stderr) == (2, True)
    for wrong in ("oracle://u@h/d", "mysql://h/d", "mysql://u:pw-x@h", "mysql://u:pw-x@h:port/d"):
        refused = endcap("import", wrong, "--propose", check=False)
        assert (refused.returncode, "names no database" in refused.stderr) == (2, True)
        assert "pw-x" not in refused.stderr
    nothing = endcap("import", url, "--propose", check=False, ENDCAP_DATABASE_PASSWORD=PASSWORD)
    assert (nothing.returncode, "no table that looks like" in nothing.stderr) == (2, True)
