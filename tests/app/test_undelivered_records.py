"""Erasure looks into records that a delivery stream of Firehose could not have answered."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from endcap.app.stream_parts import FolderParts, erase_answers

PLACE = "firehose/failed/date=2026-01-05/processing-failed-shop-1-2026-01-05-10-00-00-0a.jsonl"


def undelivered(data: bytes) -> bytes:
    """A line as Firehose writes it for a record whose answer was ProcessingFailed."""
    told = {
        "attemptsMade": 1, "arrivalTimestamp": 1767607200000, "lambdaArn": "arn",
        "errorCode": "Lambda.ProcessingFailedStatus", "errorMessage": "…",
        "attemptEndingTimestamp": 1767607260000, "rawData": base64.b64encode(data).decode(),
    }  # fmt: skip
    return json.dumps(told).encode() + b"\n"


def test_a_record_in_base64_is_found_by_its_user(tmp_path: Path) -> None:
    files = FolderParts(tmp_path)
    hers, his = undelivered(b'{"userId":"u1","k":0}'), undelivered(b'{"userId":"u11"}')
    broken = undelivered(b'{"userId":"u1"')
    files.replace(PLACE, hers + his + broken + b'{"by":"another program"}\n')
    assert erase_answers(files, ["u1"]) == {"u1": 2}
    assert [content for _, content in files.read("")] == [his + b'{"by":"another program"}\n']


def test_a_record_that_is_no_base64_is_looked_through_as_it_stands(tmp_path: Path) -> None:
    files = FolderParts(tmp_path)
    files.replace(PLACE, b'{"rawData":"?","userId":"u1"}\n{"rawData":"?"}\n')
    assert erase_answers(files, ["u1"]) == {"u1": 1}
    assert [content for _, content in files.read("")] == [b'{"rawData":"?"}\n']
