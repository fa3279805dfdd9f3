"""Opening a Spark session as the ETL needs it: UTC, ANSI rules, nothing on other interfaces.

pyspark is imported when a session is opened: Endcap runs without it.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from endcap.domain.errors import InvalidInput, Unavailable

CONNECT_S = 5.0
LOCAL = re.compile(r"local(\[.*\])?$")
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.adaptive.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}


def open_session(master: str | None, memory_mb: int = 1024, shuffles: int | None = None) -> Any:
    """A session on ``master`` (``local[2]``, ``spark://host:port`` …); None: what the surroundings
    say, as on Glue and EMR. ``shuffles``: partitions of a shuffle, before they are joined.

    Raises InvalidInput (spark_extra_missing, java_missing), Unavailable (spark_unreachable).
    """
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise InvalidInput("spark_extra_missing", field="pyspark", value=error.name) from None
    if master is not None:
        _require_java()
        _require_master(master)
    builder = SparkSession.builder.appName("endcap etl")
    for name, value in {**SETTINGS, **endpoint_of(os.environ)}.items():
        builder = builder.config(name, value)
    if shuffles is not None:
        builder = builder.config("spark.sql.shuffle.partitions", str(shuffles))
    if master is not None:
        builder = builder.master(master).config("spark.driver.memory", f"{memory_mb}m")
        if _on_this_machine(master):
            builder = builder.config("spark.driver.host", "127.0.0.1")
            builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise _told(error, master) from error
    session.sparkContext.setLogLevel("ERROR")
    return session


def endpoint_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Where Hadoop's s3a finds a service that is not Amazon's; keys it takes from the AWS_…
    variables by itself."""
    url = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if not url:
        return {}
    return {
        "spark.hadoop.fs.s3a.endpoint": url,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(url.startswith("https:")).lower(),
    }


def _told(error: Exception, master: str | None) -> Exception:
    if "JAVA_GATEWAY_EXITED" in str(error) or "Java gateway" in str(error):
        return InvalidInput("java_missing", field="JAVA_HOME", reason="it could not be started")
    words = str(error).splitlines() or [type(error).__name__]
    return Unavailable("spark_unreachable", field="--master", value=master, reason=words[0])


def _require_java() -> None:
    """Raises InvalidInput (java_missing)."""
    home = os.environ.get("JAVA_HOME")
    if home and not (Path(home) / "bin" / "java").exists():
        raise InvalidInput("java_missing", field="JAVA_HOME", reason=f"{home} has no bin/java")
    if not home and shutil.which("java") is None:
        raise InvalidInput("java_missing", field="JAVA_HOME", reason="there is no java on PATH")


def _require_master(master: str) -> None:
    """Spark itself would try for a minute. Raises Unavailable (spark_unreachable)."""
    if not master.startswith("spark://"):
        return
    reasons = []
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), CONNECT_S).close()
        except (OSError, ValueError) as error:
            reasons.append(getattr(error, "strerror", None) or str(error))
        else:
            return
    reason = "; ".join(reasons)
    raise Unavailable("spark_unreachable", field="--master", value=master, reason=reason)


def _on_this_machine(master: str) -> bool:
    return bool(LOCAL.match(master)) or "//127.0.0.1:" in master or "//localhost:" in master
