"""A generated shop in a MariaDB of its own: import, import of what is new, kill and resume.

    python bench/databases.py --lines 5000000

Needs ``mariadbd`` and ``mariadb-install-db`` (make setup-databases).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pymysql

from endcap.data.lake import Lake

LINES_OF_ORDER = 3
TABLES = """
CREATE TABLE users (id INT PRIMARY KEY, city VARCHAR(40), country VARCHAR(40), updated_at DATETIME);
CREATE TABLE products (id INT PRIMARY KEY, name VARCHAR(80), category VARCHAR(40),
  description TEXT, price DECIMAL(10, 2), available TINYINT(1), created_at DATETIME,
  updated_at DATETIME);
CREATE TABLE orders (id INT PRIMARY KEY, user_id INT NOT NULL, created_at DATETIME NOT NULL,
  status VARCHAR(12) NOT NULL);
CREATE TABLE order_items (id INT PRIMARY KEY, order_id INT NOT NULL, product_id INT NOT NULL,
  quantity INT NOT NULL, price DECIMAL(10, 2) NOT NULL);
CREATE TABLE ratings (id INT PRIMARY KEY, user_id INT NOT NULL, product_id INT NOT NULL,
  rating TINYINT NOT NULL, created_at DATETIME NOT NULL)
"""


class Server:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        data = folder / "mariadb"
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root",
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True,
        )  # fmt: skip
        self.process = subprocess.Popen(
            ["mariadbd", "--no-defaults", f"--datadir={data}", f"--port={self.port}",
             "--bind-address=127.0.0.1", f"--socket={folder / 's'}", "--user=root",
             "--innodb-buffer-pool-size=256M", "--skip-log-bin", "--default-time-zone=+00:00",
             "--innodb-flush-log-at-trx-commit=0", "--performance-schema=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(300):
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            time.sleep(0.1)
        self.sql(
            "CREATE DATABASE shop;\nCREATE USER reader@'%' IDENTIFIED BY 'bench';\n"
            "GRANT SELECT ON shop.* TO reader@'%'", "mysql",
        )  # fmt: skip

    def sql(self, text: str, database: str = "shop") -> None:
        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True
        )
        with connection, connection.cursor() as cursor:
            for statement in filter(str.strip, text.split(";\n")):
                cursor.execute(statement)

    def fill(self, first: int, last: int) -> None:
        """Order lines ``first`` to ``last`` (from 1), and the orders they are of."""
        orders = f"seq_{(first - 1) // LINES_OF_ORDER + 1}_to_{(last - 1) // LINES_OF_ORDER + 1}"
        self.sql(
            "INSERT IGNORE INTO orders SELECT seq, 1 + CRC32(seq) % 200000, "
            "'2022-01-01' + INTERVAL seq * 45 SECOND, "
            f"IF(seq % 50, 'shipped', 'cancelled') FROM {orders}"
        )
        self.sql(
            f"INSERT INTO order_items SELECT seq, (seq - 1) DIV {LINES_OF_ORDER} + 1, "
            "1 + FLOOR(20000 * POW(CRC32(seq * 7) / 4294967296, 3)), 1 + CRC32(seq) % 4, "
            f"1 + CRC32(seq * 3) % 9000 / 100 FROM seq_{first}_to_{last}"
        )


def catalogue(server: Server) -> None:
    server.sql(TABLES)
    server.sql(
        "INSERT INTO users SELECT seq, CONCAT('city ', seq % 500), CONCAT('country ', seq % 40), "
        "'2022-01-01' + INTERVAL seq MINUTE FROM seq_1_to_200000"
    )
    server.sql(
        "INSERT INTO products SELECT seq, CONCAT('product ', seq), CONCAT('category ', seq % 60), "
        "REPEAT('words of it ', 20), seq % 9000 / 100, 1, '2021-01-01', "
        "'2022-01-01' + INTERVAL seq MINUTE "
        "FROM seq_1_to_20000"
    )


class Import:
    """``endcap import`` of the server into a home, with the memory it took at most."""

    def __init__(self, server: Server, home: Path) -> None:
        self.began = time.monotonic()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ENDCAP_")}
        environment |= {
            "ENDCAP_HOME": str(home), "ENDCAP_DATABASE_PASSWORD": "bench",
        }  # fmt: skip
        self.lake = home / "groups" / "default" / "lake"
        self.known = {path.name for path in (self.lake / "events").glob("*/*.parquet")}
        self.peak_mb, self.read_s, self.cpu_before_s = 0, 0.0, children_cpu_s()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "endcap", "import",
             f"mysql://reader@127.0.0.1:{server.port}/shop", "--mapping", "shop", "--json"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def look(self) -> None:
        with suppress(OSError, StopIteration):  # it has just ended
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            self.peak_mb = max(self.peak_mb, int(peak.split()[1]) // 1024)

    def staged(self) -> int:
        return len([*(self.lake / "staging").glob("*/*.parquet")])

    def merging(self) -> bool:
        """Whether all is read: events of this import are being written into the lake."""
        return any(
            path.name not in self.known for path in (self.lake / "events").glob("*/*.parquet")
        )

    def finish(self) -> dict:
        while self.process.poll() is None:
            self.look()
            if not self.read_s and self.merging():
                self.read_s = time.monotonic() - self.began
            time.sleep(0.1)
        assert self.process.stdout is not None
        assert self.process.returncode == 0
        self.seconds = time.monotonic() - self.began
        self.cpu_s = children_cpu_s() - self.cpu_before_s
        return json.loads(self.process.stdout.read())

    def kill_at(self, chunks: int) -> int:
        while self.process.poll() is None and self.staged() < chunks:
            self.look()
            time.sleep(0.05)
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait() != 0, "it was over before it was killed"
        return self.staged()


def children_cpu_s() -> float:
    """Of imports that have ended; the server is a child that has not."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def content(home: Path) -> tuple[int, ...]:
    """Events, distinct ids, and sums that differ where any event does."""
    with Lake(home / "groups" / "default" / "lake", 512, 1).connect() as connection:
        (found,) = connection.execute(
            "SELECT count(*), count(DISTINCT event_id), sum(ts), sum(value), "
            "sum(hash(user_id, item_id, ts, value, event_id)::HUGEINT) FROM events"
        ).fetchall()
    return tuple(map(int, found))


@contextmanager
def server_in(folder: Path):
    server = Server(folder)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(60)


def row(name: str, one: Import, report: dict) -> None:
    events = report["tables"]["events"]
    rows = sum(table["rows"] for table in report["tables"].values())
    print(
        f"| {name} | {rows:,} | {events['accepted']:,} | {events['repeats']:,} "
        f"| {one.read_s:.0f} | {one.seconds:.0f} | {one.cpu_s:.0f} "
        f"| {rows / one.seconds:,.0f} | {rows / one.cpu_s:,.0f} | {one.peak_mb} |", flush=True,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000)
    lines = parser.parse_args().lines
    folder = Path(tempfile.mkdtemp(prefix="endcap-databases-"))
    try:
        with server_in(folder) as server:
            began = time.monotonic()
            catalogue(server)
            server.fill(1, lines)
            print(f"{lines:,} lines made in {time.monotonic() - began:.0f} s\n", flush=True)
            print(
                "| import | rows | events | repeats | read s | s | CPU s | rows/s | /CPU s | MB |"
            )
            print("|---|---|---|---|---|---|---|---|---|---|")
            measure(server, folder, lines)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(server: Server, folder: Path, lines: int) -> None:
    calm, rough = folder / "calm", folder / "rough"
    first = Import(server, calm)
    row("everything", first, first.finish())
    killed = Import(server, rough)
    chunks = killed.kill_at(lines // 200_000 + 3)
    resumed = Import(server, rough)
    row(f"killed after {chunks} chunks, resumed", resumed, resumed.finish())
    same = content(calm) == content(rough)
    assert same, "what a killed import left differs"
    server.fill(lines + 1, lines + 50_000)
    again = Import(server, calm)
    row("50,000 lines more", again, again.finish())
    assert content(calm)[0] == content(calm)[1]


if __name__ == "__main__":
    main()
