"""What checkov finds in the Terraform is mended or has a reason beside it; no right is wider than
it must be without a comment that says why."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"
FILES = sorted(path for place in ("modules", "envs") for path in (INFRA / place).rglob("*.tf"))

SKIP = re.compile(r"#\s*checkov:skip=(?P<id>[^:\s]*)(:(?P<reason>.*))?")
# A right: "s3:*", "s3:Get*", "*" (of any service), in quotes.
WIDE_ACTION = re.compile(r'"(?:[a-z0-9-]+:)?[A-Za-z]*\*"')
ACTION = re.compile(r"(not_?)?actions?", re.IGNORECASE)
ANY_RESOURCE = re.compile(r'\bresources?\b\s*=\s*\[?\s*"\*"', re.IGNORECASE)
NO_RIGHTS = {"log_destination", "cloud_watch_logs_group_arn"}  # which end in ":*" by definition
WIDE_ARN = re.compile(r'"[^"]*(?:arn:|arn\}|_arn|\.arn)[^"]*\*[^"]*"')


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What checkov says of all modules and environments, which are read as they are written."""
    if not CHECKOV.exists():
        pytest.fail("checkov is not there: make setup-checkov", pytrace=False)
    home = tmp_path_factory.mktemp("checkov")
    words = ["--directory", INFRA, "--framework", "terraform", "--output", "json", "--compact"]
    quiet = ["--skip-download", "--download-external-modules", "False"]
    done = subprocess.run(
        [CHECKOV, *words, *quiet, "--skip-path", r"\.terraform", "--skip-path", "/tests/"],
        capture_output=True, text=True, timeout=240, check=False, cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LOG_LEVEL": "ERROR"},
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.server
def test_nothing_is_found_that_has_no_reason(report: Any) -> None:
    found = sorted(
        f"{check['check_id']} {check['resource']} ({check['file_path']}): {check['check_name']}"
        for check in report["results"]["failed_checks"]
    )
    assert found == []


@pytest.mark.server
def test_every_file_was_read(report: Any) -> None:
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 100


@pytest.mark.server
def test_no_reason_outlives_what_it_is_for(report: Any) -> None:
    """A skip whose check would pass, or of a check that is not there, is to go."""
    used = {
        (check["file_path"].lstrip("/"), check["check_id"])
        for check in report["results"]["skipped_checks"]
    }
    written = {
        (str(skip.file.relative_to(INFRA)), skip.check)
        for file in FILES
        for skip in skips(file.read_text("utf-8"), file)
    }
    assert written - used == set()


class Skip(NamedTuple):
    file: Path
    line: int
    check: str
    reason: str


def skips(text: str, file: Path) -> Iterator[Skip]:
    for number, line in enumerate(text.splitlines(), 1):
        if found := SKIP.search(line):
            yield Skip(file, number, found["id"], (found["reason"] or "").strip())


def test_every_skip_names_a_check_and_a_reason() -> None:
    known = [skip for file in FILES for skip in skips(file.read_text("utf-8"), file)]
    bare = [
        f"{name(skip.file)}:{skip.line}"
        for skip in known
        if not re.fullmatch(r"CKV2?_AWS_\d+", skip.check) or len(skip.reason.split()) < 4
    ]
    assert known
    assert bare == []


@pytest.mark.parametrize(
    "comment",
    ["#checkov:skip=CKV_AWS_18", "# checkov:skip=CKV_AWS_18: no", "#checkov:skip=:because"],
)
def test_a_skip_without_a_reason_is_seen(comment: str) -> None:
    (skip,) = skips(comment, INFRA)
    assert not re.fullmatch(r"CKV2?_AWS_\d+", skip.check) or len(skip.reason.split()) < 4


def explained(lines: list[str], number: int) -> bool:
    """Whether a comment stands on the line or above it in the same block, without a gap between."""
    if " # " in lines[number]:
        return True
    for line in reversed(lines[:number]):
        if line.strip().startswith("#") or " # " in line:
            return True
        if not line.strip() or line.rstrip().endswith("{"):
            return False
    return False


def unexplained(text: str) -> list[int]:
    """Lines with a wildcard in a right and no comment that goes with it."""
    lines = text.splitlines()
    found, opened = [], ""  # the attribute that is being read
    for number, line in enumerate(lines):
        code = line.partition(" # ")[0]
        if code.strip().startswith("#"):
            continue
        if attribute := re.match(r'\s*"?([A-Za-z_:]+)"?\s*=', code):
            opened = attribute[1]
        wide = (
            ANY_RESOURCE.search(code)
            or (WIDE_ARN.search(code) and opened not in NO_RIGHTS)
            or (WIDE_ACTION.search(code) and ACTION.fullmatch(opened))
        )
        if wide and not explained(lines, number):
            found.append(number + 1)
    return found


@pytest.mark.parametrize("file", FILES, ids=name)
def test_every_wildcard_in_a_right_is_explained(file: Path) -> None:
    assert unexplained(file.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('Action = "s3:*"', [1]),
        ('actions = ["s3:Get*"]', [1]),
        ('Action = "*"', [1]),
        ('Resource = "*"', [1]),
        ('resources = ["*"]', [1]),
        ('Resource = "${var.bucket.arn}/*"', [1]),
        ('Resource = [\n  "${var.bucket.arn}/*",\n]', [2]),
        ('Action = [\n  "s3:GetObject",\n  "s3:Put*",\n]', [3]),
        ('# why\nResource = "*"', []),
        ('# why\nResource = [\n  "a",\n  "${var.bucket.arn}/*",\n]', []),
        ('Action = "s3:*" # a refusal', []),
        ('# why\n\nResource = "*"', [3]),
        ('# why\ndata "x" "y" {\n  Resource = "*"', [3]),
        ('# why\nActions = ["s3:GetObject"]\nResource = ["${var.bucket.arn}/*"]', []),
        ('log_destination = "${aws_cloudwatch_log_group.this.arn}:*"', []),
        ('Action = "s3:GetObject"', []),
        ('description = "s3:* is forbidden"', []),
    ],
)
def test_what_is_a_wildcard_without_a_reason(text: str, lines: list[int]) -> None:
    assert unexplained(text) == lines
