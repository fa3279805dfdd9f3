"""A standalone Spark cluster on this machine, a master and two workers, while tests run.

Everything listens on the loopback on free ports. What a test sees of a failure are the logs of
the master, the workers and their executors.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WORKERS = 2
WORKER_MB, EXECUTOR_MB = 900, 700
READY_S, STOP_S = 90.0, 15.0
TAIL = 1500  # characters of each log that a failure tells
DEPLOY = "org.apache.spark.deploy"
# Small data: compiling for speed would take most of the time, and so would many threads and files.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true"
DEFAULTS = f"""\
spark.executor.memory {EXECUTOR_MB}m
spark.network.timeout 300s
spark.executor.heartbeatInterval 20s
spark.sql.shuffle.partitions 4
spark.local.dir {{folder}}/local
"""


class Cluster:
    """``url`` is the master's; ``environment``: what a driver runs in; all lies in ``folder``."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder, self.python, self.url = folder, python, ""
        self.processes: list[subprocess.Popen[bytes]] = []
        (self.home,) = (python.parents[1] / "lib").glob("python*/site-packages/pyspark")
        (core,) = (self.home / "jars").glob("spark-core_*.jar")
        (folder / "conf").mkdir(parents=True)
        (folder / "conf/spark-defaults.conf").write_text(DEFAULTS.format(folder=folder))
        own = ("ENDCAP_", "SPARK_", "PYSPARK_", "JAVA_TOOL_OPTIONS")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(own)},
            "SPARK_HOME": str(self.home),
            "SPARK_SCALA_VERSION": core.name.split("_")[1].split("-")[0],  # workers ask for it
            "SPARK_CONF_DIR": str(folder / "conf"),
            "SPARK_LOCAL_DIRS": str(folder / "local"),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "127.0.0.1",
            "PYSPARK_PYTHON": "/there/is/no/python",  # what runs on workers needs none
            "JAVA_TOOL_OPTIONS": JAVA,
        }

    def start(self) -> None:
        here = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        self._java("master", f"{DEPLOY}.master.Master", *here)
        (self.url,) = self._seen("master", r"Starting Spark master at (spark://\S+)", 1)
        for number in range(WORKERS):
            name = f"worker-{number}"
            room = ("--cores", "1", "--memory", f"{WORKER_MB}m")
            place = ("--work-dir", str(self.folder / name))
            self._java(name, f"{DEPLOY}.worker.Worker", *here, *room, *place, self.url)
        self._seen("master", r"Registering worker (\S+)", WORKERS)

    def _java(self, name: str, main: str, *words: str) -> None:
        java = "java"
        if home := self.environment.get("JAVA_HOME"):
            java = f"{home}/bin/java"
        command = [java, "-Xmx256m", "-cp", f"{self.home}/jars/*", main, *words]
        with self.log(name).open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    command, env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _seen(self, name: str, words: str, times: int) -> list[str]:
        """What a log says so many times, as soon as it does."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            found = re.findall(words, self.log(name).read_text("utf-8", "replace"))
            if len(found) >= times:
                return found
            gone = [process.args for process in self.processes if process.poll() is not None]
            assert not gone, f"{gone} ended\n{self.told()}"
            time.sleep(0.1)
        raise AssertionError(f"the {name} never said {words!r}\n{self.told()}")

    def told(self) -> str:
        """The end of every log."""
        logs = [*self.folder.glob("*.log"), *self.folder.glob("worker-*/app-*/*/stderr")]
        texts = [(path, path.read_text("utf-8", "replace")[-TAIL:]) for path in sorted(logs)]
        return "\n".join(f"== {path.relative_to(self.folder)}\n{text}" for path, text in texts)

    def executors(self) -> set[tuple[str, str]]:
        """(worker, application) of all that ever ran."""
        found = self.folder.glob("worker-*/app-*/*/stderr")
        return {(path.parts[-4], path.parts[-3]) for path in found}

    def stop(self) -> None:
        """Each with what it started; a worker ends its executors itself."""
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_S)
        shutil.rmtree(self.folder / "local", ignore_errors=True)


@contextmanager
def cluster(folder: Path, python: Path) -> Iterator[Cluster]:
    """A running one; raises AssertionError with its logs where it does not start."""
    made = Cluster(folder, python)
    try:
        made.start()
        yield made
    finally:
        made.stop()
