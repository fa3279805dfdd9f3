"""Runs in a Python that has pyspark: the job of ``entrypoints/glue.py``, several in one session.

Reads a JSON object from stdin: ``master`` and ``jobs``, the arguments of each; writes a line of
JSON for each job that is done.
"""

from __future__ import annotations

import json
import sys

import msgspec

from endcap.adapters.spark_session import open_session
from endcap.entrypoints import glue

AT = 1_760_000_000_000_000


def main() -> None:
    plan = json.load(sys.stdin)
    session = open_session(plan["master"], 768, 2)
    for job in plan["jobs"]:
        record = glue.run(session, job, AT)
        print(msgspec.json.encode(record).decode(), flush=True)  # noqa: T201
    session.stop()


if __name__ == "__main__":
    main()
